"""Opening a ticket from Discord: in which workspace, under which category, and where its thread is made."""

import discord

from bot.tickets import (
    IN_DISCORD,
    EmptyMessage,
    NewTicket,
    Player,
    Priority,
    Refusal,
    UnknownCategory,
    Workspace,
)
from cogs.core.interactions import Asked
from cogs.core.markdown import bare
from cogs.tickets.modals import submitted

MOST_CHOICES = 25  # Discord's limit
CATEGORIES = ("question", "bug", "player", "appeal", "other")  # where a workspace has none of its own


class NoCategories(Refusal):
    """No ticket can be opened here yet: this workspace takes its own categories alone, and has none."""


class CategoryGone(Refusal):
    """That category is no longer there, so nothing was kept. Use `/ticket open` again and choose another."""


def categories_of(workspace: Workspace) -> list[tuple[str, str]]:
    """What a ticket can be about, as ids and labels. Raises NoCategories."""
    if workspace.categories:
        own = workspace.categories[:MOST_CHOICES]
        return [(one.id, bare(one.name, 100) or bare(one.id, 100) or "—") for one in own]
    try:
        workspace.accept_category(CATEGORIES[0])
    except UnknownCategory as refusal:
        raise NoCategories from refusal
    return [(name, name.capitalize()) for name in CATEGORIES]


def ticket_from(asked: Asked, workspace: Workspace) -> NewTicket:
    """What the form says. Raises EmptyMessage, CategoryGone."""
    filled = submitted(asked)
    body = filled.get("body", "").strip()
    if not body:
        raise EmptyMessage
    return NewTicket(
        source=IN_DISCORD,
        view_only=False,
        subject=filled.get("subject", "").strip() or "(no subject)",
        body=body,
        category=_category(workspace, filled.get("category", "")),
        priority=Priority.NORMAL,
        reporter=Player(
            id=str(asked.user.id),
            name=asked.user.name,
            display_name=asked.user.display_name,
            avatar_url=asked.user.display_avatar.url,
            profile_url=f"https://discord.com/users/{asked.user.id}",
        ),
        private=True,
    )


def workspace_for(asked: Asked, here: list[Workspace]) -> Workspace:
    """The one whose tickets channel this is; anywhere else, the guild's first."""
    return next((one for one in here if one.tickets_channel_id == asked.channel_id), here[0])


def parent_for(asked: Asked, workspace: Workspace) -> int:
    """Where the reporter's thread is made: where they are, for who sees no channel sees no thread in it."""
    channel = asked.channel.parent if isinstance(asked.channel, discord.Thread) else asked.channel
    return channel.id if isinstance(channel, discord.TextChannel) else workspace.tickets_channel_id


def _category(workspace: Workspace, chosen: str) -> str:
    """What was chosen, if it is still there; else "other", where the workspace keeps what it does not know.

    The form may have been opened before a restart, or before the categories changed.
    """
    usual = not workspace.categories and chosen in CATEGORIES
    category = chosen if usual or workspace.category(chosen) else "other"
    try:
        workspace.accept_category(category)
    except UnknownCategory as refusal:
        raise CategoryGone from refusal
    return category
