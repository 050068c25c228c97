"""Blocks: how long they last, and how a duration is typed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.tickets.blocks import Block, InvalidDuration, parse_duration
from tests.tickets.samples import ALICE, MOMENT

BLOCK = Block(
    id=1,
    workspace_id="w",
    source="somewhere",
    player_id="7",
    player_name=None,
    reason="Spam",
    blocked_by=ALICE,
    blocked_at=MOMENT,
    expires_at=MOMENT + timedelta(hours=1),
)


@pytest.mark.parametrize(
    ("typed", "duration"),
    [
        ("30m", timedelta(minutes=30)),
        (" 1H ", timedelta(hours=1)),
        ("7 d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("99999w", timedelta(weeks=99999)),
        ("Forever", None),
    ],
)
def test_durations_are_typed_as_people_do(typed: str, duration: timedelta | None) -> None:
    assert parse_duration(typed) == duration


@pytest.mark.parametrize("typed", ["", "0h", "h", "1", "1y", "-1d", "1d2h", "1.5h", "100000w", "²h"])
def test_what_is_no_duration_is_refused(typed: str) -> None:
    with pytest.raises(InvalidDuration):
        parse_duration(typed)


def test_a_block_ends_by_time_or_by_hand() -> None:
    hour = timedelta(hours=1)

    assert BLOCK.is_active(MOMENT + hour - timedelta(milliseconds=1))
    assert not BLOCK.is_active(MOMENT + hour)
    assert replace(BLOCK, expires_at=None).is_active(MOMENT + 99999 * hour)
    assert not replace(BLOCK, expires_at=None, ended_at=MOMENT).is_active(MOMENT)
