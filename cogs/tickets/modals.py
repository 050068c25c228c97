"""The modals: replying to a ticket and opening one; what was filled in, and the ticket made of it.

They are known by their custom ids, so that one opened before a restart is not lost.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.actions import CLOSE, DISMISS, RESOLVE, Action, Role
from bot.tickets.canned_replies import CannedReply
from bot.tickets.errors import EmptyMessage
from bot.tickets.message import DISCORD_SOURCE
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import MESSAGE_LIMIT, REASON_LIMIT, NewTicket, Player, Priority, Ticket
from bot.tickets.workspace import Workspace
from cogs.canned.replies import canned_label
from cogs.core.interactions import BotInteraction
from cogs.core.markdown import plain_line
from cogs.tickets.embeds import no_subject

TEXT_MODAL_ID_PATTERN = re.compile(r"ticket:(?P<action>reply|note|close|dismiss|resolve):(?P<id>[0-9]{1,18})")
OPEN_MODAL_ID = "ticket:open"
_TITLE_LIMIT = 45  # characters of a modal's title; Discord's limit
MAX_SELECT_OPTIONS = 25  # Discord's limit
DEFAULT_CATEGORIES = {  # of a workspace without its own
    "question": Sentence("Question"),
    "bug": Sentence("Bug"),
    "player": Sentence("Player"),
    "appeal": Sentence("Appeal"),
    "other": Sentence("Other"),
}


def reply_modal(ticket: Ticket, role: Role, canned: Sequence[CannedReply] = ()) -> discord.ui.Modal:
    """Build the modal for a reply: of staff to the reporter, or of the reporter to staff.

    With canned replies to choose from, nothing has to be written.
    """
    title = _("Reply to {id}", id=ticket.public_id)[:45]
    modal = discord.ui.Modal(title=title, custom_id=f"ticket:reply:{ticket.id}")
    text: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="text",
        style=discord.TextStyle.paragraph,
        max_length=MESSAGE_LIMIT,
        placeholder=_placeholder(ticket, role),
        required=not canned,
    )
    if canned:
        modal.add_item(canned_label(canned))
    modal.add_item(discord.ui.Label(text=_("Your reply"), component=text))
    return modal


def note_modal(ticket: Ticket) -> discord.ui.Modal:
    """Build the modal for a note of staff to staff."""
    title = _("Note on {id}", id=ticket.public_id)[:_TITLE_LIMIT]
    modal = discord.ui.Modal(title=title, custom_id=f"ticket:note:{ticket.id}")
    text: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="text", style=discord.TextStyle.paragraph, max_length=MESSAGE_LIMIT
    )
    label = discord.ui.Label(
        text=_("Your note"), description=_("Only staff read it; it never leaves Discord."), component=text
    )
    modal.add_item(label)
    return modal


def reason_modal(ticket: Ticket, action: Action) -> discord.ui.Modal:
    """Build the modal that ends a ticket, and asks why. It may stay empty."""
    title = f"{translate(_END_TITLES[action.name])} {ticket.public_id}"[:_TITLE_LIMIT]
    modal = discord.ui.Modal(title=title, custom_id=f"ticket:{action.name}:{ticket.id}")
    text: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="text", style=discord.TextStyle.paragraph, max_length=REASON_LIMIT, required=False
    )
    if ticket.is_private:
        description = _("Optional. The ticket's post shows it, also to its reporter.")
    else:
        description = _("Optional. Only staff read it; it never leaves Discord.")
    modal.add_item(discord.ui.Label(text=_("Reason"), description=description, component=text))
    return modal


_END_TITLES = {
    CLOSE.name: Sentence("Close"),
    DISMISS.name: Sentence("Dismiss"),
    RESOLVE.name: Sentence("Resolve"),
}


def _placeholder(ticket: Ticket, role: Role) -> str:
    if role is Role.REPORTER:
        return _("Staff will read this.")
    if ticket.is_private:
        return _("The reporter will read this.")
    return _("For the reporter in the game. The ticket shows when the game server has read it.")


def open_modal(categories: Sequence[tuple[str, str]]) -> discord.ui.Modal:
    """Build the modal that opens a ticket. `categories` are at most 25 ids and labels."""
    modal = discord.ui.Modal(title=_("Open a ticket"), custom_id=OPEN_MODAL_ID)
    category: discord.ui.Select[discord.ui.Modal] = discord.ui.Select(
        custom_id="category",
        options=[discord.SelectOption(label=label, value=name) for name, label in categories],
    )
    subject: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="subject", max_length=100
    )
    body: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="body", style=discord.TextStyle.paragraph, max_length=MESSAGE_LIMIT
    )
    modal.add_item(discord.ui.Label(text=_("Category"), component=category))
    modal.add_item(discord.ui.Label(text=_("Subject"), component=subject))
    modal.add_item(discord.ui.Label(text=_("What happened?"), component=body))
    return modal


def modal_custom_id(interaction: discord.Interaction) -> str | None:
    """The custom id of the modal that was submitted; None for any other interaction."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return None
    data: Any = interaction.data or {}
    return str(data.get("custom_id", ""))


def modal_values(interaction: discord.Interaction) -> dict[str, str]:
    """What was filled in, by the custom ids of the inputs; of a select, its first value."""
    data: Any = interaction.data or {}
    return dict(_input_values(data.get("components", [])))


def _input_values(components: list[Any]) -> Iterator[tuple[str, str]]:
    for component in components:
        if "value" in component:
            yield component["custom_id"], component["value"]
        elif component.get("values"):
            yield component["custom_id"], component["values"][0]
        yield from _input_values(component.get("components", []))
        if "component" in component:
            yield from _input_values([component["component"]])


def category_options(workspace: Workspace) -> list[tuple[str, str]]:
    """List the ids and labels of the categories a ticket can be opened in."""
    if not workspace.categories:
        return [(name, translate(label)) for name, label in DEFAULT_CATEGORIES.items()]
    own = workspace.categories[:MAX_SELECT_OPTIONS]
    return [(one.id, plain_line(one.name, 100) or plain_line(one.id, 100) or "—") for one in own]


def ticket_from_modal(interaction: BotInteraction, workspace: Workspace) -> NewTicket:
    """Make a ticket of what was filled in. Raises EmptyMessage."""
    filled = modal_values(interaction)
    body = filled.get("body", "").strip()
    if not body:
        raise EmptyMessage
    return NewTicket(
        source=DISCORD_SOURCE,
        view_only=False,
        subject=filled.get("subject", "").strip() or no_subject(),
        body=body,
        category=_selected_category(workspace, filled.get("category", "")),
        priority=Priority.NORMAL,
        reporter=_player_from(interaction.user),
        is_private=True,
    )


def workspace_for_channel(interaction: BotInteraction, workspaces: Sequence[Workspace]) -> Workspace:
    """The workspace whose tickets channel this is; in any other channel, the guild's first."""
    return next(
        (one for one in workspaces if one.tickets_channel_id == interaction.channel_id), workspaces[0]
    )


def thread_parent_id(interaction: BotInteraction, workspace: Workspace) -> int:
    """The channel of the reporter's thread: where they are, since a thread is seen with its channel alone."""
    channel = interaction.channel
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    return channel.id if isinstance(channel, discord.TextChannel) else workspace.tickets_channel_id


def _player_from(user: discord.User | discord.Member) -> Player:
    return Player(
        id=str(user.id),
        name=user.name,
        display_name=user.display_name,
        avatar_url=user.display_avatar.url,
        profile_url=f"https://discord.com/users/{user.id}",
    )


def _selected_category(workspace: Workspace, selected: str) -> str:
    """The category that was chosen; "other" if it was removed, so that what was written is not lost.

    The modal may have been opened before a restart, or before the categories changed.
    """
    is_default = not workspace.categories and selected in DEFAULT_CATEGORIES
    return selected if is_default or workspace.category(selected) else "other"
