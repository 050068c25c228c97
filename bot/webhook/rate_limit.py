"""How much one sender may send: a sliding window, so that no moment is a better one than another."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from bot.sources.contract import ApiError, RateLimit
from bot.sources.requests import RateLimitState

MAX_TRACKED_CLIENTS = 10_000  # senders remembered at once; of more, those silent longest are forgotten


class SlidingWindowLimiter:
    """Accepts `limit.requests` of each sender in any window of `limit.seconds`, wherever it begins."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock  # seconds, never going back
        self._expiries: OrderedDict[str, deque[float]] = OrderedDict()  # when each accepted request leaves

    def hit(self, client: str) -> RateLimitState:
        """Count a request. If there is no more room, `wait_seconds` says for how long; it is not counted."""
        now = self._clock()
        ends = self._expiries.get(client) or deque()
        while ends and ends[0] <= now:
            ends.popleft()
        if len(ends) >= self.limit.requests:
            return self._state(ends, now, retry_after=ends[0] - now)
        ends.append(now + self.limit.seconds)
        self._expiries[client] = ends
        self._expiries.move_to_end(client)
        self._evict(now)
        return self._state(ends, now)

    def _state(self, expiries: deque[float], now: float, retry_after: float = 0.0) -> RateLimitState:
        return RateLimitState(
            limit=self.limit.requests,
            remaining=self.limit.requests - len(expiries),
            reset_seconds=expiries[-1] - now,
            retry_after_seconds=retry_after,
        )

    def _evict(self, now: float) -> None:
        """Drop who has been silent for a whole window, and who is one too many."""
        while len(self._expiries) > MAX_TRACKED_CLIENTS or next(iter(self._expiries.values()))[-1] <= now:
            self._expiries.popitem(last=False)


def rate_limited_error(state: RateLimitState) -> ApiError:
    """The refusal of a request that was one too many, with the seconds after which there is room."""
    wait = max(1, math.ceil(state.retry_after_seconds))
    return ApiError(429, f"Too many requests. Try again in {wait} s.", retry_after=wait)


def rate_limit_headers(limit: RateLimit, state: RateLimitState) -> Mapping[str, str]:
    """What a sender is told of its limit with every answer: the usual headers, and its contract's own."""
    usual = {
        "RateLimit-Limit": str(state.limit),
        "RateLimit-Remaining": str(state.remaining),
        "RateLimit-Reset": str(math.ceil(state.reset_seconds)),
        "RateLimit-Policy": f"{limit.requests};w={limit.seconds:g}",
    }
    return usual | dict(limit.headers(state))
