"""Whom to leave alone for now: channels that do not answer or refuse, and all of them. No I/O, no logs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

MIN_BACKOFF, MAX_BACKOFF = 5.0, 30.0  # seconds between two tries of what does not answer
FORBIDDEN_BACKOFF = 125.0  # seconds between two tries of what refuses: five refusals in ten minutes
MIN_RETRY_GAP = 5.0  # seconds after a refusal in which nobody asks again, whatever is said to be repaired
FAILURE_THRESHOLD = 3  # answers missing in a row, from whichever channels, until all are left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCircuit:
    """Why something is left alone, and how long by the breaker's clock."""

    reason: str
    retry_at: float
    opened_at: float  # when it was first left alone; kept while it goes on
    last_attempt_at: float  # when it was last found out that it had better be
    failures: int = 0  # in a row
    forbidden: bool = False  # it understood and said no: somebody has to repair something
    rate_limited: bool = False  # it said how long, and nothing shortens that


class CircuitBreaker:
    """What does not answer is tried less and less often; what refuses, when it may have been repaired.

    Once three answers in a row are missing, all channels rest, and one delivery alone finds out whether the
    far side is back. Any answer ends that; but what it refused altogether, and how long it asked to be left
    alone, is ended by no answer to somebody else.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.channel_circuits: dict[int, OpenCircuit] = {}
        self._global: OpenCircuit | None = None
        self._timeouts_in_a_row = 0

    @property
    def global_circuit(self) -> OpenCircuit | None:
        """Why all channels rest, or did so and nothing has answered since; None if they do not."""
        over = (
            self._global is not None and self._global.rate_limited and self._global.retry_at <= self._clock()
        )
        return None if over else self._global

    def open_channels(self) -> set[int]:
        """The channels that are not to be tried now."""
        return {channel for channel, rest in self.channel_circuits.items() if rest.retry_at > self._clock()}

    @property
    def is_open(self) -> bool:
        """Whether no channel at all is to be tried now."""
        return self._global is not None and self._global.retry_at > self._clock()

    @property
    def is_half_open(self) -> bool:
        """Whether one delivery at a time is to find out if the far side is back."""
        return self.global_circuit is not None and not self.is_open

    def seconds_until_retry(self) -> float | None:
        """Until something may be tried again that may not now; None if nothing rests."""
        circuits = [*self.channel_circuits.values(), *([self._global] if self._global else [])]
        waits = [rest.retry_at - self._clock() for rest in circuits]
        return min((wait for wait in waits if wait > 0), default=None)

    def open_for(self, circuit: OpenCircuit) -> float:
        """For how many seconds it has gone on."""
        return self._clock() - circuit.opened_at

    def record_success(self, channel_id: int) -> None:
        """The far side took something; whoever rests because it was silent may be tried again."""
        self._record_response()
        self.channel_circuits.pop(channel_id, None)
        self.channel_circuits = {
            channel: rest
            for channel, rest in self.channel_circuits.items()
            if rest.forbidden or rest.rate_limited
        }

    def record_timeout(self, channel_id: int, reason: str, *, at_least: float = 0.0) -> None:
        """Nothing came back, or nothing that says what was done. `at_least` are seconds."""
        self._timeouts_in_a_row += 1
        previous = self.channel_circuits.get(channel_id)
        self.channel_circuits[channel_id] = self._back_off(previous, reason, at_least)
        if self._timeouts_in_a_row >= FAILURE_THRESHOLD:
            self._open_global(self._back_off(self.global_circuit, reason, at_least))

    def record_forbidden(self, channel_id: int, reason: str) -> None:
        """It understood, and said no to this channel."""
        self._record_response()
        circuit = self._back_off(self.channel_circuits.get(channel_id), reason, FORBIDDEN_BACKOFF)
        retry_at = self._clock() + FORBIDDEN_BACKOFF
        self.channel_circuits[channel_id] = replace(
            circuit, retry_at=retry_at, forbidden=True, rate_limited=False
        )

    def record_global_forbidden(self, reason: str, seconds: float) -> None:
        """It says no to us altogether."""
        self._open_global(self._open(reason, seconds, forbidden=True))

    def record_rate_limit(self, channel_id: int, reason: str, seconds: float) -> None:
        """It asked to be left alone for so long; nothing is wrong, unless something was before."""
        circuit = self._open(reason, seconds, rate_limited=True)
        previous = self.channel_circuits.get(channel_id)
        if previous is not None and previous.forbidden:
            circuit = replace(previous, retry_at=circuit.retry_at, rate_limited=True)
        self.channel_circuits[channel_id] = circuit

    def record_global_rate_limit(self, reason: str, seconds: float) -> None:
        """All of it asked to be left alone for so long, and then takes everything again."""
        self._open_global(self._open(reason, seconds, rate_limited=True))

    def reset(self, channel_id: int | None = None) -> None:
        """Something may have been repaired: in a channel, or everywhere if none is named."""
        if channel_id is None:
            self._timeouts_in_a_row = 0
            self._global = self._global if self._global and self._global.rate_limited else None
            return
        circuit = self.channel_circuits.get(channel_id)
        if circuit is not None and circuit.forbidden and not circuit.rate_limited:
            soon = max(self._clock(), circuit.last_attempt_at + MIN_RETRY_GAP)
            self.channel_circuits[channel_id] = replace(circuit, retry_at=min(circuit.retry_at, soon))

    def _record_response(self) -> None:
        """It is there. A refusal of everything ends by its own time alone, and with a try after it."""
        self._timeouts_in_a_row = 0
        if self._global is not None and not (
            self.is_open and (self._global.forbidden or self._global.rate_limited)
        ):
            self._global = None

    def _open_global(self, circuit: OpenCircuit) -> None:
        """Of two reasons to leave all of it alone, the one that lasts longer holds."""
        previous = self.global_circuit
        if previous is None:
            self._global = circuit
        elif previous.retry_at <= circuit.retry_at:
            self._global = replace(circuit, opened_at=previous.opened_at)

    def _open(
        self, reason: str, seconds: float, *, forbidden: bool = False, rate_limited: bool = False
    ) -> OpenCircuit:
        now = self._clock()
        return OpenCircuit(
            reason=reason,
            retry_at=now + seconds,
            opened_at=now,
            last_attempt_at=now,
            forbidden=forbidden,
            rate_limited=rate_limited,
        )

    def _back_off(self, previous: OpenCircuit | None, reason: str, at_least: float) -> OpenCircuit:
        """Again no; what has to be repaired has to be still, if there is no answer."""
        failures = previous.failures + 1 if previous else 1
        seconds = max(at_least, min(MAX_BACKOFF, MIN_BACKOFF * 2.0 ** min(failures - 1, 10)))
        circuit = self._open(reason, seconds, forbidden=bool(previous and previous.forbidden))
        return replace(
            circuit, opened_at=previous.opened_at if previous else circuit.opened_at, failures=failures
        )
