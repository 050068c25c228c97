"""A person's own tickets: `/tickets`, a ticket as its reporter sees it, and the buttons to turn pages.

The buttons and the select are known by their custom ids, so they work after a restart. The ids can be forged:
whose tickets are shown is found anew each time.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord

from bot.i18n.translations import gettext as _
from bot.tickets.actions import ACTIONS, Role
from bot.tickets.conversation import Page, conversation_pages, page_of_newest
from bot.tickets.message import DISCORD_SOURCE, MessageKind
from bot.tickets.queries import OwnTicket, OwnTicketPage
from bot.tickets.ticket import Ticket
from cogs.core.checks import get_access, guild_workspaces, is_staff_on, own_identities
from cogs.core.interactions import BotInteraction, Choices, errors_to_user, reply_ephemeral
from cogs.posts.send import with_fallback
from cogs.tickets.buttons import TicketButton, component_custom_id
from cogs.tickets.components import UnknownComponent
from cogs.tickets.own_embeds import (
    conversation_file,
    link_hint,
    own_fallback_embed,
    own_list_embed,
    own_status,
    own_ticket_embed,
    select_label,
)
from storage import StorageError

log = logging.getLogger(__name__)

_PAGE_SIZE = 10
_MAX_MESSAGES = 1000  # newest messages of one ticket
_SHOWN_KINDS = (MessageKind.REPLY, MessageKind.FOLLOW_UP)
_PREFIX = "own:"
_LIST_ID_PATTERN = re.compile(r"own:list:(?P<page>[0-9]{1,9})")
_VIEW_ID_PATTERN = re.compile(r"own:view:(?P<id>[0-9]{1,18}):(?P<page>[0-9]{1,9})")
_SELECT_ID = "own:open"
Send = Callable[..., Awaitable[object]]


async def send_own_list(interaction: BotInteraction) -> None:
    """Show the user the first page of their own tickets."""
    await _show_list(interaction, 0, interaction.followup.send)


async def send_own_ticket(interaction: BotInteraction, ticket: Ticket) -> None:
    """Show a ticket to its reporter, at its newest message."""
    await _show_ticket(interaction, ticket, None, interaction.followup.send)


async def own_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the user their own tickets whose id or subject contains what is typed."""
    identities = await own_identities(interaction, await guild_workspaces(interaction))
    found = await interaction.client.store.own_tickets.autocomplete(identities, current)
    return [discord.app_commands.Choice(name=select_label(one), value=one.public_id) for one in found]


async def handle_own_component(interaction: BotInteraction) -> None:
    """Turn a page, or open the chosen ticket, in the place of what is shown. Ignores other components."""
    used = component_custom_id(interaction) or ""
    if not used.startswith(_PREFIX):
        return
    async with errors_to_user(interaction):
        if interaction.message is None or not interaction.message.flags.ephemeral:
            raise UnknownComponent  # forged: what is shown to one person must not replace a post
        await interaction.response.defer()
        turned, viewed = _LIST_ID_PATTERN.fullmatch(used), _VIEW_ID_PATTERN.fullmatch(used)
        if turned:
            await _show_list(interaction, int(turned["page"]), _edit(interaction))
        elif viewed:
            ticket = await _own_ticket(interaction, int(viewed["id"]))
            await _show_ticket(interaction, ticket, int(viewed["page"]), _edit(interaction))
        elif used == _SELECT_ID:
            ticket = await _own_ticket(interaction, _selected_id(interaction))
            await _show_ticket(interaction, ticket, None, _edit(interaction))
        else:
            raise UnknownComponent


def _edit(interaction: BotInteraction) -> Send:
    """Replace what the pressed message shows; its parts are those of a new one."""

    async def edit(*, embed: discord.Embed, ephemeral: bool, **parts: Any) -> None:
        files = [parts.pop("file")] if "file" in parts else []
        await interaction.edit_original_response(embed=embed, attachments=files, **parts)

    return edit


async def _own_ticket(interaction: BotInteraction, ticket_id: int) -> Ticket:
    """A ticket of the user's own, also if they are staff. Raises UnknownTicket."""
    return (await get_access(interaction, ticket_id, [Role.REPORTER])).ticket


async def _show_list(interaction: BotInteraction, page: int, send: Send) -> None:
    identities = await own_identities(interaction, await guild_workspaces(interaction))
    listed = await interaction.client.store.own_tickets.list_page(
        identities, interaction.user.id, page=page, size=_PAGE_SIZE
    )
    if not listed.total:
        text = _(
            "You have no tickets yet. `/ticket open` opens one. If you filed one in a game, link your game "
            "account with `/link`, and it is listed here."
        )
        await reply_ephemeral(interaction, text)
        return
    has_links = any(one.source != DISCORD_SOURCE for one in identities)
    hint = "" if has_links else link_hint()
    await send(embed=own_list_embed(listed, hint=hint), view=_list_view(listed), ephemeral=True)


async def _show_ticket(interaction: BotInteraction, ticket: Ticket, page: int | None, send: Send) -> None:
    store = interaction.client.store
    messages = await store.messages.list_of_ticket(ticket.id, _SHOWN_KINDS, _MAX_MESSAGES)
    pages = conversation_pages(ticket, messages)
    number = page_of_newest(pages) if page is None else min(page, len(pages) - 1)
    workspace = await store.workspaces.get(ticket.workspace_id)
    role = Role.STAFF if is_staff_on(ticket, interaction.user, [workspace]) else Role.REPORTER
    view = _ticket_view(ticket, role, number, len(pages))
    await with_fallback(
        ticket,
        lambda: send(embed=own_ticket_embed(ticket, workspace, pages, number), view=view, ephemeral=True),
        lambda: send(
            embed=own_fallback_embed(ticket, workspace),
            file=conversation_file(ticket, pages),
            view=view,
            ephemeral=True,
        ),
    )
    await _mark_seen(interaction, ticket, pages[number])


async def _mark_seen(interaction: BotInteraction, ticket: Ticket, page: Page) -> None:
    """Remember the newest reply that was shown. If the database fails, it only stays marked as new."""
    replies = [one.message.id for one in page if one.message and one.message.kind is MessageKind.REPLY]
    if not replies:
        return
    try:
        await interaction.client.store.own_tickets.mark_seen(ticket.id, interaction.user.id, max(replies))
    except StorageError as error:
        log.warning("A reply could not be marked as seen: %s", error, extra={"ticket_id": ticket.id})


def _list_view(listed: OwnTicketPage) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(
            label=select_label(own.ticket),
            value=str(own.ticket.id),
            description=_option_text(own),
        )
        for own in listed.items
    ]
    view.add_item(discord.ui.Select(custom_id=_SELECT_ID, placeholder=_("Open a ticket…"), options=options))
    _add_page_buttons(view, "own:list", listed.page, listed.pages, (_("Newer"), _("Older")))
    view.stop()  # presses are matched by custom id; discord.py need not remember this object
    return view


def _option_text(own: OwnTicket) -> str:
    status = own_status(own.ticket)
    return _("{status} · new reply", status=status) if own.is_unread else status


def _ticket_view(ticket: Ticket, role: Role, number: int, pages: int) -> discord.ui.View:
    """Build the buttons below a ticket. Staff have theirs on its post, and act as staff also on their own."""
    view = discord.ui.View(timeout=None)
    for action in ACTIONS.values():
        of_reporter = action.for_reporter
        if of_reporter and of_reporter.applies_to(ticket) and role is Role.REPORTER:
            view.add_item(TicketButton(action.name, ticket.id))
    _add_page_buttons(view, f"own:view:{ticket.id}", number, pages, (_("Older"), _("Newer")))
    view.add_item(discord.ui.Button(label=_("All my tickets"), custom_id="own:list:0", row=2))
    view.stop()
    return view


def _add_page_buttons(
    view: discord.ui.View, custom_id: str, page: int, pages: int, labels: Sequence[str]
) -> None:
    """Add a button to each side, which stay in their places; none to a single page."""
    if pages == 1:
        return
    for label, target in zip((f"◀ {labels[0]}", f"{labels[1]} ▶"), (page - 1, page + 1), strict=True):
        view.add_item(
            discord.ui.Button(
                label=label, custom_id=f"{custom_id}:{target}", disabled=not 0 <= target < pages, row=1
            )
        )


def _selected_id(interaction: BotInteraction) -> int:
    """The ticket that was chosen. Raises UnknownComponent for what is none."""
    data: Any = interaction.data or {}
    value = str((data.get("values") or [""])[0])
    if not re.fullmatch("[0-9]{1,18}", value):
        raise UnknownComponent
    return int(value)
