"""Drains the outbox. Knows kinds of delivery and their order; not what Discord or a game server is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from bot.clock import utc_now
from bot.outbox.circuit_breaker import CircuitBreaker
from bot.tickets.outbox import Delivery, DeliveryKind, Destination, Receipt
from storage import StorageError, Store

log = logging.getLogger(__name__)

DeliveryHandler = Callable[[Sequence[Delivery]], Awaitable[Receipt]]
AttemptObserver = Callable[[Sequence[Delivery]], AbstractContextManager[object]]  # entered for each attempt

# A backstop: past this an attempt is abandoned, its outcome unknown. Whoever delivers bounds each request;
# waiting for rate limits, which must not be cut short, takes its time on top.
ATTEMPT_SECONDS = 300.0
UNKNOWN_OUTCOME_DELAY = (
    10.0  # an attempt of unknown outcome is left alone for so long: it may still be on its way
)
MAX_BACKOFF_SECONDS = 60.0  # seconds between two attempts, however many there were


class DeliveryError(Exception):
    """Why an attempt did not deliver. `outcome` is its name in metrics: public, and never changed."""

    outcome = "error"

    def __init__(self, reason: str = "", *, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds  # until the next attempt; None: the dispatcher chooses


class RetryLater(DeliveryError):
    """Not now, for a reason of its own: others pass it. It did not happen, or its outcome is unknown.

    Without `seconds`, the wait grows with each attempt.
    """

    outcome = "retry_later"


class RateLimited(DeliveryError):
    """Not now: the far side asks to leave its channel alone for `seconds`."""

    outcome = "rate_limited"


class UnknownOutcome(DeliveryError):
    """Nothing came back that says what was done: it may have happened."""

    outcome = "unknown_outcome"


class ChannelForbidden(DeliveryError):
    """The far side does not take anything for this channel until somebody repairs it."""

    outcome = "channel_forbidden"


class BotForbidden(DeliveryError):
    """The far side takes nothing from us; asking again before `seconds` are over makes it worse."""

    outcome = "bot_forbidden"


class PermanentFailure(DeliveryError):
    """Never, as it stands: the far side understood and refused. Several together are tried one by one."""

    outcome = "permanent_failure"


class Dispatcher:
    """Hands what is due to whoever takes its kind: in order per ticket, one at a time per channel.

    A delivery is settled only with a receipt in hand. Everything but `Undeliverable` means "unknown": it is
    tried again, and the deliverer sees by `attempts` that it may have happened already. What does not answer
    or refuses is left alone as `breaker` says, so that nobody is beaten against.
    """

    def __init__(
        self,
        store: Store,
        destination: Destination,
        *,
        breaker: CircuitBreaker | None = None,
        unknown_outcome_delay: float = UNKNOWN_OUTCOME_DELAY,
        observer: AttemptObserver = nullcontext,
    ) -> None:
        self.breaker = breaker or CircuitBreaker()
        self._store = store
        self._destination = destination
        self._unknown_outcome_delay = unknown_outcome_delay
        self._observer = observer
        self._handlers: dict[DeliveryKind, DeliveryHandler] = {}
        self._in_flight_channels: set[int] = set()
        self._changed = store.subscribe_outbox()

    def register(self, kind: DeliveryKind, handler: DeliveryHandler) -> None:
        """Name who delivers a kind. All kinds of the lane are taken before `run`."""
        self._handlers[kind] = handler

    def wake(self, channel_id: int | None = None) -> None:
        """Something may have been repaired: in a channel, or everywhere."""
        self.breaker.reset(channel_id)
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled. What was under way is then of unknown outcome, and is known to be."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                try:
                    await self._start_due(tasks)
                    wait = await self._seconds_until_next()
                except StorageError as error:
                    log.error("The outbox cannot be read; trying again in a second. %s", error)
                    wait = 1.0
                await self._sleep(wait)

    async def _start_due(self, tasks: asyncio.TaskGroup) -> None:
        if self.breaker.is_open or (self.breaker.is_half_open and self._in_flight_channels):
            return
        excluded_channels = self._in_flight_channels | self.breaker.open_channels()
        limit = 1 if self.breaker.is_half_open else 50
        for deliveries in await self._store.due_deliveries(
            self._destination, excluded_channels, utc_now(), limit
        ):
            if not self._outcome_still_pending(deliveries):
                self._in_flight_channels.add(deliveries[0].channel_id)
                tasks.create_task(self._process(deliveries))

    def _outcome_still_pending(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether the last attempt, perhaps one of a process that was killed, may still be on its way."""
        started_at = deliveries[0].last_attempt_at
        if started_at is None:
            return False
        wait = self._unknown_outcome_delay - (utc_now() - started_at).total_seconds()
        if not 0 < wait <= self._unknown_outcome_delay:  # over, or the clock was set back
            return False
        self.breaker.record_rate_limit(deliveries[0].channel_id, "an earlier attempt may still arrive", wait)
        return True

    async def _seconds_until_next(self) -> float | None:
        """None: until something changes."""
        change = self.breaker.seconds_until_retry()
        if self.breaker.is_open or (self.breaker.is_half_open and self._in_flight_channels):
            return change
        next_due = await self._store.next_due(
            self._destination, self._in_flight_channels | self.breaker.open_channels()
        )
        due = [] if next_due is None else [max(0.0, (next_due - utc_now()).total_seconds())]
        return min([*due, *([] if change is None else [change])], default=None)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _process(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await self._attempt(await self._store.start_attempt(deliveries, utc_now()))
        except StorageError as error:
            log.error("Delivery %d of ticket %d: %s", deliveries[0].id, deliveries[0].ticket_id, error)
            await asyncio.sleep(1)
        finally:
            self._in_flight_channels.discard(deliveries[0].channel_id)
            self._changed.set()

    async def _attempt(self, deliveries: Sequence[Delivery]) -> None:
        channel_id = deliveries[0].channel_id
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                with self._observer(deliveries):
                    receipt = await self._handlers[deliveries[0].kind](deliveries)
        except PermanentFailure as refusal:
            self.breaker.record_success(channel_id)
            await self._fail_permanently(deliveries, str(refusal))
        except RetryLater as delay:
            await self._retry_later(deliveries, str(delay), delay.seconds)
        except RateLimited as asked:
            self.breaker.record_rate_limit(channel_id, str(asked), asked.seconds or 0.0)
            _log_backoff(deliveries, asked)
        except ChannelForbidden as refusal:
            self.breaker.record_forbidden(channel_id, str(refusal))
            _log_backoff(deliveries, refusal)
        except BotForbidden as refusal:
            self.breaker.record_global_forbidden(str(refusal), refusal.seconds or 0.0)
            _log_backoff(deliveries, refusal)
        except (UnknownOutcome, TimeoutError) as silence:
            reason = str(silence) or f"no answer within {ATTEMPT_SECONDS:.0f} s"
            self.breaker.record_timeout(channel_id, reason, at_least=self._unknown_outcome_delay)
            _log_backoff(deliveries, reason)
        # The one broad net in the house: an error nobody foresaw must not stop the deliveries behind it.
        except Exception as error:
            first = deliveries[0]
            log.exception(
                "Delivery %d of ticket %d, attempt %d", first.id, first.ticket_id, first.attempts + 1
            )
            await self._retry_later(deliveries, f"{type(error).__name__}: {error}", None)
        else:
            await self._store.mark_delivered(deliveries, receipt, utc_now())
            self.breaker.record_success(channel_id)

    async def _fail_permanently(self, deliveries: Sequence[Delivery], reason: str) -> None:
        if deliveries[0].digest_lead_id is not None:
            log.warning("Delivery %d is taken apart into its posts: %s", deliveries[0].id, reason)
            await self._store.split_digest(deliveries)
            return
        (delivery,) = deliveries
        log.error("Delivery %d of ticket %d is set aside: %s", delivery.id, delivery.ticket_id, reason)
        await self._store.dead_letter(delivery, reason, utc_now())

    async def _retry_later(self, deliveries: Sequence[Delivery], reason: str, seconds: float | None) -> None:
        first = deliveries[0]
        wait = min(MAX_BACKOFF_SECONDS, 2.0 ** min(first.attempts, 10)) if seconds is None else seconds
        log.warning(
            "Delivery %d of ticket %d waits %.0f s: %s", first.id, first.ticket_id, wait, reason[:300]
        )
        await self._store.retry_later(deliveries, utc_now() + timedelta(seconds=wait), reason[:300])


def _log_backoff(deliveries: Sequence[Delivery], reason: object) -> None:
    first = deliveries[0]
    log.warning(
        "Delivery %d of ticket %d, attempt %d, channel %d rests: %s",
        *(first.id, first.ticket_id, first.attempts + 1, first.channel_id, str(reason)[:300]),
    )
