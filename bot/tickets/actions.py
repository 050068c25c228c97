"""Actions: what can be done to a ticket, each once. Buttons, slash commands, modals and HTTP use these.

An action has a name, who may do it, what it takes, the ticket's rule behind it, and what is said when it is
done. Some have another form for the ticket's reporter: the same command and button do what the person may do.

Closing, dismissing and resolving all end a ticket, until it is reopened. Resolving says that the matter was
dealt with; closing says only that work has ended, whatever came of it. Reports are dismissed, which closes
them: a ticket remembers who ended it and why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypedDict

from bot.tickets.feedback import NewFeedback
from bot.tickets.history import PRIORITY_WORDS, STATUS_WORDS
from bot.tickets.message import Actor, NewMessage
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Priority, Status, Ticket
from bot.tickets.workspace import Workspace


class Role(StrEnum):
    """Who may do something to a ticket."""

    STAFF = "staff"  # of the ticket's workspace, or of its department
    WATCHER = "watcher"  # looks at all tickets of the workspace, and adds notes
    REPORTER = "reporter"  # who opened the ticket in Discord, or filed it in a game with a linked account


class Input(StrEnum):
    """What an action asks for."""

    REASON = "reason"  # optional; why it is closed, for staff
    STAFF = "staff"  # a member of staff
    PLACE = "place"  # a department, a category or both
    PRIORITY = "priority"
    STATUS = "status"
    TAGS = "tags"  # to add and to remove


class Inputs(TypedDict, total=False):
    """What can be given with an action: each takes its own part of it."""

    reason: str
    staff: Actor
    department: str  # the id
    category: str  # the id
    priority: Priority
    status: Status
    add_tags: tuple[str, ...]
    remove_tags: tuple[str, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Who does an action, and what they give with it."""

    actor: Actor
    reason: str = ""
    staff: Actor | None = None
    department: str | None = None
    category: str | None = None
    priority: Priority | None = None
    status: Status | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    revision: int = -1  # of the ticket as the actor saw it


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What all actions have. `applies_to` says whether it makes sense on the ticket as it is now."""

    name: str  # also of the slash command, and part of the button's custom id
    label: str  # of the button
    description: str  # of the slash command
    applies_to: Callable[[Ticket], bool]
    confirmation: Callable[[Ticket], Sentence]
    takes: Input | None = None
    for_reporter: Self | None = None  # what it is for the ticket's reporter; None: only staff may do it
    roles: tuple[Role, ...] = (Role.STAFF,)  # besides the reporter

    @property
    def allowed(self) -> tuple[Role, ...]:
        """Who may do it."""
        return self.roles if self.for_reporter is None else (*self.roles, Role.REPORTER)

    def for_role(self, role: Role) -> Self:
        """The variant of this action for a role: what staff do, or what the reporter does."""
        return self.for_reporter if role is Role.REPORTER and self.for_reporter is not None else self


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAction(Action):
    """Changes a ticket. `rule` returns the changed ticket or raises a TicketError."""

    rule: Callable[[Ticket, Workspace, Given], Ticket]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAction(Action):
    """Adds a message to a ticket. `compose` returns it or raises a TicketError."""

    compose: Callable[[Ticket, Actor, str], NewMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackAction:
    """Rates a ticket that has ended, which its reporter alone may do.

    `compose` returns the feedback or raises a TicketError.
    """

    applies_to: Callable[[Ticket], bool]
    compose: Callable[[Ticket, Actor, int, str], NewFeedback]
    confirmation: Callable[[Ticket], Sentence]
    allowed: tuple[Role, ...] = (Role.REPORTER,)


def _reply_confirmation(ticket: Ticket) -> Sentence:
    """A reporter in Discord reads the reply in their thread. Of a game, the reply's state says more."""
    if ticket.is_private:
        return Sentence("Your reply to {id} is saved. It is shown in the thread.", id=ticket.public_id)
    return Sentence("Your reply to {id} is saved.", id=ticket.public_id)


def _with_id(sentence: Sentence) -> Callable[[Ticket], Sentence]:
    return lambda ticket: sentence.with_parts(id=ticket.public_id)


def _is_open_to_reporter(ticket: Ticket) -> bool:
    return not ticket.status.is_closed and not ticket.view_only


def _follow_up(ticket: Ticket, reporter: Actor, text: str) -> NewMessage:
    ticket.ensure_open_to_reporter(reporter)
    return ticket.follow_up(reporter.id, text)


def _close_own(ticket: Ticket, workspace: Workspace, given: Given) -> Ticket:
    ticket.ensure_open_to_reporter(given.actor)
    return ticket.end(Status.CLOSED, by=given.actor, reason=given.reason)


def _end(status: Status) -> Callable[[Ticket, Workspace, Given], Ticket]:
    return lambda ticket, workspace, given: ticket.end(status, by=given.actor, reason=given.reason)


def _is_open(ticket: Ticket) -> bool:
    return not ticket.status.is_closed


def _assign(ticket: Ticket, workspace: Workspace, given: Given) -> Ticket:
    return ticket.assign_open(given.staff or given.actor)


def _set_priority(ticket: Ticket, workspace: Workspace, given: Given) -> Ticket:
    return ticket.set_priority(given.priority or ticket.priority)


def _set_status(ticket: Ticket, workspace: Workspace, given: Given) -> Ticket:
    return ticket.set_status(given.status or ticket.status, by=given.actor)


def _move(ticket: Ticket, workspace: Workspace, given: Given) -> Ticket:
    return workspace.move(ticket, department_id=given.department, category_id=given.category)


def _tag(ticket: Ticket, workspace: Workspace, given: Given) -> Ticket:
    return workspace.tag(ticket, add=given.add_tags, remove=given.remove_tags)


def _assign_confirmation(ticket: Ticket) -> Sentence:
    name = ticket.claimed_by.name if ticket.claimed_by else ""
    return Sentence("{id} is assigned to {name}. It is in progress.", id=ticket.public_id, name=name)


def _tag_confirmation(ticket: Ticket) -> Sentence:
    if not ticket.tags:
        return Sentence("{id} has no tags now.", id=ticket.public_id)
    return Sentence("{id} has the tags {tags} now.", id=ticket.public_id, tags=", ".join(ticket.tags))


FOLLOW_UP = MessageAction(
    name="reply",
    label="Reply",
    description="Add something to your own ticket.",
    applies_to=_is_open_to_reporter,
    compose=_follow_up,
    confirmation=_with_id(Sentence("Your message on {id} is saved. Staff read it on the ticket.")),
)
CLOSE_OWN = TicketAction(
    name="close",
    label="Close",
    description="Close your own ticket.",
    takes=Input.REASON,
    applies_to=_is_open_to_reporter,
    rule=_close_own,
    confirmation=_with_id(Sentence("{id} is closed. Staff see that you closed it.")),
)
CLAIM = TicketAction(
    name="claim",
    label="Claim",
    description="Staff: claim a ticket; it is in progress.",
    applies_to=lambda ticket: not ticket.status.is_closed and ticket.claimed_by is None,
    rule=lambda ticket, workspace, given: ticket.claim(given.actor),
    confirmation=_with_id(Sentence("You have claimed {id}. It is in progress.")),
)
UNCLAIM = TicketAction(
    name="unclaim",
    label="Unclaim",
    description="Staff: give up the claim of a ticket.",
    applies_to=lambda ticket: not ticket.status.is_closed and ticket.claimed_by is not None,
    rule=lambda ticket, workspace, given: ticket.unclaim(),
    confirmation=_with_id(Sentence("{id} is no longer claimed.")),
)
TAKE_OVER = TicketAction(  # what a refused claim offers
    name="take",
    label="Take it over",
    description="Staff: claim a ticket in place of a colleague.",
    applies_to=lambda ticket: _is_open(ticket) and ticket.claimed_by is not None,
    rule=lambda ticket, workspace, given: ticket.take_over(given.actor, revision=given.revision),
    confirmation=_with_id(Sentence("You have taken over {id}. It is in progress.")),
)
REPLY = MessageAction(
    name="reply",
    label="Reply",
    description="Reply on a ticket: staff to its reporter, everyone else to staff on their own.",
    applies_to=lambda ticket: not ticket.status.is_closed and not ticket.view_only,
    compose=lambda ticket, actor, text: ticket.reply(actor, text),
    confirmation=_reply_confirmation,
    for_reporter=FOLLOW_UP,
)
NOTE = MessageAction(
    name="note",
    label="Note",
    description="Staff: add a note to a ticket. Its reporter never sees it.",
    applies_to=lambda ticket: True,
    roles=(Role.STAFF, Role.WATCHER),
    compose=lambda ticket, actor, text: ticket.note(actor, text),
    confirmation=_with_id(Sentence("Your note on {id} is saved. `/ticket view` shows it to staff.")),
)
CLOSE = TicketAction(
    name="close",
    label="Close",
    description="Close a ticket: staff any, everyone else their own.",
    takes=Input.REASON,
    applies_to=_is_open,
    rule=_end(Status.CLOSED),
    confirmation=_with_id(Sentence("{id} is closed.")),
    for_reporter=CLOSE_OWN,
)
DISMISS = TicketAction(
    name="dismiss",
    label="Dismiss",
    description="Staff: dismiss a report. It is closed, and nothing came of it.",
    takes=Input.REASON,
    applies_to=lambda ticket: _is_open(ticket) and ticket.is_report,
    rule=_end(Status.CLOSED),
    confirmation=_with_id(Sentence("{id} is dismissed.")),
)
RESOLVE = TicketAction(
    name="resolve",
    label="Resolve",
    description="Staff: resolve a ticket. The matter was dealt with.",
    takes=Input.REASON,
    applies_to=_is_open,
    rule=_end(Status.RESOLVED),
    confirmation=_with_id(Sentence("{id} is resolved.")),
)
REOPEN = TicketAction(
    name="reopen",
    label="Reopen",
    description="Staff: open a closed or resolved ticket again.",
    applies_to=lambda ticket: ticket.status.is_closed,
    rule=lambda ticket, workspace, given: ticket.reopen(),
    confirmation=_with_id(Sentence("{id} is open again.")),
)
RATE = FeedbackAction(
    applies_to=lambda ticket: ticket.status.is_closed and not ticket.view_only,
    compose=lambda ticket, reporter, rating, comment: ticket.rate(reporter, rating, comment),
    confirmation=_with_id(Sentence("Thank you. Your rating of {id} is saved, and staff see it.")),
)
ASSIGN = TicketAction(
    name="assign",
    label="Assign",
    description="Staff: assign a ticket to a colleague; it is in progress.",
    takes=Input.STAFF,
    applies_to=_is_open,
    rule=_assign,
    confirmation=_assign_confirmation,
)
MOVE = TicketAction(
    name="move",
    label="Move",
    description="Staff: move a ticket to another department or category.",
    takes=Input.PLACE,
    applies_to=lambda ticket: True,
    rule=_move,
    confirmation=_with_id(Sentence("{id} is moved. Its post shows where to.")),
)
PRIORITY = TicketAction(
    name="priority",
    label="Priority",
    description="Staff: change the priority of a ticket.",
    takes=Input.PRIORITY,
    applies_to=lambda ticket: True,
    rule=_set_priority,
    confirmation=lambda ticket: Sentence(
        "The priority of {id} is {priority} now.",
        id=ticket.public_id,
        priority=PRIORITY_WORDS[ticket.priority],
    ),
)
STATUS = TicketAction(
    name="status",
    label="Status",
    description="Staff: change the status of a ticket.",
    takes=Input.STATUS,
    applies_to=lambda ticket: True,
    rule=_set_status,
    confirmation=lambda ticket: Sentence(
        "{id} is {status} now.", id=ticket.public_id, status=STATUS_WORDS[ticket.status]
    ),
)
TAG = TicketAction(
    name="tag",
    label="Tags",
    description="Staff: give a ticket tags of the workspace, or take them from it.",
    takes=Input.TAGS,
    applies_to=lambda ticket: True,
    rule=_tag,
    confirmation=_tag_confirmation,
)
ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        CLAIM,
        UNCLAIM,
        REPLY,
        CLOSE,
        RESOLVE,
        DISMISS,
        REOPEN,
        NOTE,
        STATUS,
        PRIORITY,
        ASSIGN,
        MOVE,
        TAG,
    )
}


def available_actions(ticket: Ticket) -> tuple[Action, ...]:
    """Return the actions that apply to a ticket now, in the order of its buttons."""
    return tuple(action for action in ACTIONS.values() if action.applies_to(ticket))
