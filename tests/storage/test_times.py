"""Times come back as they were stored, to the millisecond, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from storage.mapping import from_ms, to_ms


@pytest.mark.parametrize("ms", [0, 1, -1, 1736937000123, 253402300799999])
def test_a_stored_time_comes_back(ms: int) -> None:
    assert to_ms(from_ms(ms)) == ms
    assert from_ms(ms).tzinfo is UTC


def test_the_same_moment_in_any_time_zone_is_the_same_time() -> None:
    moment = datetime(2025, 1, 15, 10, 30, 0, 123999, tzinfo=UTC)

    assert to_ms(moment) == to_ms(moment.astimezone(timezone(timedelta(hours=5)))) == 1736937000123


def test_a_time_without_a_time_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        to_ms(datetime(2025, 1, 15))  # noqa: DTZ001, RUF100
