"""Opening a ticket from Discord: in which workspace, under which category, and where its thread is made."""

import discord

from bot.tickets.errors import EmptyMessage, TicketError, UnknownCategory
from bot.tickets.message import DISCORD_SOURCE
from bot.tickets.ticket import NewTicket, Player, Priority
from bot.tickets.workspace import Workspace
from cogs.core.interactions import BotInteraction
from cogs.core.markdown import plain_line
from cogs.tickets.modals import modal_values

MAX_SELECT_OPTIONS = 25  # Discord's limit
DEFAULT_CATEGORIES = ("question", "bug", "player", "appeal", "other")  # where a workspace has none of its own


class NoCategories(TicketError):
    """No ticket can be opened here yet: this workspace takes its own categories alone, and has none."""


class CategoryRemoved(TicketError):
    """That category is no longer there, so nothing was kept. Use `/ticket open` again and choose another."""


def category_options(workspace: Workspace) -> list[tuple[str, str]]:
    """What a ticket can be about, as ids and labels. Raises NoCategories."""
    if workspace.categories:
        own = workspace.categories[:MAX_SELECT_OPTIONS]
        return [(one.id, plain_line(one.name, 100) or plain_line(one.id, 100) or "—") for one in own]
    try:
        workspace.ensure_category_allowed(DEFAULT_CATEGORIES[0])
    except UnknownCategory as refusal:
        raise NoCategories from refusal
    return [(name, name.capitalize()) for name in DEFAULT_CATEGORIES]


def ticket_from_modal(interaction: BotInteraction, workspace: Workspace) -> NewTicket:
    """What the form says. Raises EmptyMessage, CategoryGone."""
    filled = modal_values(interaction)
    body = filled.get("body", "").strip()
    if not body:
        raise EmptyMessage
    return NewTicket(
        source=DISCORD_SOURCE,
        view_only=False,
        subject=filled.get("subject", "").strip() or "(no subject)",
        body=body,
        category=_selected_category(workspace, filled.get("category", "")),
        priority=Priority.NORMAL,
        reporter=Player(
            id=str(interaction.user.id),
            name=interaction.user.name,
            display_name=interaction.user.display_name,
            avatar_url=interaction.user.display_avatar.url,
            profile_url=f"https://discord.com/users/{interaction.user.id}",
        ),
        is_private=True,
    )


def workspace_for_channel(interaction: BotInteraction, workspaces: list[Workspace]) -> Workspace:
    """The one whose tickets channel this is; anywhere else, the guild's first."""
    return next(
        (one for one in workspaces if one.tickets_channel_id == interaction.channel_id), workspaces[0]
    )


def thread_parent_id(interaction: BotInteraction, workspace: Workspace) -> int:
    """Where the reporter's thread is made: where they are, for who sees no channel sees no thread in it."""
    channel = (
        interaction.channel.parent if isinstance(interaction.channel, discord.Thread) else interaction.channel
    )
    return channel.id if isinstance(channel, discord.TextChannel) else workspace.tickets_channel_id


def _selected_category(workspace: Workspace, selected: str) -> str:
    """What was chosen, if it is still there; else "other", where the workspace keeps what it does not know.

    The form may have been opened before a restart, or before the categories changed.
    """
    usual = not workspace.categories and selected in DEFAULT_CATEGORIES
    category = selected if usual or workspace.category(selected) else "other"
    try:
        workspace.ensure_category_allowed(category)
    except UnknownCategory as refusal:
        raise CategoryRemoved from refusal
    return category
