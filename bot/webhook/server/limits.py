"""Limits on what one client may cost: connections, seconds and bytes, and the timer for the seconds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """How long a client may take, in seconds, how much it may send, in bytes, and how many there may be.

    Held for each connection by itself, so that a slow client costs the others nothing. A request that is too
    late is answered with 408, one too large with 413, a head beyond these bounds with 400, and with 503 when
    every connection is busy.
    """

    connections: int = 512  # open at once; fewer where the process may not open twice as many files
    head_seconds: float = 5.0  # from a request's first byte to the end of its headers; for a new client too
    body_seconds: float = 10.0  # from the moment a body is wanted to its end
    idle_seconds: float = 15.0  # between two requests
    answer_seconds: float = 10.0  # for a client to take what it was sent
    lingering_seconds: float = 1.0  # for which the rest of a body that was refused is thrown away
    target_bytes: int = 8 * 1024  # the path and query of the request line
    headers: int = 64
    header_bytes: int = 8 * 1024  # of each name, and of each value
    body_bytes: int = 1024 * 1024  # as sent, and after inflation
    unread_bytes: int = 64 * 1024  # of a body, held until a handler reads it


class Timer:
    """A timer that can be restarted: no task, and no cost for a request that comes in one piece."""

    __slots__ = ("_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` after so many seconds, in place of what was to be called before."""
        self.cancel()
        self._handle = self._loop.call_later(seconds, callback)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
