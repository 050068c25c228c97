"""Circuit breaker per queue of a Discord channel, and one for all of Discord. No I/O, no logs.

Closed: deliveries are sent. Open: nothing is sent until `retry_at`. Half-open: the time is over, and the next
attempt decides whether the circuit closes or opens again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """How long circuits stay open, in seconds, and how many timeouts open the global one."""

    min_backoff: float = 5.0  # after the first timeout; doubles with each further one
    max_backoff: float = 30.0
    forbidden_backoff: float = 125.0  # after a rejection: five in ten minutes
    min_retry_gap: float = 5.0  # from a rejection to the next attempt, also after `reset`
    failure_threshold: int = 3  # timeouts in a row, of any queues, that open the global circuit


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCircuit:
    """Why a circuit opened, and until when it is open. Times are those of the breaker's clock."""

    queue: str  # what is held back: the key of the outbox, such as posts:7
    channel_id: int  # of the queue
    reason: str
    retry_at: float  # half-open from then on
    opened_at: float  # the first time, if it opens again and again
    last_attempt_at: float
    failures: int = 0  # in a row
    forbidden: bool = False  # rejected: closes only after a person has repaired something
    rate_limited: bool = False  # `retry_at` was given by Discord, and nothing shortens it


class CircuitBreaker:
    """Decides which queues may be tried now: back off from those that time out, reject or rate-limit.

    `failure_threshold` timeouts in a row open the global circuit; while it is half-open, one delivery at a
    time is tried. Any response closes the circuits that timeouts opened. A rejection or a rate limit ends
    only by its own time or by a success in the same queue.
    """

    def __init__(
        self, settings: BreakerSettings | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings or BreakerSettings()
        self._clock = clock
        self.circuits: dict[str, OpenCircuit] = {}  # open or half-open, by queue
        self._global: OpenCircuit | None = None
        self._timeouts_in_a_row = 0

    @property
    def global_circuit(self) -> OpenCircuit | None:
        """The circuit for all of Discord while it is open or half-open; None while it is closed."""
        circuit = self._global
        if circuit is not None and circuit.rate_limited and circuit.retry_at <= self._clock():
            return None  # a rate limit is over when its time is
        return circuit

    def open_queues(self) -> set[str]:
        """The queues whose circuit is open."""
        now = self._clock()
        return {queue for queue, circuit in self.circuits.items() if circuit.retry_at > now}

    def open_channels(self) -> set[int]:
        """The ids of the channels that have a queue whose circuit is open."""
        return {self.circuits[queue].channel_id for queue in self.open_queues()}

    def circuits_of(self, channel_id: int) -> list[OpenCircuit]:
        """The circuits of a channel's queues that are open or half-open, the longest open first."""
        found = (circuit for circuit in self.circuits.values() if circuit.channel_id == channel_id)
        return sorted(found, key=attrgetter("opened_at"))

    @property
    def is_open(self) -> bool:
        """Whether the global circuit is open: nothing may be sent to any channel."""
        return self._global is not None and self._global.retry_at > self._clock()

    @property
    def is_half_open(self) -> bool:
        """Whether the global circuit is half-open: one delivery at a time may be tried."""
        return self.global_circuit is not None and not self.is_open

    def seconds_until_retry(self) -> float | None:
        """Seconds until the next circuit is half-open; None if none is open."""
        circuits = [*self.circuits.values(), *([self._global] if self._global else [])]
        waits = [circuit.retry_at - self._clock() for circuit in circuits]
        return min((wait for wait in waits if wait > 0), default=None)

    def open_for(self, circuit: OpenCircuit) -> float:
        """Seconds since the circuit opened."""
        return self._clock() - circuit.opened_at

    def record_success(self, queue: str) -> None:
        """Close the queue's circuit, and all that timeouts opened: Discord responds."""
        self._record_response()
        self.circuits.pop(queue, None)
        self.circuits = {
            name: circuit
            for name, circuit in self.circuits.items()
            if circuit.forbidden or circuit.rate_limited
        }

    def record_timeout(self, queue: str, channel_id: int, reason: str, *, at_least: float = 0.0) -> None:
        """Open the queue's circuit after no response, or none that says what was done.

        It is open for `at_least` seconds, because the request may still arrive.
        """
        self._timeouts_in_a_row += 1
        circuit = self._open(reason, 0.0, queue=queue, channel_id=channel_id)
        self.circuits[queue] = self._back_off(self.circuits.get(queue), circuit, at_least)
        if self._timeouts_in_a_row >= self._settings.failure_threshold:
            self._open_global(self._back_off(self.global_circuit, circuit, at_least))

    def record_forbidden(self, queue: str, channel_id: int, reason: str) -> None:
        """Open the queue's circuit after Discord rejected a request of it."""
        self._record_response()
        seconds = self._settings.forbidden_backoff
        rejected = self._open(reason, seconds, queue=queue, channel_id=channel_id)
        circuit = self._back_off(self.circuits.get(queue), rejected, seconds)
        self.circuits[queue] = replace(
            circuit, retry_at=rejected.retry_at, forbidden=True, rate_limited=False
        )

    def record_global_forbidden(self, reason: str, seconds: float) -> None:
        """Open the global circuit: Discord rejects every request of this bot."""
        self._open_global(replace(self._open(reason, seconds), forbidden=True))

    def record_rate_limit(self, queue: str, channel_id: int, reason: str, seconds: float) -> None:
        """Open the queue's circuit for `seconds`. A rejection before stays known."""
        opened = self._open(reason, seconds, queue=queue, channel_id=channel_id)
        circuit = replace(opened, rate_limited=True)
        previous = self.circuits.get(queue)
        if previous is not None and previous.forbidden:
            circuit = replace(previous, retry_at=circuit.retry_at, rate_limited=True)
        self.circuits[queue] = circuit

    def record_global_rate_limit(self, reason: str, seconds: float) -> None:
        """Open the global circuit for `seconds`; then it closes without a trial."""
        self._open_global(replace(self._open(reason, seconds), rate_limited=True))

    def reset(self, channel_id: int | None = None) -> None:
        """Allow an attempt soon, because the cause may be repaired: in a channel, or everywhere if None."""
        if channel_id is None:
            self._timeouts_in_a_row = 0
            self._global = self._global if self._global and self._global.rate_limited else None
            return
        for circuit in self.circuits_of(channel_id):
            if circuit.forbidden and not circuit.rate_limited:
                soon = max(self._clock(), circuit.last_attempt_at + self._settings.min_retry_gap)
                self.circuits[circuit.queue] = replace(circuit, retry_at=min(circuit.retry_at, soon))

    def _record_response(self) -> None:
        """Close the global circuit, unless it is still open for a rejection or a rate limit."""
        self._timeouts_in_a_row = 0
        if self._global is not None and not (
            self.is_open and (self._global.forbidden or self._global.rate_limited)
        ):
            self._global = None

    def _open_global(self, circuit: OpenCircuit) -> None:
        """Open the global circuit; of two reasons, the one that lasts longer holds."""
        previous = self.global_circuit
        if previous is None:
            self._global = circuit
        elif previous.retry_at <= circuit.retry_at:
            self._global = replace(circuit, opened_at=previous.opened_at)

    def _open(self, reason: str, seconds: float, *, queue: str = "", channel_id: int = 0) -> OpenCircuit:
        """A circuit that opens now; without a queue, the global one."""
        now = self._clock()
        return OpenCircuit(
            queue=queue,
            channel_id=channel_id,
            reason=reason,
            retry_at=now + seconds,
            opened_at=now,
            last_attempt_at=now,
        )

    def _back_off(self, previous: OpenCircuit | None, circuit: OpenCircuit, at_least: float) -> OpenCircuit:
        """One more failure in a row: twice the wait. A timeout does not repair what was rejected before."""
        settings = self._settings
        failures = previous.failures + 1 if previous else 1
        exponential = settings.min_backoff * 2.0 ** min(failures - 1, 10)
        seconds = max(at_least, min(settings.max_backoff, exponential))
        return replace(
            circuit,
            retry_at=self._clock() + seconds,
            opened_at=previous.opened_at if previous else circuit.opened_at,
            failures=failures,
            forbidden=bool(previous and previous.forbidden),
        )
