"""Rate limits per key or address by a sliding window, so that no moment is better than another."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from aiohttp import web

from bot.sources.contract import ApiError, RateLimit
from bot.sources.requests import RateLimitState

# The rate limit headers of the response to a request.
RATE_LIMIT_HEADERS = web.RequestKey("limit_headers", Mapping[str, str])
MAX_TRACKED_CLIENTS = 10_000  # the clients whose last request is the oldest are dropped beyond that


class SlidingWindowLimiter:
    """Accepts `limit.requests` of each client in any window of `limit.seconds`."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock  # monotonic seconds
        self._expiries: OrderedDict[str, deque[float]] = OrderedDict()  # when each request leaves the window

    def hit(self, client: str) -> RateLimitState:
        """Count a request. One beyond the limit is not counted, and has `retry_after_seconds`."""
        now = self._clock()
        expiries = self._expiries.get(client) or deque()
        while expiries and expiries[0] <= now:
            expiries.popleft()
        if len(expiries) >= self.limit.requests:
            return self._state(expiries, now, retry_after=expiries[0] - now)
        expiries.append(now + self.limit.seconds)
        self._expiries[client] = expiries
        self._expiries.move_to_end(client)
        self._evict(now)
        return self._state(expiries, now)

    def _state(self, expiries: deque[float], now: float, retry_after: float = 0.0) -> RateLimitState:
        return RateLimitState(
            limit=self.limit.requests,
            remaining=self.limit.requests - len(expiries),
            reset_seconds=expiries[-1] - now,
            retry_after_seconds=retry_after,
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

    def hit(self, client: str) -> RateLimitState:
        return self._limiter.hit(client)

    def apply(self, request: web.BaseRequest, client: str) -> None:
        """Count a request, and set the rate limit headers of its response. Raises ApiError(429)."""
        state = self._limiter.hit(client)
        request[RATE_LIMIT_HEADERS] = rate_limit_headers(self._limit, state)
        if state.retry_after_seconds:
            raise rate_limited_error(state)


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
