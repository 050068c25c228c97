"""Actions: which apply to a ticket, how they change it, and how they are confirmed."""

from dataclasses import replace
from typing import Unpack

import pytest

from bot.tickets.actions import (
    ACTIONS,
    ASSIGN,
    CLAIM,
    CLOSE,
    DISMISS,
    MOVE,
    NOTE,
    PRIORITY,
    REOPEN,
    REPLY,
    RESOLVE,
    STATUS,
    TAG,
    TAKE_OVER,
    UNCLAIM,
    Action,
    Given,
    Inputs,
    MessageAction,
    Role,
    TicketAction,
    available_actions,
)
from bot.tickets.errors import (
    AlreadyClaimed,
    ClosedForReporter,
    NothingChanged,
    NotReporter,
    ReasonTooLong,
    StatusUnchanged,
    TicketClosed,
    TicketError,
    UnknownTag,
    ViewOnly,
    ViewOnlyForReporter,
)
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Player, Priority, Status, Ticket
from bot.tickets.workspace import Category, Department
from tests.tickets.samples import ALICE, BOB, GAME_REPORT, PRIVATE, TICKET, WORKSPACE

CLOSED = (Status.RESOLVED, Status.CLOSED)
EVERY_TICKET = [
    replace(ticket, status=status, claimed_by=claimer)
    for ticket in (TICKET, GAME_REPORT, PRIVATE)
    for status in Status
    for claimer in (None, ALICE, BOB)
]


HOUSE = replace(
    WORKSPACE,
    categories=(Category(id="bug", name="Bugs"), Category(id="cheating", name="Cheating")),
    departments=(*WORKSPACE.departments, Department(id="court", name="The Court")),
    tags=("duped", "vip"),
)
CAROL = Actor(id="13", name="Carol")


def do(action: Action, ticket: Ticket, actor: Actor = ALICE, **inputs: Unpack[Inputs]) -> Ticket:
    """The ticket after an action by its rule."""
    assert isinstance(action, TicketAction)
    return action.rule(ticket, HOUSE, Given(actor=actor, **inputs))


def inputs_that_change(ticket: Ticket) -> Inputs:
    """Something to give with each action that is not so yet."""
    priority = Priority.LOW if ticket.priority is not Priority.LOW else Priority.HIGH
    status = Status.OPEN if ticket.status is not Status.OPEN else Status.CLOSED
    return Inputs(
        staff=CAROL,
        department="court",
        category="cheating",
        priority=priority,
        status=status,
        add_tags=("vip",),
    )


def is_accepted(action: Action, ticket: Ticket) -> bool:
    """Whether the ticket's rule lets Alice do it."""
    try:
        if isinstance(action, TicketAction):
            do(action, ticket, **inputs_that_change(ticket))
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

    always = {NOTE, STATUS, PRIORITY, MOVE, TAG}
    working = {claim, ASSIGN, CLOSE, RESOLVE} | always
    assert set(available_actions(ticket)) == {REPLY, *working}
    assert set(available_actions(replace(ticket, view_only=True))) == {DISMISS, *working}
    about = replace(ticket, reported_player=Player(name="Griefer"))
    assert set(available_actions(about)) == {REPLY, DISMISS, *working}
    for status in CLOSED:
        assert set(available_actions(replace(ticket, status=status))) == {REOPEN, *always}


def test_an_ended_ticket_remembers_who_ended_it_and_why_until_it_is_reopened() -> None:
    for action, status in ((CLOSE, Status.CLOSED), (DISMISS, Status.CLOSED), (RESOLVE, Status.RESOLVED)):
        ended = do(action, GAME_REPORT, reason=" No evidence. ")
        assert ended == replace(GAME_REPORT, status=status, closed_by=ALICE, close_reason="No evidence.")
        assert do(REOPEN, ended, BOB) == GAME_REPORT
    assert do(STATUS, TICKET, status=Status.CLOSED).closed_by == ALICE


def test_a_reason_of_more_than_500_characters_is_refused() -> None:
    assert do(CLOSE, TICKET, reason="x" * 500).close_reason == "x" * 500
    with pytest.raises(ReasonTooLong):
        do(CLOSE, TICKET, reason="x" * 501)


def test_who_comes_second_is_told_who_ended_the_ticket_and_how() -> None:
    resolved = do(RESOLVE, TICKET)

    for action in (CLAIM, ASSIGN):
        with pytest.raises(TicketClosed, match=r"^Alice has resolved this ticket\. Reopen it first\.$"):
            do(action, resolved, BOB)
    with pytest.raises(TicketClosed, match=r"^Alice has resolved this ticket"):
        REPLY.compose(resolved, BOB, "Thanks")
    for action in (RESOLVE, CLOSE, DISMISS):
        with pytest.raises(StatusUnchanged, match=r"^Alice has already resolved this ticket\.$"):
            do(action, resolved, BOB)
    with pytest.raises(StatusUnchanged, match=r"^This ticket is already resolved\.$"):
        do(RESOLVE, resolved)
    with pytest.raises(TicketClosed, match=r"^This ticket is closed\. Reopen it first\.$"):
        resolved.follow_up("7", "Names of staff are for staff")


def test_a_claim_is_taken_over_only_from_who_was_asked_about() -> None:
    claimed = replace(do(CLAIM, TICKET, BOB), revision=4)

    with pytest.raises(AlreadyClaimed, match="Bob has already claimed"):
        do(CLAIM, claimed)
    assert do(TAKE_OVER, claimed, revision=4).claimed_by == ALICE
    with pytest.raises(AlreadyClaimed, match="Carol has already claimed"):
        do(TAKE_OVER, replace(claimed, claimed_by=CAROL, revision=5), revision=4)
    assert do(TAKE_OVER, replace(TICKET, revision=5), revision=4).claimed_by == ALICE  # given up since


def test_a_ticket_is_assigned_to_a_colleague_in_place_of_an_earlier_claim() -> None:
    assigned = do(ASSIGN, do(CLAIM, TICKET, BOB), staff=CAROL)

    assert (assigned.claimed_by, assigned.status) == (CAROL, Status.IN_PROGRESS)
    with pytest.raises(AlreadyClaimed, match="Carol has already claimed this ticket"):
        do(ASSIGN, assigned, staff=CAROL)


def test_priority_and_tags_change_only_to_something_else() -> None:
    urgent = do(PRIORITY, TICKET, priority=Priority.URGENT)
    tagged = do(TAG, TICKET, add_tags=("vip", "duped"))

    assert urgent.priority is Priority.URGENT
    with pytest.raises(NothingChanged, match="already urgent"):
        do(PRIORITY, urgent, priority=Priority.URGENT)
    assert tagged.tags == ("duped", "vip")
    assert do(TAG, tagged, remove_tags=("duped",)).tags == ("vip",)
    for nothing in (Inputs(add_tags=("vip",)), Inputs(remove_tags=("alt",)), Inputs()):
        with pytest.raises(NothingChanged):
            do(TAG, tagged, **nothing)
    with pytest.raises(UnknownTag):
        do(TAG, TICKET, add_tags=("made up",))


def test_a_tag_that_the_workspace_no_longer_has_can_be_taken_from_a_ticket() -> None:
    tagged = replace(TICKET, tags=("old", "vip"))

    assert do(TAG, tagged, remove_tags=("old",)).tags == ("vip",)
    assert do(TAG, tagged, add_tags=("duped", "old")).tags == ("duped", "old", "vip")


@pytest.mark.parametrize("action", ACTIONS.values(), ids=list(ACTIONS))
def test_a_change_is_taken_back_as_a_whole(action: Action) -> None:
    before = replace(TICKET, claimed_by=BOB, tags=("old",))
    if not isinstance(action, TicketAction) or not is_accepted(action, before):
        return

    changed = do(action, before, **inputs_that_change(before))

    assert changed != before
    assert changed.with_state(before.state) == before


@pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
def test_a_ticket_that_is_not_closed_cannot_be_reopened(status: Status) -> None:
    with pytest.raises(StatusUnchanged, match=r"^This ticket is not closed\.$"):
        do(REOPEN, replace(TICKET, status=status))


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
    closed = do(CLOSE.for_role(Role.REPORTER), TICKET, REY, reason="Found it.")
    assert closed == replace(TICKET, status=Status.CLOSED, closed_by=REY, close_reason="Found it.")


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
        do(CLOSE.for_role(Role.REPORTER), ticket, actor)


def test_history_says_that_the_reporter_closed_the_ticket() -> None:
    closed = do(CLOSE.for_role(Role.REPORTER), TICKET, REY)

    (event,) = closed.history_events(TICKET, REY, department="General", category="Bugs")
    assert event.text == "rey, the reporter, changed the status to closed"


def test_the_confirmation_of_a_reply_says_that_it_is_shown_where_the_reporter_reads_it() -> None:
    assert str(REPLY.confirmation(TICKET)) == f"Your reply to {TICKET.public_id} is saved."
    assert str(REPLY.confirmation(PRIVATE)).endswith(" is saved. It is shown in the thread.")
