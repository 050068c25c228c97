"""The staff's desk: the buttons under a post, the form behind one of them, the choice under a digest."""

from contextlib import suppress

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets import MessageKind, Refusal, Ticket
from cogs.core.checks import staff_ticket
from cogs.core.interactions import Asked, refusals_said
from cogs.posts.digest import CHOICE, chosen_ticket
from cogs.tickets.attachments import plain_files, ticket_files
from cogs.tickets.buttons import PATTERN, TicketButton, component_id, ticket_view, unshown_press
from cogs.tickets.embeds import plain_embed, ticket_embed
from cogs.tickets.history import add_events, add_words
from cogs.tickets.modals import OPEN, REPLY, form_id, submitted
from cogs.tickets.replies import keep_reply


class UnknownControl(Refusal):
    """That button or form is not one of mine; nothing was done."""


class Desk(commands.Cog):
    """Press -> rule -> store -> "done", privately.

    Claim, Unclaim, Close, Resolve, Reopen change the ticket at once. Reply opens a form; what comes back is
    kept before it is confirmed. A choice under a digest shows that ticket whole, with these buttons.
    Everything is known by its custom id, so a restart in between loses nothing.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(TicketButton)

    async def cog_unload(self) -> None:
        self.bot.remove_dynamic_items(TicketButton)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Asked) -> None:
        """A form came back or a ticket was chosen, perhaps from before a restart; or a press was forged."""
        press = unshown_press(interaction)
        if press:
            await press.callback(interaction)
        form = REPLY.fullmatch(form_id(interaction) or "")
        async with refusals_said(interaction):
            if form:
                await self._keep_reply(interaction, int(form["id"]))
            elif component_id(interaction) == CHOICE:
                await self._show_chosen(interaction)
            elif _is_misshapen(interaction):
                raise UnknownControl

    async def _keep_reply(self, asked: Asked, ticket_id: int) -> None:
        await asked.response.defer(ephemeral=True, thinking=True)
        await staff_ticket(self.bot.store, asked, ticket_id)
        await keep_reply(asked, ticket_id, submitted(asked).get("text", ""))

    async def _show_chosen(self, asked: Asked) -> None:
        ticket_id = chosen_ticket(asked)
        if ticket_id is None:
            raise UnknownControl
        await asked.response.defer()
        ticket = await staff_ticket(self.bot.store, asked, ticket_id)
        embed = ticket_embed(ticket)
        files = ticket_files(ticket, embed)
        await self._add_history(ticket, embed)
        try:
            await _show(asked, ticket, embed, files)
        except discord.HTTPException as error:
            if error.status != 400:
                raise
            await _show(asked, ticket, plain_embed(ticket), plain_files(ticket))
        await _unchoose(asked)

    async def _add_history(self, ticket: Ticket, embed: discord.Embed) -> None:
        words = [kind for kind in MessageKind if kind is not MessageKind.EVENT]
        add_words(embed, await self.bot.store.messages_of(ticket.id, words))
        add_events(embed, await self.bot.store.messages_of(ticket.id, [MessageKind.EVENT]))


async def _show(asked: Asked, ticket: Ticket, embed: discord.Embed, files: list[discord.File]) -> None:
    """To the one who asked, alone, with its buttons."""
    await asked.followup.send(embed=embed, files=files, view=ticket_view(ticket), ephemeral=True)


async def _unchoose(asked: Asked) -> None:
    """Discord's client lets nobody choose again what it shows as chosen; drawn anew, nothing is."""
    if asked.message is not None:
        view = discord.ui.View.from_message(asked.message, timeout=None)
        view.stop()
        with suppress(discord.HTTPException):  # the digest may be gone by now
            await asked.edit_original_response(view=view)


def _is_misshapen(asked: Asked) -> bool:
    """Whether the id looks like one of ours and is none: somebody made it up."""
    used = component_id(asked) or form_id(asked) or ""
    known = PATTERN.fullmatch(used) or REPLY.fullmatch(used) or used == OPEN
    return used.startswith(("ticket:", "digest:")) and not known


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Desk(bot))
