"""Counts what Discord answers to every request, and stops before it would bar us. Knows no delivery."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp

from bot.outbox.circuit_breaker import Breaker

# Discord bars an address for 10,000 refused requests in ten minutes.
WINDOW = 600.0  # seconds
ENOUGH = 400  # refused requests within them, from which on nothing is delivered
MOST = 500  # from which on nothing at all is asked

_REFUSED = (401, 403)
_TOO_MANY = 429


class TooManyRefusals(aiohttp.ClientError):
    """Discord refused so much lately that nothing is asked for a while: it would bar this address."""


class RequestsMade:
    """Every answer by status, and the refused ones of the last ten minutes. It outlives each login."""

    def __init__(self, breaker: Breaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._breaker = breaker
        self._clock = clock
        self._refused: deque[float] = deque(maxlen=MOST)
        self.responses: Counter[int] = Counter()

    def traced(self) -> aiohttp.TraceConfig:
        """What shows this one every request of a session."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._starting)
        trace.on_request_end.append(self._ended)
        return trace

    @property
    def invalid_in_window(self) -> int:
        """How many were refused in the last ten minutes (401, 403, and 429 for what we did); at most MOST."""
        while self._refused and self._refused[0] <= self._clock() - WINDOW:
            self._refused.popleft()
        return len(self._refused)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Count one answer; `headers` ignore case."""
        self.responses[status] += 1
        if status == _TOO_MANY and _is_global(headers):
            self._breaker.patience_everywhere("Discord asks for patience with everything", _wait(headers))
        own_doing = status == _TOO_MANY and headers.get("X-RateLimit-Scope") != "shared"
        if status in _REFUSED or own_doing:
            self._refused.append(self._clock())
            self._mind_the_budget()

    def _mind_the_budget(self) -> None:
        count = self.invalid_in_window
        if count >= ENOUGH:
            seconds = self._refused[count - ENOUGH] + WINDOW - self._clock()
            reason = f"Discord refused {count} requests within ten minutes, and would soon bar this address"
            self._breaker.patience_everywhere(reason, seconds)

    async def _starting(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        asked: aiohttp.TraceRequestStartParams,
    ) -> None:
        """Raises TooManyRefusals. The gateway is no such request, and stays open."""
        if asked.url.scheme in ("http", "https") and self.invalid_in_window >= MOST:
            raise TooManyRefusals("too many requests were refused lately")

    async def _ended(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, told: aiohttp.TraceRequestEndParams
    ) -> None:
        self.answered(told.response.status, told.response.headers)


def _is_global(headers: Mapping[str, str]) -> bool:
    return "X-RateLimit-Global" in headers or headers.get("X-RateLimit-Scope") == "global"


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds; a page that does not say is believed to mean one."""
    try:
        seconds = float(headers.get("Retry-After", "1"))
    except ValueError:
        return 1.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 1.0
