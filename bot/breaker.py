"""Whom to leave alone for now: channels that do not answer or refuse, and all of them. No I/O, no logs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

SHORTEST, LONGEST = 5.0, 30.0  # seconds between two tries of what does not answer
REFUSED = 125.0  # seconds between two tries of what refuses: five refusals in ten minutes
HASTE = 5.0  # seconds after a refusal in which nobody asks again, whatever is said to be repaired
ENOUGH = 3  # answers missing in a row, from whichever channels, until all are left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Why something is left alone, and how long by the breaker's clock."""

    reason: str
    until: float
    since: float  # when it was first left alone; kept while it goes on
    failures: int = 0  # in a row
    refused: bool = False  # it understood and said no: somebody has to repair something


class Breaker:
    """What does not answer is tried less and less often; what refuses, when it may have been repaired.

    Once three answers in a row are missing, all channels rest, and one delivery alone finds out whether the
    far side is back. Any answer ends that.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.channels: dict[int, Rest] = {}
        self.everywhere: Rest | None = None
        self._missing = 0

    def resting(self) -> set[int]:
        """The channels that are not to be tried now."""
        return {channel for channel, rest in self.channels.items() if rest.until > self._clock()}

    @property
    def closed(self) -> bool:
        """Whether no channel at all is to be tried now."""
        return self.everywhere is not None and self.everywhere.until > self._clock()

    @property
    def probing(self) -> bool:
        """Whether one delivery at a time is to find out if the far side is back."""
        return self.everywhere is not None and not self.closed

    def seconds_to_change(self) -> float | None:
        """Until something may be tried again that may not now; None if nothing rests."""
        rests = [*self.channels.values(), *([self.everywhere] if self.everywhere else [])]
        waits = [rest.until - self._clock() for rest in rests]
        return min((wait for wait in waits if wait > 0), default=None)

    def answered(self, channel_id: int) -> None:
        """The far side took something; whoever rests because it was silent may be tried again."""
        self._missing, self.everywhere = 0, None
        self.channels.pop(channel_id, None)
        self.channels = {channel: rest for channel, rest in self.channels.items() if rest.refused}

    def no_answer(self, channel_id: int, reason: str, *, at_least: float = 0.0) -> None:
        """Nothing came back, or nothing that says what was done. `at_least` are seconds."""
        self._missing += 1
        self._rest(channel_id, reason, at_least=at_least)
        if self._missing >= ENOUGH:
            self.everywhere = self._longer(self.everywhere, reason, at_least)

    def refused(self, channel_id: int, reason: str) -> None:
        """It understood, and said no to this channel."""
        self._missing, self.everywhere = 0, None
        before = self.channels.get(channel_id)
        rest = self._longer(before, reason, REFUSED)
        self.channels[channel_id] = replace(rest, until=self._clock() + REFUSED, refused=True)

    def refused_everywhere(self, reason: str, seconds: float) -> None:
        """It says no to us altogether."""
        since = self.everywhere.since if self.everywhere else self._clock()
        until = max(self._clock() + seconds, self.everywhere.until if self.everywhere else 0.0)
        self.everywhere = Rest(reason=reason, until=until, since=since, refused=True)

    def patience(self, channel_id: int, reason: str, seconds: float) -> None:
        """It asked to be left alone for so long; nothing is wrong."""
        now = self._clock()
        self.channels[channel_id] = Rest(reason=reason, until=now + seconds, since=now)

    def look_again(self, channel_id: int | None = None) -> None:
        """Something may have been repaired: in a channel, or everywhere if none is named."""
        if channel_id is None:
            self._missing, self.everywhere = 0, None
            return
        rest = self.channels.get(channel_id)
        if rest is not None and rest.refused:
            asked = rest.until - REFUSED
            self.channels[channel_id] = replace(rest, until=max(self._clock(), asked + HASTE))

    def _rest(self, channel_id: int, reason: str, *, at_least: float) -> None:
        self.channels[channel_id] = self._longer(self.channels.get(channel_id), reason, at_least)

    def _longer(self, before: Rest | None, reason: str, at_least: float) -> Rest:
        failures = before.failures + 1 if before else 1
        seconds = max(at_least, min(LONGEST, SHORTEST * 2.0 ** min(failures - 1, 10)))
        now = self._clock()
        return Rest(
            reason=reason, until=now + seconds, since=before.since if before else now, failures=failures
        )
