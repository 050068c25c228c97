"""The rules of a ticket: replies, notes, claims and statuses, and the errors they raise."""

import inspect
from dataclasses import replace

import pytest

from bot.tickets.errors import (
    AlreadyClaimed,
    EmptyMessage,
    MessageTooLong,
    NotClaimed,
    StatusUnchanged,
    TicketClosed,
    TicketError,
    ViewOnly,
)
from bot.tickets.message import MessageKind
from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import Player, Status, Ticket
from tests.tickets.samples import ALICE, BOB, GAME_REPORT, PRIVATE, TICKET, WRITER

OVER = (Status.RESOLVED, Status.CLOSED)
GOING_ON = (Status.OPEN, Status.IN_PROGRESS)


def test_a_reply_carries_its_ticket_its_author_and_its_text() -> None:
    reply = TICKET.reply(WRITER, "  We are on it.\n")

    assert reply.kind is MessageKind.REPLY
    assert (reply.ticket_id, reply.author, reply.text) == (1, WRITER, "We are on it.")


@pytest.mark.parametrize("status", Status)
def test_a_game_report_takes_no_reply_whatever_its_status(status: Status) -> None:
    report = replace(GAME_REPORT, status=status)

    with pytest.raises(ViewOnly):
        report.reply(WRITER, "hello")
    with pytest.raises(ViewOnly):
        report.ensure_replies_allowed()


@pytest.mark.parametrize("status", OVER)
def test_a_closed_ticket_takes_no_reply(status: Status) -> None:
    with pytest.raises(TicketClosed):
        replace(TICKET, status=status).reply(WRITER, "too late")


@pytest.mark.parametrize("status", GOING_ON)
def test_an_open_ticket_takes_replies(status: Status) -> None:
    assert replace(TICKET, status=status).reply(WRITER, "hello").text == "hello"


@pytest.mark.parametrize("ticket", [TICKET, GAME_REPORT, PRIVATE])
@pytest.mark.parametrize("status", Status)
def test_staff_can_note_on_every_ticket_at_any_time(ticket: Ticket, status: Status) -> None:
    note = replace(ticket, status=status).note(WRITER, "Seen him before.")

    assert note.kind is MessageKind.NOTE


@pytest.mark.parametrize("text", ["", " ", "\n\t \n"])
def test_a_message_without_text_is_refused(text: str) -> None:
    with pytest.raises(EmptyMessage):
        TICKET.reply(WRITER, text)
    with pytest.raises(EmptyMessage):
        TICKET.note(WRITER, text)


def test_a_message_has_4000_characters_at_most() -> None:
    assert len(TICKET.reply(WRITER, "😀" * 4000).text) == 4000
    with pytest.raises(MessageTooLong):
        TICKET.reply(WRITER, "x" * 4001)
    with pytest.raises(MessageTooLong):
        TICKET.note(WRITER, "x" * 4001)


def test_claiming_puts_a_ticket_in_progress() -> None:
    claimed = TICKET.claim(ALICE)

    assert (claimed.claimed_by, claimed.status) == (ALICE, Status.IN_PROGRESS)


def test_a_game_report_can_be_claimed_and_moved() -> None:
    assert GAME_REPORT.claim(ALICE).set_status(Status.CLOSED).status is Status.CLOSED


def test_a_ticket_has_one_claimer_at_a_time_and_names_them() -> None:
    with pytest.raises(AlreadyClaimed, match=r"^Alice has already claimed this ticket\.$"):
        TICKET.claim(ALICE).claim(BOB)


def test_a_second_claim_by_the_same_person_says_so() -> None:
    renamed = replace(ALICE, name="Alice again")

    with pytest.raises(AlreadyClaimed, match=r"^You have already"):
        TICKET.claim(ALICE).claim(renamed)


@pytest.mark.parametrize("status", OVER)
def test_a_closed_ticket_cannot_be_claimed(status: Status) -> None:
    with pytest.raises(TicketClosed):
        replace(TICKET, status=status).claim(ALICE)


def test_unclaiming_lets_others_claim_and_leaves_the_status() -> None:
    freed = TICKET.claim(ALICE).unclaim()

    assert (freed.claimed_by, freed.status) == (None, Status.IN_PROGRESS)
    assert freed.claim(BOB).claimed_by == BOB


def test_an_unclaimed_ticket_cannot_be_unclaimed() -> None:
    with pytest.raises(NotClaimed):
        TICKET.unclaim()


@pytest.mark.parametrize("start", Status)
@pytest.mark.parametrize("end", Status)
def test_any_status_can_change_to_any_other_but_not_to_itself(start: Status, end: Status) -> None:
    ticket = replace(TICKET, status=start)

    if start is end:
        with pytest.raises(StatusUnchanged, match=end.value.replace("-", " ")):
            ticket.set_status(end)
    else:
        assert ticket.set_status(end).status is end


def test_a_closed_ticket_takes_replies_again_once_reopened() -> None:
    reopened = TICKET.set_status(Status.CLOSED).set_status(Status.OPEN)

    assert reopened.reply(WRITER, "Back again").text == "Back again"


def test_a_rule_returns_another_ticket_and_leaves_the_first_unchanged() -> None:
    claimed = TICKET.claim(ALICE)

    assert (claimed.claimed_by, TICKET.claimed_by) == (ALICE, None)


def test_a_thread_is_delivered_after_its_post() -> None:
    assert TICKET.initial_deliveries == (DeliveryKind.POST, DeliveryKind.THREAD)


def test_a_game_report_gets_a_post_and_no_thread() -> None:
    assert GAME_REPORT.initial_deliveries == (DeliveryKind.POST,)


def test_a_private_ticket_is_posted_inside_a_thread_of_its_own() -> None:
    assert PRIVATE.initial_deliveries == (DeliveryKind.PRIVATE_THREAD, DeliveryKind.POST)


def test_a_reply_to_a_reporter_in_discord_is_only_shown() -> None:
    assert PRIVATE.deliveries_for(MessageKind.REPLY) == (DeliveryKind.POST_MESSAGE,)


def test_a_note_never_reaches_the_reporter() -> None:
    assert TICKET.deliveries_for(MessageKind.NOTE) == (DeliveryKind.POST_MESSAGE,)
    assert PRIVATE.deliveries_for(MessageKind.NOTE) == ()


def test_a_ticket_belongs_to_its_reporter_within_one_source() -> None:
    assert TICKET.is_reported_by("somewhere", "7")
    assert not TICKET.is_reported_by("elsewhere", "7")
    assert not TICKET.is_reported_by("somewhere", "8")


@pytest.mark.parametrize(
    ("player", "label"),
    [
        (Player(id="7", name="rey", display_name="Rey S."), "Rey S. (@rey)"),
        (Player(id="7", name="rey", display_name="rey"), "rey"),
        (Player(id="7", name="rey"), "rey"),
        (Player(id="7"), "7"),
        (Player(), "unknown"),
    ],
)
def test_a_player_is_labelled_with_the_best_name_there_is(player: Player, label: str) -> None:
    assert player.label == label


def test_every_error_is_a_sentence() -> None:
    refusals: list[type[TicketError]] = [TicketError, *TicketError.__subclasses__()]
    for refusal in refusals:
        sentence = inspect.cleandoc(refusal.__doc__ or "")

        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "\n" not in sentence
