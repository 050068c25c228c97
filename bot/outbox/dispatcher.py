"""Dispatcher: reads due deliveries from the outbox, calls their handlers, and records what came of it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from bot.outbox.circuit_breaker import CircuitBreaker
from bot.outbox.clock_jumps import ClockJumps
from bot.outbox.errors import (
    BotForbidden,
    ChannelForbidden,
    DeliveryError,
    HeldBack,
    PermanentFailure,
    QueueLimited,
    RateLimited,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.outbox import MAX_WAIT, Delivery, DeliveryKind, Receipt
from storage import StorageError, Store, Topic

log = logging.getLogger(__name__)

DeliveryHandler = Callable[[Sequence[Delivery]], Awaitable[Receipt]]  # raises DeliveryError
AttemptObserver = Callable[[Sequence[Delivery]], AbstractContextManager[object]]  # entered for each attempt
CircuitOpener = Callable[[str, int, DeliveryError], None]  # called with the queue and the channel id

# A backstop, after which an attempt's outcome is unknown. Handlers bound each request themselves; waiting for
# rate limits, which must not be cut short, comes on top.
ATTEMPT_SECONDS = 300.0
# After an attempt of unknown outcome: its request may still arrive.
UNKNOWN_OUTCOME_DELAY = 10.0
MAX_BACKOFF_SECONDS = 60.0  # between two attempts at one delivery
MAX_REASON_CHARACTERS = 300
MAX_IN_FLIGHT = 50  # attempts at once; posts first, then threads, messages and edits
MAX_LOOKING = 0.1  # of the time goes into reading what is due: during a burst every commit asks


class Dispatcher:
    """Delivers in order per ticket, one attempt at a time per queue.

    A delivery is marked delivered with its receipt in hand. After any error but `PermanentFailure` it stays
    pending, and its handler sees by `attempts` that it may have happened already. `breaker` says which
    queues may be tried.
    """

    def __init__(
        self,
        store: Store,
        *,
        breaker: CircuitBreaker | None = None,
        unknown_outcome_delay: float = UNKNOWN_OUTCOME_DELAY,
        observer: AttemptObserver = nullcontext,
    ) -> None:
        self.breaker = breaker or CircuitBreaker()
        self._store = store
        self._unknown_outcome_delay = unknown_outcome_delay
        self._observer = observer
        self._handlers: dict[DeliveryKind, DeliveryHandler] = {}
        self._circuit_openers = _circuit_openers(self.breaker, unknown_outcome_delay)
        self._in_flight: set[str] = set()  # queues
        self._clock_jumps = ClockJumps()
        self._changed = store.subscribe(Topic.OUTBOX)

    def register(self, kind: DeliveryKind, handler: DeliveryHandler) -> None:
        """Register the handler of a kind. Every kind needs one before `run`."""
        self._handlers[kind] = handler

    def wake(self, channel_id: int | None = None) -> None:
        """Try again soon, because the cause may be repaired: in a channel, or everywhere if None."""
        self.breaker.reset(channel_id)
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled. Attempts in flight then have an unknown outcome, and are known to."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                self._clock_jumps.check()
                started_at = time.monotonic()
                try:
                    wait = await self._start_due(tasks)
                except StorageError as error:
                    log.error("The outbox cannot be read; trying again in a second. %s", error)
                    wait = 1.0
                next_look = started_at + min(1.0, (time.monotonic() - started_at) / MAX_LOOKING)
                await self._sleep(wait)
                await asyncio.sleep(next_look - time.monotonic())

    async def _start_due(self, tasks: asyncio.TaskGroup) -> float | None:
        """Start what is due; return the seconds until something can be. None: until something changes."""
        # Before it is asked what is open: a circuit whose time is over meanwhile must not be slept through.
        retry = self.breaker.seconds_until_retry()
        room = 1 if self.breaker.is_half_open else MAX_IN_FLIGHT - len(self._in_flight)
        if self._must_wait() or room <= 0:
            return retry
        excluded, now = self._in_flight | self.breaker.open_queues(), self._store.now()
        due = await self._store.outbox.due(excluded, now, room)
        for deliveries in due:
            if not self._outcome_still_pending(deliveries):
                self._in_flight.add(deliveries[0].queue)
                tasks.create_task(self._process(deliveries))
        return 0.0 if len(due) == room else await self._seconds_until_next(now, retry)

    def _must_wait(self) -> bool:
        """Whether the global circuit is open, or half-open with its one attempt in flight."""
        return self.breaker.is_open or (self.breaker.is_half_open and bool(self._in_flight))

    def _outcome_still_pending(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether the last attempt's request may still arrive; it may be that of a killed process."""
        started_at = deliveries[0].last_attempt_at
        if started_at is None:
            return False
        wait = self._unknown_outcome_delay - (self._store.now() - started_at).total_seconds()
        if not 0 < wait <= self._unknown_outcome_delay:  # over, or the clock was set back
            return False
        self.breaker.record_rate_limit(
            deliveries[0].queue, deliveries[0].channel_id, "an earlier attempt may still arrive", wait
        )
        return True

    async def _seconds_until_next(self, now: datetime, retry: float | None) -> float | None:
        """Seconds until what is not due now can be tried; None: until the outbox or the breaker changes."""
        excluded = self._in_flight | self.breaker.open_queues()
        next_due = await self._store.outbox.next_due(excluded, now)
        due = None if next_due is None else max(0.0, (next_due - self._store.now()).total_seconds())
        waits = (due, retry, self.breaker.seconds_until_retry())
        return min((seconds for seconds in waits if seconds is not None), default=None)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _process(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await self._attempt(await self._store.outbox.start_attempt(deliveries, self._store.now()))
        except StorageError as error:
            log.error("The outbox cannot be written: %s", error, extra=_log_fields(deliveries))
            await asyncio.sleep(1)
        finally:
            self._in_flight.discard(deliveries[0].queue)
            self._changed.set()

    async def _attempt(self, deliveries: Sequence[Delivery]) -> None:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                with self._observer(deliveries):
                    receipt = await self._handlers[deliveries[0].kind](deliveries)
        except PermanentFailure as error:
            await self._fail_permanently(deliveries, error)
        except (RateLimited, ChannelForbidden, BotForbidden, UnknownOutcome) as error:
            await self._back_off(deliveries, error)
        except TimeoutError as error:
            reason = str(error) or f"no response within {ATTEMPT_SECONDS:.0f} s"
            await self._back_off(deliveries, UnknownOutcome(reason))
        except HeldBack as error:
            await self._store.outbox.hold(deliveries, error.until)
        except QueueLimited as error:
            self.breaker.record_limit(deliveries[0].queue, deliveries[0].channel_id, str(error))
            await self._retry_later(deliveries, error)
        except DeliveryError as error:
            await self._retry_later(deliveries, error)
        # Anything else is a bug in a handler, which must not stop the deliveries behind it.
        except Exception as error:
            log.exception("A delivery handler failed", extra=_log_fields(deliveries))
            await self._retry_later(deliveries, RetryLater(f"{type(error).__name__}: {error}"))
        else:
            await self._store.outbox.mark_delivered(deliveries, receipt, self._store.now())
            self.breaker.record_success(deliveries[0].queue)

    async def _fail_permanently(self, deliveries: Sequence[Delivery], error: DeliveryError) -> None:
        self.breaker.record_success(deliveries[0].queue)  # a rejection of this one alone is a response
        if deliveries[0].digest_lead_id is not None:
            log.warning(
                "A digest was rejected; its tickets are posted one by one: %s",
                error,
                extra=_log_fields(deliveries),
            )
            await self._store.outbox.split_digest(deliveries)
            return
        log.error("Delivery moved to the dead letters: %s", error, extra=_log_fields(deliveries))
        await self._store.outbox.dead_letter(deliveries, str(error), self._store.now())

    async def _retry_later(self, deliveries: Sequence[Delivery], error: DeliveryError) -> None:
        exponential = min(MAX_BACKOFF_SECONDS, 2.0 ** min(deliveries[0].attempts, 10))
        wait = min(exponential if error.seconds is None else error.seconds, MAX_WAIT.total_seconds())
        reason = _reason(error)
        log.warning("Delivery failed, retry in %.0f s: %s", wait, reason, extra=_log_fields(deliveries))
        await self._store.outbox.retry_later(deliveries, self._store.now() + timedelta(seconds=wait), reason)

    async def _back_off(self, deliveries: Sequence[Delivery], error: DeliveryError) -> None:
        """Open the circuit that the error calls for. The deliveries stay due, and note why they wait."""
        first = deliveries[0]
        self._circuit_openers[type(error)](first.queue, first.channel_id, error)
        log.warning("Delivery failed, backing off: %s", _reason(error), extra=_log_fields(deliveries))
        await self._store.outbox.record_error(deliveries, _reason(error))


def _circuit_openers(
    breaker: CircuitBreaker, unknown_outcome_delay: float
) -> Mapping[type[DeliveryError], CircuitOpener]:
    """What each error does to the circuit breaker."""
    return {
        RateLimited: lambda queue, channel_id, error: breaker.record_rate_limit(
            queue, channel_id, str(error), error.seconds or 0.0
        ),
        ChannelForbidden: lambda queue, channel_id, error: breaker.record_forbidden(
            queue, channel_id, str(error)
        ),
        BotForbidden: lambda _, __, error: breaker.record_global_forbidden(str(error), error.seconds or 0.0),
        UnknownOutcome: lambda queue, channel_id, error: breaker.record_timeout(
            queue, channel_id, str(error), at_least=unknown_outcome_delay
        ),
    }


def _reason(error: DeliveryError) -> str:
    return str(error)[:MAX_REASON_CHARACTERS]


def _log_fields(deliveries: Sequence[Delivery]) -> dict[str, int]:
    """The log fields of an attempt; of a digest, those of its first delivery."""
    first = deliveries[0]
    return {
        "ticket_id": first.ticket_id,
        "delivery_id": first.id,
        "attempt": first.attempts + 1,
        "channel_id": first.channel_id,
    }
