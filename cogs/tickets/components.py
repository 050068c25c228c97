"""What comes back from buttons, selects and modals; and a ticket with its history, shown to one person."""

from collections.abc import Collection
from contextlib import suppress
from functools import partial

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.actions import REPLY, Role
from bot.tickets.errors import TicketError
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket
from cogs.blocks.embeds import not_posted_notice
from cogs.canned.replies import CANNED_INPUT_ID
from cogs.core.checks import get_access
from cogs.core.interactions import BotInteraction, errors_to_user
from cogs.core.markdown import escape_sentence
from cogs.posts.digest import DIGEST_SELECT_ID, selected_ticket_id
from cogs.posts.send import with_fallback
from cogs.tickets.buttons import (
    BUTTON_ID_PATTERN,
    TicketButton,
    add_message,
    component_custom_id,
    forged_press,
    ticket_view,
)
from cogs.tickets.embeds import add_history, fallback_embed, fallback_files, ticket_embed, ticket_files
from cogs.tickets.modals import OPEN_MODAL_ID, REPLY_MODAL_ID_PATTERN, modal_custom_id, modal_values


class UnknownComponent(TicketError):
    """That button or form is not one of mine; nothing was done."""


class ComponentsCog(commands.Cog):
    """Presses of buttons, the modal of a reply, and the select under a digest.

    All are known by their custom ids, so a restart in between loses nothing.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(TicketButton)

    async def cog_unload(self) -> None:
        self.bot.remove_dynamic_items(TicketButton)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Handle a submitted reply, a selected ticket, and forged ids."""
        press = forged_press(interaction)
        if press:
            await press.callback(interaction)
        reply = REPLY_MODAL_ID_PATTERN.fullmatch(modal_custom_id(interaction) or "")
        async with errors_to_user(interaction):
            if reply:
                values = modal_values(interaction)
                text, canned = values.get("text", ""), values.get(CANNED_INPUT_ID)
                await add_message(interaction, REPLY, int(reply["id"]), text, canned=canned)
            elif component_custom_id(interaction) == DIGEST_SELECT_ID:
                await _show_selected_ticket(interaction)
            elif _is_forged(interaction):
                raise UnknownComponent


async def _show_selected_ticket(interaction: BotInteraction) -> None:
    ticket_id = selected_ticket_id(interaction)
    if ticket_id is None:
        raise UnknownComponent
    await interaction.response.defer()
    access = await get_access(interaction, ticket_id, (Role.STAFF, Role.WATCHER))
    view = ticket_view(access.ticket) if access.role is Role.STAFF else discord.utils.MISSING
    await send_ticket(interaction, access.ticket, tuple(MessageKind), view=view)
    await _reset_select(interaction)


async def send_ticket(
    interaction: BotInteraction,
    ticket: Ticket,
    kinds: Collection[MessageKind],
    *,
    view: discord.ui.View = discord.utils.MISSING,
) -> None:
    """Show the user a ticket with its files and the newest messages of these kinds."""
    store = interaction.client.store
    messages = await store.messages.list_of_ticket(ticket.id, set(kinds) - {MessageKind.EVENT})
    events = await store.messages.list_of_ticket(ticket.id, [MessageKind.EVENT])
    embed = ticket_embed(ticket, await store.workspaces.get(ticket.workspace_id))
    files = ticket_files(ticket, embed)
    states = await store.events.reply_states(ticket.id, [message.id for message in messages])
    add_history(embed, messages, events, states)
    block = await store.blocks.find_of_ticket(ticket.id) if ticket.post.channel_id is None else None
    notice = escape_sentence(not_posted_notice(block)) if block else discord.utils.MISSING
    send = partial(interaction.followup.send, content=notice, view=view, ephemeral=True)
    await with_fallback(
        ticket,
        lambda: send(embed=embed, files=files),
        lambda: send(embed=fallback_embed(ticket), files=fallback_files(ticket)),
    )


async def _reset_select(interaction: BotInteraction) -> None:
    """Edit the digest: Discord's client does not let a user choose again what it shows as chosen."""
    if interaction.message is not None:
        view = discord.ui.View.from_message(interaction.message, timeout=None)
        view.stop()
        with suppress(discord.HTTPException):  # the digest may have been deleted
            await interaction.edit_original_response(view=view)


def _is_forged(interaction: BotInteraction) -> bool:
    """Whether the custom id looks like one of the bot's, and is none."""
    used = component_custom_id(interaction) or modal_custom_id(interaction) or ""
    known = (
        BUTTON_ID_PATTERN.fullmatch(used) or REPLY_MODAL_ID_PATTERN.fullmatch(used) or used == OPEN_MODAL_ID
    )
    return used.startswith(("ticket:", "digest:")) and not known


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(ComponentsCog(bot))
