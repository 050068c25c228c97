"""Events that are pushed to outgoing webhooks, and when to try again."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.tickets.events import TicketEvent
from bot.tickets.push_endpoints import PushEndpoint

# The wait before each attempt at one event, as Standard Webhooks recommends it: 75 hours in all.
SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
MAX_RETRY_AFTER = timedelta(hours=24)  # what a receiver may ask for
MAX_PUSH_WAIT = timedelta(hours=27)  # longer than any wait: one that is due later was made by another clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """An event that is due at an endpoint."""

    endpoint: PushEndpoint
    event: TicketEvent
    attempts: int  # so far
    first_attempt_at: datetime | None
    secrets: tuple[str, ...] = field(repr=False)  # each signs it


def wait_before_next(attempts: int, jitter: float) -> timedelta | None:
    """How long to wait after so many failed attempts, longer by a tenth of `jitter` (0 to 1).

    None: the event is given up.
    """
    return SCHEDULE[attempts] * (1 + jitter / 10) if attempts < len(SCHEDULE) else None
