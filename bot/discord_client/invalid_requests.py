"""Counts what Discord answers to every request, and stops before it would bar us. Knows no delivery."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp

from bot.outbox.circuit_breaker import CircuitBreaker

# Discord bars an address for 10,000 refused requests in ten minutes.
WINDOW = 600.0  # seconds
SOFT_LIMIT = 400  # refused requests within them, from which on nothing is delivered
HARD_LIMIT = 500  # from which on nothing at all is asked

INVALID_STATUSES = (401, 403)
TOO_MANY_REQUESTS = 429


class InvalidRequestLimitReached(aiohttp.ClientError):
    """Discord refused so much lately that nothing is asked for a while: it would bar this address."""


class InvalidRequestGuard:
    """Every answer by status, and the refused ones of the last ten minutes. It outlives each login."""

    def __init__(self, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._breaker = breaker
        self._clock = clock
        self._invalid_at: deque[float] = deque(maxlen=HARD_LIMIT)
        self.responses: Counter[int] = Counter()

    def trace_config(self) -> aiohttp.TraceConfig:
        """What shows this one every request of a session."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._on_request_start)
        trace.on_request_end.append(self._on_request_end)
        return trace

    @property
    def invalid_count(self) -> int:
        """How many were refused in the last ten minutes (401, 403, and 429 for what we did); at most MOST."""
        while self._invalid_at and self._invalid_at[0] <= self._clock() - WINDOW:
            self._invalid_at.popleft()
        return len(self._invalid_at)

    def record_response(self, status: int, headers: Mapping[str, str]) -> None:
        """Count one answer; `headers` ignore case."""
        self.responses[status] += 1
        if status == TOO_MANY_REQUESTS and _is_global(headers):
            self._breaker.record_global_rate_limit(
                "Discord asks for patience with everything", _retry_after(headers)
            )
        own_doing = status == TOO_MANY_REQUESTS and headers.get("X-RateLimit-Scope") != "shared"
        if status in INVALID_STATUSES or own_doing:
            self._invalid_at.append(self._clock())
            self._pause_if_near_limit()

    def _pause_if_near_limit(self) -> None:
        count = self.invalid_count
        if count >= SOFT_LIMIT:
            seconds = self._invalid_at[count - SOFT_LIMIT] + WINDOW - self._clock()
            reason = f"Discord refused {count} requests within ten minutes, and would soon bar this address"
            self._breaker.record_global_rate_limit(reason, seconds)

    async def _on_request_start(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        """Raises TooManyRefusals. The gateway is no such request, and stays open."""
        if params.url.scheme in ("http", "https") and self.invalid_count >= HARD_LIMIT:
            raise InvalidRequestLimitReached("too many requests were refused lately")

    async def _on_request_end(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self.record_response(params.response.status, params.response.headers)


def _is_global(headers: Mapping[str, str]) -> bool:
    return "X-RateLimit-Global" in headers or headers.get("X-RateLimit-Scope") == "global"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; a page that does not say is believed to mean one."""
    try:
        seconds = float(headers.get("Retry-After", "1"))
    except ValueError:
        return 1.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 1.0
