"""Assigning, transferring and linking a ticket, and the line of history that each change leaves."""

from dataclasses import replace

import pytest

from bot.tickets.errors import AlreadyClaimed, AlreadyLinked
from bot.tickets.history import (
    ASSIGNED,
    CHANGED,
    CHANGED_BY_REPORTER,
    CLAIMED,
    LINKED,
    NO_LONGER_ASSIGNED,
    STATUS_WORDS,
    TRANSFERRED,
    UNCLAIMED,
    event_sentence,
)
from bot.tickets.message import Actor, MessageKind, NewMessage
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import DiscordPost, Player, Priority, Status, Ticket
from tests.tickets.samples import ALICE, BOB, GAME_REPORT, PRIVATE, TICKET

OVER = (Status.RESOLVED, Status.CLOSED)
REY = Player(id="7", name="rey", display_name="Rey")
UNKNOWN = replace(TICKET, reporter=Player())


@pytest.mark.parametrize("ticket", [TICKET, GAME_REPORT, PRIVATE])
@pytest.mark.parametrize("before", [None, ALICE, BOB])
def test_assigning_replaces_any_claim_and_sets_in_progress(ticket: Ticket, before: Actor | None) -> None:
    assigned = replace(ticket, claimed_by=before).assign(BOB)

    assert (assigned.claimed_by, assigned.status) == (BOB, Status.IN_PROGRESS)


@pytest.mark.parametrize("status", OVER)
def test_a_closed_ticket_is_assigned_and_stays_closed(status: Status) -> None:
    assigned = replace(TICKET, status=status).assign(ALICE)

    assert (assigned.claimed_by, assigned.status) == (ALICE, status)


@pytest.mark.parametrize("ticket", [TICKET, GAME_REPORT, PRIVATE])
@pytest.mark.parametrize("status", Status)
def test_a_transfer_ends_the_claim_and_leaves_the_status(ticket: Ticket, status: Status) -> None:
    moved = replace(ticket, status=status, claimed_by=ALICE).transfer("bans")

    assert (moved.department, moved.claimed_by, moved.status) == ("bans", None, status)


def test_a_reporter_is_linked_once() -> None:
    linked = UNKNOWN.link(REY)

    assert linked.reporter == REY
    assert linked.link(replace(REY, name="rey, renamed")) == linked
    with pytest.raises(AlreadyLinked, match=r"^This ticket already belongs to another player\.$"):
        linked.link(Player(id="8", name="kylo"))


@pytest.mark.parametrize("status", Status)
def test_a_ticket_is_linked_whatever_its_status(status: Status) -> None:
    assert replace(UNKNOWN, status=status).link(REY).reporter == REY


def test_a_linked_player_can_add_to_the_ticket() -> None:
    assert UNKNOWN.link(REY).follow_up("7", "It was me").author.id == "7"


def test_a_claimed_ticket_can_be_assigned_but_not_claimed_again() -> None:
    with pytest.raises(AlreadyClaimed):
        TICKET.claim(ALICE).claim(BOB)
    assert TICKET.claim(ALICE).assign(BOB).claimed_by == BOB


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (TICKET, TICKET.claim(ALICE), ["Alice claimed the ticket"]),
        (TICKET, TICKET.assign(ALICE), ["Alice claimed the ticket"]),
        (TICKET, TICKET.assign(BOB), ["Bob was assigned the ticket"]),
        (TICKET.claim(BOB), TICKET.assign(ALICE), ["Alice took the ticket over from Bob"]),
        (TICKET.claim(ALICE), TICKET.claim(ALICE).unclaim(), ["Alice unclaimed the ticket"]),
        (TICKET.claim(BOB), TICKET.claim(BOB).unclaim(), ["Alice unclaimed the ticket"]),
        (TICKET, TICKET.set_status(Status.IN_PROGRESS), ["Alice changed the status to in-progress"]),
        (TICKET, TICKET.set_status(Status.CLOSED), ["Alice changed the status to closed"]),
        (TICKET, TICKET.transfer("bans"), ["Alice transferred the ticket to The Court"]),
        (
            TICKET.claim(BOB),
            TICKET.claim(BOB).transfer("bans"),
            ["Alice transferred the ticket to The Court", "Alice unclaimed the ticket"],
        ),
        (
            TICKET.claim(BOB),
            TICKET.claim(BOB).transfer("bans").set_status(Status.CLOSED),
            [
                "Alice transferred the ticket to The Court",
                "Alice unclaimed the ticket",
                "Alice changed the status to closed",
            ],
        ),
        (TICKET, TICKET.set_priority(Priority.URGENT), ["Alice changed the priority to urgent"]),
        (TICKET, replace(TICKET, category="cheating"), ["Alice changed the category to Cheating"]),
        (UNKNOWN, UNKNOWN.link(REY), ["Rey (@rey) was linked to the ticket"]),
        (GAME_REPORT, GAME_REPORT.set_status(Status.RESOLVED), ["Alice changed the status to resolved"]),
    ],
)
def test_each_thing_that_changed_is_described_in_a_line_with_its_author(
    before: Ticket, after: Ticket, lines: list[str]
) -> None:
    assert after.history_events(before, ALICE, department="The Court", category="Cheating") == tuple(
        NewMessage(kind=MessageKind.EVENT, ticket_id=1, author=ALICE, text=line) for line in lines
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Alice claimed the ticket", CLAIMED.with_parts(name="Alice")),
        ("a\n{b} claimed the ticket", CLAIMED.with_parts(name="a\n{b}")),
        ("Bob is no longer assigned the ticket", NO_LONGER_ASSIGNED.with_parts(name="Bob")),
        (
            "Alice transferred the ticket to The Court",
            TRANSFERRED.with_parts(name="Alice", department="The Court"),
        ),
        (
            "Alice changed the status to in-progress",
            CHANGED.with_parts(name="Alice", status=STATUS_WORDS["in-progress"]),
        ),
        (
            "Rey, the reporter, changed the status to closed",
            CHANGED_BY_REPORTER.with_parts(name="Rey", status=STATUS_WORDS["closed"]),
        ),
        ("Rey (@rey) was linked to the ticket", LINKED.with_parts(name="Rey (@rey)")),
        ("Alice unclaimed the ticket", UNCLAIMED.with_parts(name="Alice")),
        ("Bob was assigned the ticket", ASSIGNED.with_parts(name="Bob")),
        ("Alice changed the status to lost", None),
        ("", None),
    ],
)
def test_a_line_of_history_is_read_back_as_the_sentence_it_was_made_of(
    text: str, sentence: Sentence | None
) -> None:
    assert event_sentence(text) == sentence


@pytest.mark.parametrize(
    "after",
    [
        TICKET,
        replace(TICKET, post=DiscordPost(channel_id=2, message_id=3)),
    ],
    ids=["nothing", "shown in Discord"],
)
def test_other_changes_are_no_part_of_history(after: Ticket) -> None:
    assert after.history_events(TICKET, ALICE, department="General", category="Bug") == ()


def events_of(before: Ticket, after: Ticket) -> list[tuple[str, str]]:
    """Text and detail of each line."""
    events = after.history_events(before, ALICE, department="General", category="Bug")
    return [(event.text, event.detail) for event in events]


def test_why_a_ticket_was_closed_is_a_detail_of_its_line_and_not_in_the_text() -> None:
    closed = GAME_REPORT.set_status(Status.CLOSED, by=ALICE, reason=" No evidence. ")

    assert events_of(GAME_REPORT, closed) == [("Alice changed the status to closed", "No evidence.")]
    assert events_of(closed, closed.reopen()) == [("Alice changed the status to open", "")]


def test_which_tags_a_ticket_got_is_a_detail_of_its_line() -> None:
    tagged = TICKET.set_tags(add=["vip", "duped"])
    retagged = tagged.set_tags(add=["alt"], remove=["vip"])

    assert events_of(TICKET, tagged) == [("Alice changed the tags", "+duped, +vip")]
    assert events_of(tagged, retagged) == [("Alice changed the tags", "+alt, −vip")]
