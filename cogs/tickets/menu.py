"""The menu "More" on a ticket's post, and the selects that it leads to. Nothing is sent here.

All are known by their custom ids, so that they work after a restart: `ticket:more:12`, `ticket:status:12`.
"""

from collections.abc import Iterable, Sequence

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.actions import (
    ASSIGN,
    CLOSE,
    DISMISS,
    MOVE,
    NOTE,
    PRIORITY,
    RESOLVE,
    STATUS,
    TAG,
    TAKE_OVER,
    Action,
)
from bot.tickets.errors import NothingChanged, UnknownTag
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Priority, Status, Ticket
from bot.tickets.workspace import Workspace
from cogs.core.markdown import plain_line
from cogs.tickets.embeds import priority_label, status_label

MAX_OPTIONS = 25  # Discord's limit
SHOW_HISTORY = "history"  # an option of the menu that changes nothing
_LABELS = {
    NOTE: Sentence("📝 Note"),
    STATUS: Sentence("🚦 Status"),
    PRIORITY: Sentence("🎚️ Priority"),
    ASSIGN: Sentence("👤 Assign"),
    MOVE: Sentence("📁 Move"),
    TAG: Sentence("🏷️ Tags"),
    CLOSE: Sentence("⚫ Close with a reason"),
    DISMISS: Sentence("🚫 Dismiss with a reason"),
    RESOLVE: Sentence("✅ Resolve with a reason"),
}


def more_select(ticket: Ticket) -> discord.ui.Select[discord.ui.View]:
    """Build the menu. A report is dismissed, any other ticket is closed."""
    without = CLOSE if ticket.is_report else DISMISS
    shown = [action for action in _LABELS if action.applies_to(ticket) and action is not without]
    options = [discord.SelectOption(label=translate(_LABELS[one]), value=one.name) for one in shown]
    options.append(discord.SelectOption(label=_("🕘 History"), value=SHOW_HISTORY))
    return discord.ui.Select(custom_id=f"ticket:more:{ticket.id}", placeholder=_("More…"), options=options)


def choices(action: Action, ticket: Ticket, workspace: Workspace) -> tuple[str, discord.ui.View]:
    """What the user is asked for an action, and the selects to answer with.

    Raises UnknownTag, NothingChanged if there is nothing to choose.
    """
    ask, items = _ASK[action.name], _ITEMS[action.name](ticket, workspace)
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()  # the choice is matched by its custom id; the library need not remember this object
    return translate(ask.with_parts(id=ticket.public_id)), view


_ASK = {
    STATUS.name: Sentence("Which status has {id} now?"),
    PRIORITY.name: Sentence("Which priority has {id} now?"),
    ASSIGN.name: Sentence("Who works on {id} now?"),
    MOVE.name: Sentence("Where does {id} belong?"),
    TAG.name: Sentence("Which tags does {id} have?"),
}

_Items = Iterable[discord.ui.Item[discord.ui.View]]


def _status_items(ticket: Ticket, workspace: Workspace) -> _Items:
    statuses = [one for one in Status if one not in (Status.UNFINISHED, ticket.status)]
    yield _select("status", ticket, [(one.value, status_label(one)) for one in statuses], _("Status…"))


def _priority_items(ticket: Ticket, workspace: Workspace) -> _Items:
    priorities = [one for one in reversed(Priority) if one is not ticket.priority]
    options = [(one.value, priority_label(one)) for one in priorities]
    yield _select("priority", ticket, options, _("Priority…"))


def _assign_items(ticket: Ticket, workspace: Workspace) -> _Items:
    if ticket.claimed_by is None:
        asked = _("A member of staff…")
    else:
        asked = _("Claimed by {name}. Who takes over?", name=plain_line(ticket.claimed_by.name, 80))
    yield discord.ui.UserSelect(custom_id=f"ticket:assign:{ticket.id}", placeholder=asked)


def _move_items(ticket: Ticket, workspace: Workspace) -> _Items:
    departments = [
        (one.id, plain_line(one.name, 100) or plain_line(one.id, 100))
        for one in workspace.departments
        if one.id != ticket.department and workspace.takes(ticket, one)
    ]
    categories = [
        (one.id, plain_line(one.name, 100) or plain_line(one.id, 100))
        for one in workspace.categories
        if one.id != ticket.category
    ]
    if not departments and not categories:
        raise NothingChanged(
            Sentence(
                "This workspace has no other department or category for it. "
                "`/setup department` and `/setup category` add some."
            )
        )
    if departments:
        yield _select("department", ticket, departments, _("Department…"))
    if categories:
        yield _select("category", ticket, categories, _("Category…"))


def _tag_items(ticket: Ticket, workspace: Workspace) -> _Items:
    names = sorted({*workspace.tags, *ticket.tags})[:MAX_OPTIONS]
    if not names:
        raise UnknownTag(Sentence("This workspace has no tags yet. `/setup tag` adds one."))
    options = [
        discord.SelectOption(label=plain_line(one, 100) or "—", value=one, default=one in ticket.tags)
        for one in names
    ]
    yield discord.ui.Select(
        custom_id=f"ticket:tags:{ticket.id}",
        placeholder=_("No tags"),
        min_values=0,
        max_values=len(options),
        options=options,
    )


_ITEMS = {
    STATUS.name: _status_items,
    PRIORITY.name: _priority_items,
    ASSIGN.name: _assign_items,
    MOVE.name: _move_items,
    TAG.name: _tag_items,
}


def _select(
    name: str, ticket: Ticket, options: Sequence[tuple[str, str]], placeholder: str
) -> discord.ui.Select[discord.ui.View]:
    """A select of one of up to 25 values with their labels."""
    return discord.ui.Select(
        custom_id=f"ticket:{name}:{ticket.id}",
        placeholder=placeholder,
        options=[
            discord.SelectOption(label=label or "—", value=value) for value, label in options[:MAX_OPTIONS]
        ],
    )


def undo_button(ticket: Ticket) -> discord.ui.Button[discord.ui.View]:
    """The button that takes back the change after which the ticket is as it is now."""
    return discord.ui.Button(
        label=_("Undo (30 s)"),
        style=discord.ButtonStyle.secondary,
        custom_id=f"ticket:undo:{ticket.id}:{ticket.revision}",
    )


def take_over_button(ticket: Ticket) -> discord.ui.Button[discord.ui.View]:
    """The button that takes a ticket from the colleague who has claimed it now."""
    return discord.ui.Button(
        label=_("Take it over"),
        style=discord.ButtonStyle.danger,
        custom_id=f"ticket:{TAKE_OVER.name}:{ticket.id}:{ticket.revision}",
    )
