"""Invalid request limit: counts 401, 403 and 429 responses, and pauses before Discord bans the address."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp

from bot.discord_client.middlewares import LimitReached
from bot.outbox.circuit_breaker import CircuitBreaker

# Discord bans an address for 10,000 invalid requests in ten minutes.
WINDOW = 600.0  # seconds
SOFT_LIMIT = 400  # invalid requests in the window, from which on nothing is delivered
HARD_LIMIT = 500  # from which on no request at all is made

INVALID_STATUSES = (401, 403)
TOO_MANY_REQUESTS = 429


class InvalidRequestLimitReached(aiohttp.ClientError):
    """No request is made for a while: after more invalid ones, Discord would ban this address."""


class InvalidRequestGuard:
    """Counts responses by status, and the invalid ones of the last ten minutes. It outlives each login."""

    def __init__(self, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._breaker = breaker
        self._clock = clock
        self._invalid_at: deque[float] = deque(maxlen=HARD_LIMIT)
        self.responses: Counter[int] = Counter()

    def trace_config(self) -> aiohttp.TraceConfig:
        """Hooks for an aiohttp session, whose requests are counted from then on."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._on_request_start)
        trace.on_request_end.append(self._on_request_end)
        trace.on_request_exception.append(self._on_request_exception)
        return trace

    @property
    def invalid_count(self) -> int:
        """401, 403, and 429 for this bot's own doing, in the last ten minutes; at most HARD_LIMIT."""
        while self._invalid_at and self._invalid_at[0] <= self._clock() - WINDOW:
            self._invalid_at.popleft()
        return len(self._invalid_at)

    def record_response(self, status: int, headers: Mapping[str, str]) -> None:
        """Count one response. `headers` are a case-insensitive mapping."""
        self.responses[status] += 1
        if status == TOO_MANY_REQUESTS and _is_global(headers):
            self._breaker.record_global_rate_limit(
                "Discord rate-limits all requests of this bot", _retry_after(headers)
            )
        own_rate_limit = status == TOO_MANY_REQUESTS and headers.get("X-RateLimit-Scope") != "shared"
        if status in INVALID_STATUSES or own_rate_limit:
            self._invalid_at.append(self._clock())
            self._pause_if_near_limit()

    def _pause_if_near_limit(self) -> None:
        count = self.invalid_count
        if count >= SOFT_LIMIT:
            seconds = self._invalid_at[count - SOFT_LIMIT] + WINDOW - self._clock()
            reason = f"Discord rejected {count} requests in ten minutes, and would soon ban this address"
            self._breaker.record_global_rate_limit(reason, seconds)

    async def _on_request_start(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        """Raises InvalidRequestLimitReached. The gateway's websocket is not limited."""
        if params.url.scheme in ("http", "https") and self.invalid_count >= HARD_LIMIT:
            raise InvalidRequestLimitReached("too many requests were rejected lately")

    async def _on_request_end(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self.record_response(params.response.status, params.response.headers)

    async def _on_request_exception(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        if isinstance(params.exception, LimitReached):
            self.record_response(params.exception.status, params.exception.headers)


def _is_global(headers: Mapping[str, str]) -> bool:
    return "X-RateLimit-Global" in headers or headers.get("X-RateLimit-Scope") == "global"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds from the Retry-After header; 1 if it is missing or is no positive number."""
    try:
        seconds = float(headers.get("Retry-After", "1"))
    except ValueError:
        return 1.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 1.0
