"""The current time, timezone-aware."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
