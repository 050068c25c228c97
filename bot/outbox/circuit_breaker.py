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
    tried: float  # when it was last found out that it had better be
    failures: int = 0  # in a row
    refused: bool = False  # it understood and said no: somebody has to repair something
    asked: bool = False  # it said how long, and nothing shortens that


class Breaker:
    """What does not answer is tried less and less often; what refuses, when it may have been repaired.

    Once three answers in a row are missing, all channels rest, and one delivery alone finds out whether the
    far side is back. Any answer ends that; but what it refused altogether, and how long it asked to be left
    alone, is ended by no answer to somebody else.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.channels: dict[int, Rest] = {}
        self._all: Rest | None = None
        self._missing = 0

    @property
    def everywhere(self) -> Rest | None:
        """Why all channels rest, or did so and nothing has answered since; None if they do not."""
        over = self._all is not None and self._all.asked and self._all.until <= self._clock()
        return None if over else self._all

    def resting(self) -> set[int]:
        """The channels that are not to be tried now."""
        return {channel for channel, rest in self.channels.items() if rest.until > self._clock()}

    @property
    def closed(self) -> bool:
        """Whether no channel at all is to be tried now."""
        return self._all is not None and self._all.until > self._clock()

    @property
    def probing(self) -> bool:
        """Whether one delivery at a time is to find out if the far side is back."""
        return self.everywhere is not None and not self.closed

    def seconds_to_change(self) -> float | None:
        """Until something may be tried again that may not now; None if nothing rests."""
        rests = [*self.channels.values(), *([self._all] if self._all else [])]
        waits = [rest.until - self._clock() for rest in rests]
        return min((wait for wait in waits if wait > 0), default=None)

    def lasted(self, rest: Rest) -> float:
        """For how many seconds it has gone on."""
        return self._clock() - rest.since

    def answered(self, channel_id: int) -> None:
        """The far side took something; whoever rests because it was silent may be tried again."""
        self._heard()
        self.channels.pop(channel_id, None)
        self.channels = {
            channel: rest for channel, rest in self.channels.items() if rest.refused or rest.asked
        }

    def no_answer(self, channel_id: int, reason: str, *, at_least: float = 0.0) -> None:
        """Nothing came back, or nothing that says what was done. `at_least` are seconds."""
        self._missing += 1
        before = self.channels.get(channel_id)
        self.channels[channel_id] = self._longer(before, reason, at_least)
        if self._missing >= ENOUGH:
            self._leave_all(self._longer(self.everywhere, reason, at_least))

    def refused(self, channel_id: int, reason: str) -> None:
        """It understood, and said no to this channel."""
        self._heard()
        rest = self._longer(self.channels.get(channel_id), reason, REFUSED)
        until = self._clock() + REFUSED
        self.channels[channel_id] = replace(rest, until=until, refused=True, asked=False)

    def refused_everywhere(self, reason: str, seconds: float) -> None:
        """It says no to us altogether."""
        self._leave_all(self._rest(reason, seconds, refused=True))

    def patience(self, channel_id: int, reason: str, seconds: float) -> None:
        """It asked to be left alone for so long; nothing is wrong, unless something was before."""
        rest = self._rest(reason, seconds, asked=True)
        before = self.channels.get(channel_id)
        if before is not None and before.refused:
            rest = replace(before, until=rest.until, asked=True)
        self.channels[channel_id] = rest

    def patience_everywhere(self, reason: str, seconds: float) -> None:
        """All of it asked to be left alone for so long, and then takes everything again."""
        self._leave_all(self._rest(reason, seconds, asked=True))

    def look_again(self, channel_id: int | None = None) -> None:
        """Something may have been repaired: in a channel, or everywhere if none is named."""
        if channel_id is None:
            self._missing = 0
            self._all = self._all if self._all and self._all.asked else None
            return
        rest = self.channels.get(channel_id)
        if rest is not None and rest.refused and not rest.asked:
            soon = max(self._clock(), rest.tried + HASTE)
            self.channels[channel_id] = replace(rest, until=min(rest.until, soon))

    def _heard(self) -> None:
        """It is there. A refusal of everything ends by its own time alone, and with a try after it."""
        self._missing = 0
        if self._all is not None and not (self.closed and (self._all.refused or self._all.asked)):
            self._all = None

    def _leave_all(self, rest: Rest) -> None:
        """Of two reasons to leave all of it alone, the one that lasts longer holds."""
        before = self.everywhere
        if before is None:
            self._all = rest
        elif before.until <= rest.until:
            self._all = replace(rest, since=before.since)

    def _rest(self, reason: str, seconds: float, *, refused: bool = False, asked: bool = False) -> Rest:
        now = self._clock()
        return Rest(reason=reason, until=now + seconds, since=now, tried=now, refused=refused, asked=asked)

    def _longer(self, before: Rest | None, reason: str, at_least: float) -> Rest:
        """Again no; what has to be repaired has to be still, if there is no answer."""
        failures = before.failures + 1 if before else 1
        seconds = max(at_least, min(LONGEST, SHORTEST * 2.0 ** min(failures - 1, 10)))
        rest = self._rest(reason, seconds, refused=bool(before and before.refused))
        return replace(rest, since=before.since if before else rest.since, failures=failures)
