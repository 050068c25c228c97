"""Quiet hours: across midnight, in the member's time zone, and on the days on which clocks are changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tickets.direct_messages import DirectMessageState, MemberPreferences, Reachability, time_zones
from bot.tickets.outbox import MAX_HELD
from bot.tickets.ticket import Status
from tests.tickets.samples import GAME_REPORT, PRIVATE, TICKET, WORKSPACE

BERLIN = ZoneInfo("Europe/Berlin")
NOBODY = MemberPreferences(discord_id=1)


def quiet(begin: str, end: str, zone: str = "Europe/Berlin") -> MemberPreferences:
    return NOBODY.with_time_zone(zone).with_quiet_hours(begin, end)


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, fold=fold, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (local(2026, 1, 5, 21, 59), None),
        (local(2026, 1, 5, 22, 0), local(2026, 1, 6, 7, 0)),
        (local(2026, 1, 6, 6, 59), local(2026, 1, 6, 7, 0)),
        (local(2026, 1, 6, 7, 0), None),
    ],
)
def test_quiet_hours_last_across_midnight_in_the_members_time_zone(
    now: datetime, until: datetime | None
) -> None:
    assert quiet("22:00", "7").quiet_until(now) == until


def test_quiet_hours_within_a_day_end_on_that_day() -> None:
    school = quiet("8:00", "13:30")

    assert school.quiet_until(local(2026, 1, 5, 12, 0)) == local(2026, 1, 5, 13, 30)
    assert school.quiet_until(local(2026, 1, 5, 13, 30)) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Clocks are set forward at 2:00, so there is no 2:30: half an hour after 2:00 by the old time.
        (local(2026, 3, 28, 23, 0), local(2026, 3, 29, 3, 30)),
        # They are set back at 3:00, so 2:30 is there twice: the first one ends it, the second one again.
        (local(2026, 10, 24, 23, 0), local(2026, 10, 25, 2, 30)),
        (local(2026, 10, 25, 2, 10, fold=1), local(2026, 10, 25, 2, 30, fold=1)),
    ],
)
def test_quiet_hours_end_on_days_on_which_clocks_are_changed(now: datetime, until: datetime) -> None:
    assert quiet("22:00", "2:30").quiet_until(now) == until


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(sorted(time_zones().values())),
)
def test_quiet_hours_always_end_within_the_longest_time_for_which_a_message_is_held(
    now: datetime, begin: int, end: int, zone: str
) -> None:
    chosen = replace(NOBODY, quiet_from=begin, quiet_to=end, time_zone=zone)

    until = chosen.quiet_until(now)

    if until is not None:
        assert now < until <= now + MAX_HELD
        assert chosen.quiet_until(until) is None
        assert chosen.quiet_until(until - timedelta(seconds=1)) is not None


def test_a_time_zone_that_this_computer_does_not_know_any_more_is_utc() -> None:
    chosen = replace(NOBODY, quiet_from=60, quiet_to=120, time_zone="Nowhere/Gone")

    assert chosen.quiet_until(datetime(2026, 1, 5, 1, 30, tzinfo=UTC)) == datetime(2026, 1, 5, 2, tzinfo=UTC)


def test_quiet_hours_are_removed_by_either_time() -> None:
    assert quiet("22:00", "7").with_quiet_hours(None, "Off") == replace(NOBODY, time_zone="Europe/Berlin")
    assert quiet("22:00", "7").with_quiet_hours("off", None).quiet_from is None


@pytest.mark.parametrize("is_reply", [True, False])
def test_nothing_is_sent_of_game_reports_and_of_tickets_from_discord(is_reply: bool) -> None:
    told = [
        WORKSPACE.sends_direct_message(replace(one, status=Status.CLOSED), is_reply=is_reply)
        for one in (TICKET, GAME_REPORT, PRIVATE)
    ]

    assert told == [True, False, False]


def test_where_reporters_are_thanked_they_are_told_of_the_end_of_a_game_report_and_of_nothing_else() -> None:
    thanking = replace(WORKSPACE, thank_reporters=True)
    ended = replace(GAME_REPORT, status=Status.RESOLVED)

    assert thanking.sends_direct_message(ended, is_reply=False)
    assert not thanking.sends_direct_message(ended, is_reply=True)
    assert not thanking.sends_direct_message(GAME_REPORT, is_reply=False)
    assert not thanking.sends_direct_message(replace(ended, is_private=True), is_reply=False)


WANTED = DirectMessageState(preferences=NOBODY, is_linked=True, is_read=False)


@pytest.mark.parametrize(
    "state",
    [
        replace(WANTED, is_linked=False),
        replace(WANTED, is_read=True),
        replace(WANTED, preferences=replace(NOBODY, direct_messages=False)),
        replace(WANTED, preferences=replace(NOBODY, reachable=Reachability.NO)),
    ],
)
def test_a_message_is_not_wanted_for_each_reason_alone(state: DirectMessageState) -> None:
    assert WANTED.is_wanted(TICKET, WORKSPACE, is_reply=True)
    assert not state.is_wanted(TICKET, WORKSPACE, is_reply=True)


def test_a_closing_is_not_told_once_the_ticket_is_open_again() -> None:
    closed = replace(TICKET, status=Status.CLOSED)

    assert WANTED.is_wanted(closed, WORKSPACE, is_reply=False)
    assert not WANTED.is_wanted(closed.reopen(), WORKSPACE, is_reply=False)
