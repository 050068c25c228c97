"""Feedback: who may rate which ticket, and what a rating may be."""

from dataclasses import replace

import pytest

from bot.tickets.actions import RATE, Role
from bot.tickets.errors import (
    CommentTooLong,
    InvalidRating,
    NotEnded,
    NotReporter,
    TicketError,
    ViewOnlyNotRated,
)
from bot.tickets.feedback import COMMENT_LIMIT, comment_in, stars
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Status, Ticket
from tests.tickets.samples import ALICE, GAME_REPORT, PRIVATE, TICKET

REY = Actor(id="7", name="rey", source="somewhere")  # who has reported the samples
ENDED = replace(TICKET, status=Status.CLOSED)


@pytest.mark.parametrize("ticket", [ENDED, replace(PRIVATE, status=Status.RESOLVED)])
@pytest.mark.parametrize("rating", range(1, 6))
def test_a_reporter_rates_a_ticket_that_has_ended(ticket: Ticket, rating: int) -> None:
    feedback = RATE.compose(ticket, REY, rating, "  Quick. ")

    assert (feedback.rating, feedback.comment) == (rating, "Quick.")
    assert (feedback.message.kind, feedback.message.author) == (MessageKind.FEEDBACK, REY)
    assert feedback.message.text == f"{stars(rating)}\nQuick."
    assert comment_in(feedback.message.text) == "Quick."
    assert RATE.applies_to(ticket)


def test_a_comment_may_be_missing_and_has_a_limit() -> None:
    assert RATE.compose(ENDED, REY, 4, " ").message.text == "★★★★☆"
    assert RATE.compose(ENDED, REY, 4, "x" * COMMENT_LIMIT).comment == "x" * COMMENT_LIMIT
    with pytest.raises(CommentTooLong):
        RATE.compose(ENDED, REY, 4, "x" * (COMMENT_LIMIT + 1))


@pytest.mark.parametrize(
    ("ticket", "actor", "rating", "error"),
    [
        (ENDED, ALICE, 5, NotReporter),
        (ENDED, replace(REY, source="elsewhere"), 5, NotReporter),
        (replace(GAME_REPORT, status=Status.RESOLVED), REY, 5, ViewOnlyNotRated),
        (GAME_REPORT, REY, 5, ViewOnlyNotRated),
        (TICKET, REY, 5, NotEnded),
        (replace(TICKET, status=Status.IN_PROGRESS), REY, 5, NotEnded),
        (ENDED, REY, 0, InvalidRating),
        (ENDED, REY, 6, InvalidRating),
    ],
)
def test_nothing_else_can_be_rated(
    ticket: Ticket, actor: Actor, rating: int, error: type[TicketError]
) -> None:
    with pytest.raises(error):
        RATE.compose(ticket, actor, rating, "")


@pytest.mark.parametrize("status", Status)
def test_it_is_offered_on_normal_tickets_that_have_ended(status: Status) -> None:
    assert RATE.applies_to(replace(TICKET, status=status)) == status.is_closed
    assert not RATE.applies_to(replace(GAME_REPORT, status=status))
    assert RATE.allowed == (Role.REPORTER,)


def test_the_confirmation_names_the_ticket() -> None:
    assert TICKET.public_id in str(RATE.confirmation(ENDED))
