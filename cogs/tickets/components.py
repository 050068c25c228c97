"""The staff's desk: the buttons under a post, the form behind one of them, the choice under a digest."""

from contextlib import suppress

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.errors import TicketError
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket
from cogs.core.checks import get_ticket_as_staff
from cogs.core.interactions import BotInteraction, errors_to_user
from cogs.posts.digest import DIGEST_SELECT_ID, selected_ticket_id
from cogs.posts.send import with_fallback
from cogs.tickets.attachments import fallback_files, ticket_files
from cogs.tickets.buttons import (
    BUTTON_ID_PATTERN,
    TicketButton,
    component_custom_id,
    forged_press,
    ticket_view,
)
from cogs.tickets.embeds import fallback_embed, ticket_embed
from cogs.tickets.history import add_events, add_messages
from cogs.tickets.modals import OPEN_MODAL_ID, REPLY_MODAL_ID_PATTERN, modal_custom_id, modal_values
from cogs.tickets.replies import store_reply


class UnknownComponent(TicketError):
    """That button or form is not one of mine; nothing was done."""


class ComponentsCog(commands.Cog):
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
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """A form came back or a ticket was chosen, perhaps from before a restart; or a press was forged."""
        press = forged_press(interaction)
        if press:
            await press.callback(interaction)
        form = REPLY_MODAL_ID_PATTERN.fullmatch(modal_custom_id(interaction) or "")
        async with errors_to_user(interaction):
            if form:
                await self._store_reply(interaction, int(form["id"]))
            elif component_custom_id(interaction) == DIGEST_SELECT_ID:
                await self._show_selected_ticket(interaction)
            elif _is_forged(interaction):
                raise UnknownComponent

    async def _store_reply(self, interaction: BotInteraction, ticket_id: int) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await get_ticket_as_staff(self.bot.store, interaction, ticket_id)
        await store_reply(interaction, ticket_id, modal_values(interaction).get("text", ""))

    async def _show_selected_ticket(self, interaction: BotInteraction) -> None:
        ticket_id = selected_ticket_id(interaction)
        if ticket_id is None:
            raise UnknownComponent
        await interaction.response.defer()
        ticket = await get_ticket_as_staff(self.bot.store, interaction, ticket_id)
        embed = ticket_embed(ticket)
        files = ticket_files(ticket, embed)
        await self._add_history(ticket, embed)
        await with_fallback(
            ticket,
            lambda: _send_ticket(interaction, ticket, embed, files),
            lambda: _send_ticket(interaction, ticket, fallback_embed(ticket), fallback_files(ticket)),
        )
        await _reset_select(interaction)

    async def _add_history(self, ticket: Ticket, embed: discord.Embed) -> None:
        words = [kind for kind in MessageKind if kind is not MessageKind.EVENT]
        add_messages(embed, await self.bot.store.list_messages(ticket.id, words))
        add_events(embed, await self.bot.store.list_messages(ticket.id, [MessageKind.EVENT]))


async def _send_ticket(
    interaction: BotInteraction, ticket: Ticket, embed: discord.Embed, files: list[discord.File]
) -> None:
    """To the one who asked, alone, with its buttons."""
    await interaction.followup.send(embed=embed, files=files, view=ticket_view(ticket), ephemeral=True)


async def _reset_select(interaction: BotInteraction) -> None:
    """Discord's client lets nobody choose again what it shows as chosen; drawn anew, nothing is."""
    if interaction.message is not None:
        view = discord.ui.View.from_message(interaction.message, timeout=None)
        view.stop()
        with suppress(discord.HTTPException):  # the digest may be gone by now
            await interaction.edit_original_response(view=view)


def _is_forged(interaction: BotInteraction) -> bool:
    """Whether the id looks like one of ours and is none: somebody made it up."""
    used = component_custom_id(interaction) or modal_custom_id(interaction) or ""
    known = (
        BUTTON_ID_PATTERN.fullmatch(used) or REPLY_MODAL_ID_PATTERN.fullmatch(used) or used == OPEN_MODAL_ID
    )
    return used.startswith(("ticket:", "digest:")) and not known


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(ComponentsCog(bot))
