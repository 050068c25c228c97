"""Drains the outbox. Knows kinds of delivery and their order; not what Discord or a game server is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

from bot.outbox.circuit_breaker import Breaker
from bot.tickets import Delivery, Kind, Lane, Receipt
from storage import StorageError, Store

log = logging.getLogger(__name__)

Deliver = Callable[[Sequence[Delivery]], Awaitable[Receipt]]
Watch = Callable[[Sequence[Delivery]], AbstractContextManager[object]]  # entered for each attempt

# A backstop: past this an attempt is abandoned, its outcome unknown. Whoever delivers bounds each request;
# waiting for rate limits, which must not be cut short, takes its time on top.
ATTEMPT_SECONDS = 300.0
UNKNOWN_OUTCOME_DELAY = (
    10.0  # an attempt of unknown outcome is left alone for so long: it may still be on its way
)
LONGEST_WAIT = 60.0  # seconds between two attempts, however many there were


class DeliveryError(Exception):
    """Why an attempt did not deliver. `outcome` is its name in metrics: public, and never changed."""

    outcome = "error"

    def __init__(self, reason: str = "", *, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds  # until the next attempt; None: the dispatcher chooses


class Postponed(DeliveryError):
    """Not now, for a reason of its own: others pass it. It did not happen, or its outcome is unknown.

    Without `seconds`, the wait grows with each attempt.
    """

    outcome = "retry_later"


class Patience(DeliveryError):
    """Not now: the far side asks to leave its channel alone for `seconds`."""

    outcome = "rate_limited"


class NoAnswer(DeliveryError):
    """Nothing came back that says what was done: it may have happened."""

    outcome = "unknown_outcome"


class ChannelRefused(DeliveryError):
    """The far side does not take anything for this channel until somebody repairs it."""

    outcome = "channel_forbidden"


class RefusedEverywhere(DeliveryError):
    """The far side takes nothing from us; asking again before `seconds` are over makes it worse."""

    outcome = "bot_forbidden"


class Undeliverable(DeliveryError):
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
        lane: Lane,
        *,
        breaker: Breaker | None = None,
        unknown_outcome_delay: float = UNKNOWN_OUTCOME_DELAY,
        watch: Watch = nullcontext,
    ) -> None:
        self.breaker = breaker or Breaker()
        self._store = store
        self._lane = lane
        self._unknown_outcome_delay = unknown_outcome_delay
        self._watch = watch
        self._deliverers: dict[Kind, Deliver] = {}
        self._busy: set[int] = set()
        self._changed = store.watch_outbox()

    def take(self, kind: Kind, deliver: Deliver) -> None:
        """Name who delivers a kind. All kinds of the lane are taken before `run`."""
        self._deliverers[kind] = deliver

    def look_again(self, channel_id: int | None = None) -> None:
        """Something may have been repaired: in a channel, or everywhere."""
        self.breaker.look_again(channel_id)
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled. What was under way is then of unknown outcome, and is known to be."""
        async with asyncio.TaskGroup() as under_way:
            while True:
                self._changed.clear()
                try:
                    await self._start_due(under_way)
                    wait = await self._seconds_to_next()
                except StorageError as error:
                    log.error("The outbox cannot be read; trying again in a second. %s", error)
                    wait = 1.0
                await self._sleep(wait)

    async def _start_due(self, under_way: asyncio.TaskGroup) -> None:
        if self.breaker.closed or (self.breaker.probing and self._busy):
            return
        aside = self._busy | self.breaker.resting()
        limit = 1 if self.breaker.probing else 50
        for deliveries in await self._store.due_deliveries(self._lane, aside, datetime.now(UTC), limit):
            if not self._must_settle(deliveries):
                self._busy.add(deliveries[0].channel_id)
                under_way.create_task(self._work_off(deliveries))

    def _must_settle(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether the last attempt, perhaps one of a process that was killed, may still be on its way."""
        begun = deliveries[0].last_begun_at
        if begun is None:
            return False
        wait = self._unknown_outcome_delay - (datetime.now(UTC) - begun).total_seconds()
        if not 0 < wait <= self._unknown_outcome_delay:  # over, or the clock was set back
            return False
        self.breaker.patience(deliveries[0].channel_id, "an earlier attempt may still arrive", wait)
        return True

    async def _seconds_to_next(self) -> float | None:
        """None: until something changes."""
        change = self.breaker.seconds_to_change()
        if self.breaker.closed or (self.breaker.probing and self._busy):
            return change
        next_due = await self._store.next_due(self._lane, self._busy | self.breaker.resting())
        due = [] if next_due is None else [max(0.0, (next_due - datetime.now(UTC)).total_seconds())]
        return min([*due, *([] if change is None else [change])], default=None)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _work_off(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await self._attempt(await self._store.begin(deliveries, datetime.now(UTC)))
        except StorageError as error:
            log.error("Delivery %d of ticket %d: %s", deliveries[0].id, deliveries[0].ticket_id, error)
            await asyncio.sleep(1)
        finally:
            self._busy.discard(deliveries[0].channel_id)
            self._changed.set()

    async def _attempt(self, deliveries: Sequence[Delivery]) -> None:
        channel_id = deliveries[0].channel_id
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                with self._watch(deliveries):
                    receipt = await self._deliverers[deliveries[0].kind](deliveries)
        except Undeliverable as refusal:
            self.breaker.answered(channel_id)
            await self._give_up(deliveries, str(refusal))
        except Postponed as delay:
            await self._postpone(deliveries, str(delay), delay.seconds)
        except Patience as asked:
            self.breaker.patience(channel_id, str(asked), asked.seconds or 0.0)
            _log_rest(deliveries, asked)
        except ChannelRefused as refusal:
            self.breaker.refused(channel_id, str(refusal))
            _log_rest(deliveries, refusal)
        except RefusedEverywhere as refusal:
            self.breaker.refused_everywhere(str(refusal), refusal.seconds or 0.0)
            _log_rest(deliveries, refusal)
        except (NoAnswer, TimeoutError) as silence:
            reason = str(silence) or f"no answer within {ATTEMPT_SECONDS:.0f} s"
            self.breaker.no_answer(channel_id, reason, at_least=self._unknown_outcome_delay)
            _log_rest(deliveries, reason)
        # The one broad net in the house: an error nobody foresaw must not stop the deliveries behind it.
        except Exception as error:
            first = deliveries[0]
            log.exception(
                "Delivery %d of ticket %d, attempt %d", first.id, first.ticket_id, first.attempts + 1
            )
            await self._postpone(deliveries, f"{type(error).__name__}: {error}", None)
        else:
            await self._store.settle(deliveries, receipt, datetime.now(UTC))
            self.breaker.answered(channel_id)

    async def _give_up(self, deliveries: Sequence[Delivery], reason: str) -> None:
        if deliveries[0].lead_id is not None:
            log.warning("Delivery %d is taken apart into its posts: %s", deliveries[0].id, reason)
            await self._store.separate(deliveries)
            return
        (delivery,) = deliveries
        log.error("Delivery %d of ticket %d is set aside: %s", delivery.id, delivery.ticket_id, reason)
        await self._store.bury(delivery, reason, datetime.now(UTC))

    async def _postpone(self, deliveries: Sequence[Delivery], reason: str, seconds: float | None) -> None:
        first = deliveries[0]
        wait = min(LONGEST_WAIT, 2.0 ** min(first.attempts, 10)) if seconds is None else seconds
        log.warning(
            "Delivery %d of ticket %d waits %.0f s: %s", first.id, first.ticket_id, wait, reason[:300]
        )
        await self._store.postpone(deliveries, datetime.now(UTC) + timedelta(seconds=wait), reason[:300])


def _log_rest(deliveries: Sequence[Delivery], reason: object) -> None:
    first = deliveries[0]
    log.warning(
        "Delivery %d of ticket %d, attempt %d, channel %d rests: %s",
        *(first.id, first.ticket_id, first.attempts + 1, first.channel_id, str(reason)[:300]),
    )
