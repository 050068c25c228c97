"""Times as the database keeps them: whole milliseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970; raises TypeError for a datetime without a zone."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The aware datetime of a kept time."""
    return _EPOCH + timedelta(milliseconds=ms)
