"""The guard on view-only tickets: what is typed in answer to one is removed, and its author told why."""

import logging

import discord
from discord.ext import commands

from bot.client import TicketBot
from bot.tickets import Ticket, TicketClosed, ViewOnly

log = logging.getLogger(__name__)

_NOTICE_SECONDS = 120.0
# What people type; every other type is Discord's own: pins, renamed threads, new members.
_TYPED = (discord.MessageType.default, discord.MessageType.reply)


class Guard(commands.Cog):
    """Message -> does it answer a post, or stand in a thread on one? -> may it? -> removed, with a notice.

    What was typed is never read: the bot does not ask Discord for message content.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.guild is None or message.type not in _TYPED:
            return
        if self.bot.user and message.author.id == self.bot.user.id:
            return
        ticket = await self._answered(message)
        if ticket is None:
            return
        try:
            ticket.accept_replies()
        except ViewOnly as refusal:
            await self._remove(message, ticket, refusal)
        except TicketClosed:
            return  # staff may go on talking about a closed ticket

    async def _answered(self, message: discord.Message) -> Ticket | None:
        """The ticket whose post this answers: by Discord reply, or in the thread on it (which has its id)."""
        reference = message.reference
        if reference and reference.message_id and reference.type is discord.MessageReferenceType.reply:
            ticket = await self.bot.store.ticket_shown_at(reference.message_id)
            if ticket:
                return ticket
        return await self.bot.store.ticket_shown_at(message.channel.id)

    async def _remove(self, message: discord.Message, ticket: Ticket, refusal: ViewOnly) -> None:
        notice = f"<@{message.author.id}> ⛔ {refusal}"
        try:
            await message.delete()
            notice += " Your message was removed."
        except discord.NotFound:
            pass
        except discord.Forbidden:
            log.warning("Ticket %d: a message stays under it; Manage Messages is missing", ticket.id)
            notice += " (It stays: I need the Manage Messages permission here.)"
        await message.channel.send(notice, delete_after=_NOTICE_SECONDS, silent=True)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Guard(bot))
