"""The sentence about a reply to a reporter in a game: what is known, in units that people use."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.tickets.events import Reception, ReplyState

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def state(
    *, after: timedelta | None = None, how: Reception = Reception.READ, asked: bool = True
) -> ReplyState:
    return ReplyState(
        source="modl",
        created_at=NOW,
        has_readers=asked,
        received_at=None if after is None else NOW + after,
        received_by="survival-1",
        received_as=how,
    )


def test_a_reply_that_no_server_has_yet_waits() -> None:
    assert str(state().sentence) == "Waiting for the game server to ask for it."


def test_where_no_server_ever_asked_it_says_so_and_what_to_read() -> None:
    assert str(state(asked=False).sentence) == (
        "No game server has asked for events with a modl key of this workspace yet: "
        "see Events in the API documentation."
    )


@pytest.mark.parametrize(
    ("after", "when"),
    [
        (timedelta(seconds=-3), "within a second"),  # the clock was set back
        (timedelta(milliseconds=900), "within a second"),
        (timedelta(seconds=12.9), "12 s later"),
        (timedelta(seconds=60), "1 min later"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min later"),
        (timedelta(days=3, hours=4, minutes=1), "3 d 4 h later"),
    ],
)
def test_a_reply_was_read_by_a_server_after_a_time(after: timedelta, when: str) -> None:
    assert str(state(after=after).sentence) == f"Read by survival-1 {when}."


def test_a_ticket_that_was_fetched_is_not_said_to_be_read() -> None:
    fetched = state(after=timedelta(seconds=12), how=Reception.FETCHED)

    assert str(fetched.sentence) == "Fetched with the ticket by survival-1 12 s later."
