"""Rate limits per key or address by a sliding window, so that no moment is better than another."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from aiohttp import web

from bot.sources.contract import ApiError, RateLimit
from bot.sources.requests import RateLimitState

_MAX_CACHED = 1024  # states and headers of accepted requests, by what remains
MAX_TRACKED_CLIENTS = 10_000  # the clients whose last request is the oldest are dropped beyond that


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitHeaders:
    """The rate limit headers of a response, as fields and as they are sent."""

    fields: Mapping[str, str]
    lines: bytes

    @classmethod
    def of(cls, limit: RateLimit, state: RateLimitState) -> "RateLimitHeaders":
        fields = rate_limit_headers(limit, state)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return cls(fields=fields, lines=lines.encode())


# The rate limit headers of the response to a request.
RATE_LIMIT_HEADERS = web.RequestKey("rate_limit_headers", RateLimitHeaders)


class SlidingWindowLimiter:
    """Accepts `limit.requests` of each client in any window of `limit.seconds`."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock  # monotonic seconds
        self._expiries: OrderedDict[str, deque[float]] = OrderedDict()  # when each request leaves the window
        self._accepted = lru_cache(_MAX_CACHED)(partial(accepted_state, limit))

    def hit(self, client: str) -> RateLimitState:
        """Count a request. One beyond the limit is not counted, and has `retry_after_seconds`."""
        now = self._clock()
        expiries = self._expiries.get(client) or deque()
        while expiries and expiries[0] <= now:
            expiries.popleft()
        if len(expiries) >= self.limit.requests:
            return self._refused_state(expiries, now)
        expiries.append(now + self.limit.seconds)
        self._expiries[client] = expiries
        self._expiries.move_to_end(client)
        self._evict(now)
        return self._accepted(self.limit.requests - len(expiries))

    def _refused_state(self, expiries: deque[float], now: float) -> RateLimitState:
        return RateLimitState(
            limit=self.limit.requests,
            remaining=0,
            reset_seconds=expiries[-1] - now,
            retry_after_seconds=expiries[0] - now,
        )

    def _evict(self, now: float) -> None:
        """Drop clients without a request in the window, and those beyond the maximum."""
        while len(self._expiries) > MAX_TRACKED_CLIENTS or next(iter(self._expiries.values()))[-1] <= now:
            self._expiries.popitem(last=False)


class SourceRateLimit:
    """The rate limit of a source, and the headers that tell clients of it."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._limiter = SlidingWindowLimiter(limit, clock)
        self._accepted_headers = lru_cache(_MAX_CACHED)(self._headers_for)

    def hit(self, client: str) -> RateLimitState:
        return self._limiter.hit(client)

    def apply(self, request: web.BaseRequest, client: str) -> None:
        """Count a request, and set the rate limit headers of its response. Raises ApiError(429)."""
        state = self._limiter.hit(client)
        if state.retry_after_seconds:
            request[RATE_LIMIT_HEADERS] = RateLimitHeaders.of(self._limit, state)
            raise rate_limited_error(state)
        request[RATE_LIMIT_HEADERS] = self._accepted_headers(state.remaining)

    def _headers_for(self, remaining: int) -> RateLimitHeaders:
        return RateLimitHeaders.of(self._limit, accepted_state(self._limit, remaining))


def accepted_state(limit: RateLimit, remaining: int) -> RateLimitState:
    """What a client has left after an accepted request: its newest request leaves the window last."""
    return RateLimitState(limit=limit.requests, remaining=remaining, reset_seconds=limit.seconds)


def rate_limited_error(state: RateLimitState) -> ApiError:
    """The error for a request beyond the limit, with the seconds to wait."""
    wait = max(1, math.ceil(state.retry_after_seconds))
    return ApiError(429, f"Too many requests. Try again in {wait} s.", retry_after=wait)


def rate_limit_headers(limit: RateLimit, state: RateLimitState) -> Mapping[str, str]:
    """The RateLimit headers of every response, and those of the contract."""
    headers = {
        "RateLimit-Limit": str(state.limit),
        "RateLimit-Remaining": str(state.remaining),
        "RateLimit-Reset": str(math.ceil(state.reset_seconds)),
        "RateLimit-Policy": f"{limit.requests};w={limit.seconds:g}",
    }
    return headers | dict(limit.headers(state))
