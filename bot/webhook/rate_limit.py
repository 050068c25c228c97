"""How much one sender may send: a sliding window, so that no moment is a better one than another."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from bot.sources import Limit, Refused
from bot.sources.requests import Allowance

_CROWD = 10_000  # senders remembered at once; of more, those silent longest are forgotten


class SlidingWindow:
    """Accepts `limit.requests` of each sender in any window of `limit.seconds`, wherever it begins."""

    def __init__(self, limit: Limit, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock  # seconds, never going back
        self._ends: OrderedDict[str, deque[float]] = OrderedDict()  # when each accepted request leaves

    def accept(self, who: str) -> Allowance:
        """Count a request. If there is no more room, `wait_seconds` says for how long; it is not counted."""
        now = self._clock()
        ends = self._ends.get(who) or deque()
        while ends and ends[0] <= now:
            ends.popleft()
        if len(ends) >= self.limit.requests:
            return self._allowance(ends, now, wait=ends[0] - now)
        ends.append(now + self.limit.seconds)
        self._ends[who] = ends
        self._ends.move_to_end(who)
        self._forget(now)
        return self._allowance(ends, now)

    def _allowance(self, ends: deque[float], now: float, wait: float = 0.0) -> Allowance:
        return Allowance(
            limit=self.limit.requests,
            remaining=self.limit.requests - len(ends),
            reset_seconds=ends[-1] - now,
            wait_seconds=wait,
        )

    def _forget(self, now: float) -> None:
        """Drop who has been silent for a whole window, and who is one too many."""
        while len(self._ends) > _CROWD or next(iter(self._ends.values()))[-1] <= now:
            self._ends.popitem(last=False)


def too_many(allowance: Allowance) -> Refused:
    """The refusal of a request that was one too many, with the seconds after which there is room."""
    wait = max(1, math.ceil(allowance.wait_seconds))
    return Refused(429, f"Too many requests. Try again in {wait} s.", retry_after=wait)


def limit_headers(limit: Limit, allowance: Allowance) -> Mapping[str, str]:
    """What a sender is told of its limit with every answer: the usual headers, and its contract's own."""
    usual = {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(math.ceil(allowance.reset_seconds)),
        "RateLimit-Policy": f"{limit.requests};w={limit.seconds:g}",
    }
    return usual | dict(limit.headers(allowance))
