"""What one client may cost, every bound in one place, and the timer that holds the bounds in seconds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a client may take, in seconds, how much it may send, in bytes, and how many there may be.

    Held for every connection by itself, so that a slow or stuck client costs the others nothing. What is too
    late is told 408, what is too large 413, what is no HTTP within these bounds 400, who is one too many 503.
    """

    connections: int = 512  # open at once
    head_seconds: float = 5.0  # from a request's first byte to the end of its headers; for a new client too
    body_seconds: float = 10.0  # from the end of the headers to the end of the body
    idle_seconds: float = 15.0  # between two requests
    answer_seconds: float = 10.0  # for a client to take what it was sent
    parting_seconds: float = 1.0  # what a refused client is still sending is thrown away for so long
    target_bytes: int = 8 * 1024  # the path and query of the request line
    headers: int = 64
    header_bytes: int = 8 * 1024  # of each name, and of each value
    body_bytes: int = 1024 * 1024  # after inflation: what a game server can send at most
    unread_bytes: int = 64 * 1024  # of a body, held until somebody wants it


LIMITS = web.AppKey("limits", Limits)


class Deadline:
    """One timer, armed again and again: no task, and nothing at all for a request that comes in one piece."""

    __slots__ = ("_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, seconds: float, late: Callable[[], None]) -> None:
        """Call `late` in so many seconds, and forget what was armed before."""
        self.disarm()
        self._handle = self._loop.call_later(seconds, late)

    def disarm(self) -> None:
        """Call nothing."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
