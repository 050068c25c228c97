"""A clock that was set is logged once, and one that runs is not."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from bot.outbox.clock_jumps import ClockJumps, check_clock_at_start
from tests.outbox.test_circuit_breaker import Clock


@pytest.mark.parametrize(
    ("jump", "said"), [(-3600.0, "set back by 3600 s"), (90.0, "set forward by 90 s"), (1.5, ""), (-1.5, "")]
)
def test_a_jump_of_the_clock_is_logged_once(jump: float, said: str, caplog: pytest.LogCaptureFixture) -> None:
    wall, monotonic = Clock(), Clock()
    jumps = ClockJumps(now=lambda: datetime.fromtimestamp(wall(), UTC), monotonic=monotonic)
    with caplog.at_level(logging.WARNING):
        for extra in (0.0, jump, 0.0, 0.0):
            wall.advance(60.0 + extra)
            monotonic.advance(60.0)
            jumps.check()

    assert len(caplog.messages) == bool(said)
    assert said in "".join(caplog.messages)


@pytest.mark.parametrize(
    ("ahead", "said"), [(3600.0, "set back: it is 3600 s behind"), (1.5, ""), (-90.0, "")]
)
def test_a_clock_behind_the_newest_ticket_is_logged_at_the_start(
    ahead: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime(2025, 1, 15, tzinfo=UTC)
    with caplog.at_level(logging.WARNING):
        check_clock_at_start(None, now)
        check_clock_at_start(now + timedelta(seconds=ahead), now)

    assert len(caplog.messages) == bool(said)
    assert said in "".join(caplog.messages)
