"""Replies that staff type in a ticket's thread: kept first, then confirmed by a reaction."""

import logging

import discord

from bot.discord_client.client import TicketBot
from bot.tickets.errors import TicketError
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from cogs.core.checks import is_staff, utc_now
from cogs.messages.view_only import send_temporary_notice

log = logging.getLogger(__name__)

INTERNAL_PREFIX = "//"  # what begins so is not for the reporter
_SAVED_EMOJI, _NOT_SAVED_EMOJI = "✅", "⚠️"
_FILES_NOT_SENT = "⚠️ Your text is kept; files do not reach the reporter."


class TypedReplies:
    """Message -> in the ticket's own thread? -> from its staff? -> store -> ✅, or ⚠️ and the reason.

    A message that comes again is kept once, for its id is the reply's origin, and confirmed once more.
    """

    def __init__(self, bot: TicketBot) -> None:
        self._bot = bot
        self._member_cache: dict[tuple[int, int], discord.Member | None] = {}

    def clear_member_cache(self) -> None:
        """Whoever is asked about next may have another role by now."""
        self._member_cache.clear()

    async def store_reply(self, message: discord.Message, ticket: Ticket) -> None:
        """Raises StorageError, and what Discord raises while it cannot be reached."""
        text = message.content.strip()
        is_here = message.channel.id == ticket.post.thread_id and not ticket.is_private
        if not is_here or text.startswith(INTERNAL_PREFIX):
            return
        author = await self._staff_author(message, ticket)
        if author is None:
            return
        person = Actor(id=str(author.id), name=author.display_name)
        try:
            await self._bot.store.add_message(
                ticket.id,
                lambda kept: kept.reply(person, text),
                origin=f"message:{message.id}",
                now=utc_now(),
                already_visible_in=message.channel.id,
            )
        except TicketError as refusal:
            await _react(message, _NOT_SAVED_EMOJI)
            await send_temporary_notice(
                message, f"{_NOT_SAVED_EMOJI} {refusal} What you typed was not kept as a reply."
            )
        else:
            await _react(message, _SAVED_EMOJI)
            if message.attachments:
                await send_temporary_notice(message, _FILES_NOT_SENT)

    async def _staff_author(self, message: discord.Message, ticket: Ticket) -> discord.Member | None:
        """Who typed it, if they are staff of the ticket's workspace."""
        author = await self._author_member(message)
        if author is None:
            return None
        return author if is_staff(author, await self._bot.store.workspace(ticket.workspace_id)) else None

    async def _author_member(self, message: discord.Message) -> discord.Member | None:
        """What comes live names its author's roles; what is read from the history does not."""
        author, guild = message.author, message.guild
        if author.bot or message.webhook_id or guild is None:
            return None
        if isinstance(author, discord.Member):
            return author
        known = (guild.id, author.id)
        if known not in self._member_cache:
            try:
                self._member_cache[known] = await guild.fetch_member(author.id)
            except discord.NotFound:
                self._member_cache[known] = None
        return self._member_cache[known]


async def _react(message: discord.Message, emoji: str) -> None:
    """A reaction that Discord refuses is left out: what it says is so without it."""
    if any(reaction.me and str(reaction.emoji) == emoji for reaction in message.reactions):
        return
    try:
        await message.add_reaction(emoji)
    except discord.HTTPException as error:
        if error.status >= 500:
            raise
        log.warning("Message %d got no reaction: %s", message.id, error)
