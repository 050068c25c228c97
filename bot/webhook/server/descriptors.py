"""File descriptors: raise the process's limit, and keep the log readable when they run out."""

import logging
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from bot.webhook.server.limits import ConnectionLimits

_ACCEPT_FAILED = "socket.accept() out of system resource"  # as asyncio begins its message
_MINUTE = 60.0


def raise_descriptor_limit() -> None:
    """Raise the soft RLIMIT_NOFILE to the hard one, as far as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has a lower bound of its own than the limit it tells
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptor_limit() -> int | None:
    """How many files the process may have open; None for any number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def within_descriptors(limits: ConnectionLimits) -> ConnectionLimits:
    """No more connections than half of the files that may be open: the database and Discord need some."""
    most = descriptor_limit()
    return limits if most is None else replace(limits, connections=min(limits.connections, most // 2))


class AcceptFailureFilter(logging.Filter):
    """Passes one "out of system resource" a minute, without traceback: asyncio logs one for each client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._next = clock()

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.getMessage().startswith(_ACCEPT_FAILED):
            return True
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + _MINUTE
        record.exc_info = None
        return True


@contextmanager
def accept_failures_logged_once_a_minute() -> Iterator[None]:
    """Filter asyncio's log until the block ends."""
    log, once_a_minute = logging.getLogger("asyncio"), AcceptFailureFilter()
    log.addFilter(once_a_minute)
    try:
        yield
    finally:
        log.removeFilter(once_a_minute)
