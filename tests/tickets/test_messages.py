"""Who may add a message to a ticket, in which order it is checked, and the deliveries that follow."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.tickets.errors import (
    EmptyMessage,
    MessageTooLong,
    NotClaimedByYou,
    NotReporter,
    TicketClosed,
    ViewOnly,
)
from bot.tickets.message import Actor, MessageKind, NewMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import DiscordPost, Player, Status, Ticket
from tests.tickets.samples import ALICE, BOB, GAME_REPORT, PRIVATE, TICKET

OVER = (Status.RESOLVED, Status.CLOSED)
CLAIMED = TICKET.claim(ALICE)
FOR_A_REPORTER: list[Callable[[Ticket, str], NewMessage]] = [
    lambda ticket, text: ticket.reply(ALICE, text),
    lambda ticket, text: ticket.reply_as_claimer(ALICE, text),
    lambda ticket, text: ticket.follow_up("7", text),
]


def test_the_claimer_of_a_ticket_can_reply() -> None:
    reply = CLAIMED.reply_as_claimer(replace(ALICE, name="Alice, renamed"), " We are on it. ")

    assert reply.kind is MessageKind.REPLY
    assert (reply.ticket_id, reply.text) == (1, "We are on it.")


@pytest.mark.parametrize(
    "ticket",
    [
        TICKET,
        TICKET.claim(BOB),
        CLAIMED.unclaim(),
        TICKET.claim(Actor(id=ALICE.id, name=ALICE.name, source="somewhere")),
    ],
    ids=["unclaimed", "somebody else's", "given up", "the same number elsewhere"],
)
def test_others_must_claim_a_ticket_before_replying(ticket: Ticket) -> None:
    with pytest.raises(NotClaimedByYou, match=r"^You must claim this ticket before replying\.$"):
        ticket.reply_as_claimer(ALICE, "hello")


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("report", [GAME_REPORT, replace(GAME_REPORT, claimed_by=ALICE)])
@pytest.mark.parametrize("say", FOR_A_REPORTER)
def test_view_only_is_checked_before_anything_else(
    say: Callable[[Ticket, str], NewMessage], report: Ticket, status: Status
) -> None:
    for text in ("hello", "", "x" * 4001):
        with pytest.raises(ViewOnly):
            say(replace(report, status=status), text)


@pytest.mark.parametrize("status", OVER)
@pytest.mark.parametrize("claimed_by", [None, ALICE, BOB])
def test_closed_is_checked_before_claimed(claimed_by: Actor | None, status: Status) -> None:
    with pytest.raises(TicketClosed):
        replace(TICKET, claimed_by=claimed_by, status=status).reply_as_claimer(ALICE, "hello")


@pytest.mark.parametrize("ticket", [TICKET, PRIVATE, CLAIMED])
def test_a_reporter_adds_to_their_ticket_under_its_name_of_them(ticket: Ticket) -> None:
    added = ticket.follow_up("7", "  It broke again.\n")

    assert added.kind is MessageKind.FOLLOW_UP
    assert added.author == Actor(id="7", name="rey", source="somewhere")
    assert (added.ticket_id, added.text) == (1, "It broke again.")


@pytest.mark.parametrize("status", Status)
def test_only_the_reporter_can_add_to_a_ticket(status: Status) -> None:
    for ticket in (TICKET, replace(TICKET, reporter=Player(name="rey"))):
        with pytest.raises(NotReporter):
            replace(ticket, status=status).follow_up("8", "Mine too!")


@pytest.mark.parametrize("reporter_id", ["7", "8"])
def test_a_game_report_takes_no_follow_up(reporter_id: str) -> None:
    with pytest.raises(ViewOnly):
        GAME_REPORT.follow_up(reporter_id, "One more thing")


@pytest.mark.parametrize("status", OVER)
def test_a_closed_ticket_takes_no_follow_up(status: Status) -> None:
    with pytest.raises(TicketClosed):
        replace(TICKET, status=status).follow_up("7", "One more thing")


@pytest.mark.parametrize("say", FOR_A_REPORTER)
def test_a_message_has_1_to_4000_characters(
    say: Callable[[Ticket, str], NewMessage],
) -> None:
    assert len(say(CLAIMED, f" {'😀' * 4000}\n").text) == 4000
    with pytest.raises(EmptyMessage):
        say(CLAIMED, " \n\t")
    with pytest.raises(MessageTooLong):
        say(CLAIMED, "x" * 4001)


@pytest.mark.parametrize(
    ("kind", "in_the_open", "in_private"),
    [
        (
            MessageKind.REPLY,
            (DeliveryKind.POST_MESSAGE,),
            (DeliveryKind.POST_MESSAGE,),
        ),
        (MessageKind.NOTE, (DeliveryKind.POST_MESSAGE,), ()),
        (MessageKind.FOLLOW_UP, (DeliveryKind.POST_MESSAGE,), (DeliveryKind.POST_MESSAGE,)),
        (MessageKind.EVENT, (DeliveryKind.POST_EVENT,), (DeliveryKind.POST_EVENT,)),
    ],
)
def test_the_deliveries_of_a_message_depend_on_its_kind_and_on_privacy(
    kind: MessageKind, in_the_open: tuple[DeliveryKind, ...], in_private: tuple[DeliveryKind, ...]
) -> None:
    assert TICKET.deliveries_for(kind) == in_the_open
    assert PRIVATE.deliveries_for(kind) == in_private


def test_an_event_is_no_line_where_a_ticket_has_no_thread_of_its_own() -> None:
    in_digest = replace(TICKET, post=DiscordPost(channel_id=2, digest_message_id=3))

    assert in_digest.deliveries_for(MessageKind.EVENT) == ()
    assert GAME_REPORT.deliveries_for(MessageKind.EVENT) == ()
