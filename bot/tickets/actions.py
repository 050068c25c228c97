"""Actions: what can be done to a ticket, each once. Buttons, slash commands, modals and HTTP use these.

An action has a name, who may do it, the ticket's rule behind it, and what is said when it is done. Some have
another form for the ticket's reporter: the same command and button do what the person may do.

Closing and resolving both end a ticket, until it is reopened. The one difference: resolving says that the
matter was dealt with; closing says only that work has ended, whatever came of it. Game reports have a button
to resolve, other tickets one to close; either can be done to any ticket with its slash command.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bot.tickets.feedback import NewFeedback
from bot.tickets.message import Actor, NewMessage
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Status, Ticket


class Role(StrEnum):
    """Who may do something to a ticket."""

    STAFF = "staff"  # of the ticket's workspace, or of its department
    WATCHER = "watcher"  # looks at all tickets of the workspace, and adds notes
    REPORTER = "reporter"  # who opened the ticket in Discord, or filed it in a game with a linked account


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What all actions have. `applies_to` says whether it makes sense on the ticket as it is now."""

    name: str  # also of the slash command, and part of the button's custom id
    label: str  # of the button
    description: str  # of the slash command
    applies_to: Callable[[Ticket], bool]
    confirmation: Callable[[Ticket], Sentence]
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

    rule: Callable[[Ticket, Actor], Ticket]


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


def _close_own(ticket: Ticket, reporter: Actor) -> Ticket:
    ticket.ensure_open_to_reporter(reporter)
    return ticket.set_status(Status.CLOSED)


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
    applies_to=_is_open_to_reporter,
    rule=_close_own,
    confirmation=_with_id(Sentence("{id} is closed. Staff see that you closed it.")),
)
CLAIM = TicketAction(
    name="claim",
    label="Claim",
    description="Staff: claim a ticket; it is in progress.",
    applies_to=lambda ticket: not ticket.status.is_closed and ticket.claimed_by is None,
    rule=lambda ticket, actor: ticket.claim(actor),
    confirmation=_with_id(Sentence("You have claimed {id}. It is in progress.")),
)
UNCLAIM = TicketAction(
    name="unclaim",
    label="Unclaim",
    description="Staff: give up the claim of a ticket.",
    applies_to=lambda ticket: not ticket.status.is_closed and ticket.claimed_by is not None,
    rule=lambda ticket, actor: ticket.unclaim(),
    confirmation=_with_id(Sentence("{id} is no longer claimed.")),
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
    applies_to=lambda ticket: not ticket.status.is_closed,
    rule=lambda ticket, actor: ticket.set_status(Status.CLOSED),
    confirmation=_with_id(Sentence("{id} is closed.")),
    for_reporter=CLOSE_OWN,
)
RESOLVE = TicketAction(
    name="resolve",
    label="Resolve",
    description="Staff: resolve a ticket. The matter was dealt with.",
    applies_to=lambda ticket: not ticket.status.is_closed,
    rule=lambda ticket, actor: ticket.set_status(Status.RESOLVED),
    confirmation=_with_id(Sentence("{id} is resolved.")),
)
REOPEN = TicketAction(
    name="reopen",
    label="Reopen",
    description="Staff: open a closed or resolved ticket again.",
    applies_to=lambda ticket: ticket.status.is_closed,
    rule=lambda ticket, actor: ticket.reopen(),
    confirmation=_with_id(Sentence("{id} is open again.")),
)
RATE = FeedbackAction(
    applies_to=lambda ticket: ticket.status.is_closed and not ticket.view_only,
    compose=lambda ticket, reporter, rating, comment: ticket.rate(reporter, rating, comment),
    confirmation=_with_id(Sentence("Thank you. Your rating of {id} is saved, and staff see it.")),
)
ACTIONS: dict[str, Action] = {
    action.name: action for action in (CLAIM, UNCLAIM, REPLY, NOTE, CLOSE, RESOLVE, REOPEN)
}


def available_actions(ticket: Ticket) -> tuple[Action, ...]:
    """Return the actions that apply to a ticket now, in the order of its buttons."""
    return tuple(action for action in ACTIONS.values() if action.applies_to(ticket))
