"""Notices that the system clock was set, by comparing it with the monotonic clock, which never is."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from bot.clock import utc_now

log = logging.getLogger(__name__)

JUMP_SECONDS = 2.0  # less is a clock that is being adjusted


def check_clock_at_start(newest: datetime | None, now: datetime) -> None:
    """Log if the clock was set back since the newest ticket was created."""
    behind = 0.0 if newest is None else (newest - now).total_seconds()
    if behind > JUMP_SECONDS:
        log.warning(
            "The system clock was set back: it is %.0f s behind the newest ticket. Deliveries go on.", behind
        )


class ClockJumps:
    """Logs each jump of the system clock once, at the next `check`."""

    def __init__(
        self, *, now: Callable[[], datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._offset = self._current_offset()

    def check(self) -> None:
        offset = self._current_offset()
        jump, self._offset = offset - self._offset, offset
        if abs(jump) > JUMP_SECONDS:
            log.warning(
                "The system clock was set %s by %.0f s (or the machine slept). Deliveries go on.",
                "back" if jump < 0 else "forward",
                abs(jump),
            )

    def _current_offset(self) -> float:
        return self._now().timestamp() - self._monotonic()
