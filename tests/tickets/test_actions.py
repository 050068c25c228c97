"""Actions: which apply to a ticket, how they change it, and how they are confirmed."""

from dataclasses import replace

import pytest

from bot.tickets.actions import (
    ACTIONS,
    CLAIM,
    CLOSE,
    NOTE,
    REOPEN,
    REPLY,
    RESOLVE,
    UNCLAIM,
    Action,
    MessageAction,
    Role,
    TicketAction,
    available_actions,
)
from bot.tickets.errors import (
    ClosedForReporter,
    NotReporter,
    StatusUnchanged,
    TicketError,
    ViewOnly,
    ViewOnlyForReporter,
)
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Player, Status, Ticket
from tests.tickets.samples import ALICE, BOB, GAME_REPORT, PRIVATE, TICKET

CLOSED = (Status.RESOLVED, Status.CLOSED)
EVERY_TICKET = [
    replace(ticket, status=status, claimed_by=claimer)
    for ticket in (TICKET, GAME_REPORT, PRIVATE)
    for status in Status
    for claimer in (None, ALICE, BOB)
]


def is_accepted(action: Action, ticket: Ticket) -> bool:
    """Whether the ticket's rule lets Alice do it."""
    try:
        if isinstance(action, TicketAction):
            action.rule(ticket, ALICE)
        elif isinstance(action, MessageAction):
            action.compose(ticket, ALICE, "text")
    except TicketError:
        return False
    return True


@pytest.mark.parametrize("ticket", EVERY_TICKET)
def test_an_available_action_is_accepted_by_the_ticket(ticket: Ticket) -> None:
    available = available_actions(ticket)

    assert NOTE in available
    assert [action.name for action in available if not is_accepted(action, ticket)] == []


@pytest.mark.parametrize("claimer", [None, ALICE])
def test_an_open_ticket_can_be_worked_on_and_a_closed_one_reopened(claimer: Actor | None) -> None:
    ticket = replace(TICKET, claimed_by=claimer)
    claim = UNCLAIM if claimer else CLAIM

    assert set(available_actions(ticket)) == {claim, REPLY, NOTE, CLOSE, RESOLVE}
    assert set(available_actions(replace(ticket, view_only=True))) == {claim, NOTE, CLOSE, RESOLVE}
    for status in CLOSED:
        assert set(available_actions(replace(ticket, status=status))) == {NOTE, REOPEN}


def test_closing_and_resolving_differ_in_the_status_alone() -> None:
    assert CLOSE.rule(TICKET, ALICE) == replace(TICKET, status=Status.CLOSED)
    assert RESOLVE.rule(TICKET, ALICE) == replace(TICKET, status=Status.RESOLVED)
    assert (
        REOPEN.rule(CLOSE.rule(TICKET, ALICE), BOB) == REOPEN.rule(RESOLVE.rule(TICKET, ALICE), BOB) == TICKET
    )


@pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
def test_a_ticket_that_is_not_closed_cannot_be_reopened(status: Status) -> None:
    with pytest.raises(StatusUnchanged, match=r"^This ticket is not closed\.$"):
        REOPEN.rule(replace(TICKET, status=status), ALICE)


@pytest.mark.parametrize("status", Status)
def test_a_reply_to_a_game_report_is_refused_in_every_status(status: Status) -> None:
    with pytest.raises(ViewOnly):
        REPLY.compose(replace(GAME_REPORT, status=status), ALICE, "text")


@pytest.mark.parametrize("action", ACTIONS.values(), ids=list(ACTIONS))
def test_every_confirmation_names_the_ticket(action: Action) -> None:
    assert TICKET.public_id in str(action.confirmation(TICKET))


REY = Actor(id="7", name="rey", source="somewhere")  # who has reported the samples


def test_a_reporter_replies_to_and_closes_their_own_open_ticket() -> None:
    added = REPLY.for_role(Role.REPORTER).compose(TICKET, REY, "It was me")

    assert (added.kind, added.author) == (MessageKind.FOLLOW_UP, REY)
    assert CLOSE.for_role(Role.REPORTER).rule(TICKET, REY) == replace(TICKET, status=Status.CLOSED)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=list(ACTIONS))
def test_only_reply_and_close_are_open_to_reporters(action: Action) -> None:
    assert (Role.REPORTER in action.allowed) == (action in (REPLY, CLOSE))
    assert action.for_role(Role.STAFF) is action
    if action.for_reporter is not None:
        assert (action.for_reporter.name, action.for_reporter.label) == (action.name, action.label)


@pytest.mark.parametrize(
    ("ticket", "actor", "error"),
    [
        (TICKET, replace(REY, id="8"), NotReporter),
        (TICKET, replace(REY, source="elsewhere"), NotReporter),
        (TICKET, ALICE, NotReporter),
        (replace(TICKET, reporter=Player(name="rey")), REY, NotReporter),
        (GAME_REPORT, REY, ViewOnlyForReporter),
        (replace(TICKET, status=Status.CLOSED), REY, ClosedForReporter),
        (replace(TICKET, status=Status.RESOLVED), REY, ClosedForReporter),
    ],
)
def test_a_reporter_can_do_nothing_else(ticket: Ticket, actor: Actor, error: type[TicketError]) -> None:
    with pytest.raises(error):
        REPLY.for_role(Role.REPORTER).compose(ticket, actor, "It was me")
    with pytest.raises(error):
        CLOSE.for_role(Role.REPORTER).rule(ticket, actor)


def test_history_says_that_the_reporter_closed_the_ticket() -> None:
    closed = CLOSE.for_role(Role.REPORTER).rule(TICKET, REY)

    (event,) = closed.history_events(TICKET, REY, department="General")
    assert event.text == "rey, the reporter, changed the status to closed"


def test_the_confirmation_of_a_reply_says_that_it_is_shown_where_the_reporter_reads_it() -> None:
    assert str(REPLY.confirmation(TICKET)) == f"Your reply to {TICKET.public_id} is saved."
    assert str(REPLY.confirmation(PRIVATE)).endswith(" is saved. It is shown in the thread.")
