"""How much one sender may send: a sliding window, so that no moment is a better one than another."""

import math
from collections import OrderedDict, deque
from collections.abc import Callable

from bot.sources import Limit, Refused

_CROWD = 10_000  # senders remembered at once; of more, those silent longest are forgotten


class SlidingWindow:
    """Accepts `limit.requests` of each sender in any window of `limit.seconds`, wherever it begins."""

    def __init__(self, limit: Limit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock  # seconds, never going back
        self._ends: OrderedDict[str, deque[float]] = OrderedDict()  # when each accepted request leaves

    def accept(self, who: str) -> None:
        """Count a request. Raises Refused(429) with the seconds to wait; what is refused is not counted."""
        now = self._clock()
        ends = self._ends.get(who) or deque()
        while ends and ends[0] <= now:
            ends.popleft()
        if len(ends) >= self._limit.requests:
            wait = max(1, math.ceil(ends[0] - now))
            raise Refused(429, f"Too many requests. Try again in {wait} s.", retry_after=wait)
        ends.append(now + self._limit.seconds)
        self._ends[who] = ends
        self._ends.move_to_end(who)
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop who has been silent for a whole window, and who is one too many."""
        while len(self._ends) > _CROWD or next(iter(self._ends.values()))[-1] <= now:
            self._ends.popitem(last=False)
