"""Drains the outbox. Knows kinds of delivery and their order; not what Discord or a game server is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bot.tickets import Delivery, Kind, Lane, Receipt
from storage import StorageError, Store

log = logging.getLogger(__name__)

Deliver = Callable[[Delivery], Awaitable[Receipt]]

ATTEMPT_SECONDS = 60.0  # past this an attempt is abandoned, its outcome unknown
LONGEST_WAIT = 60.0  # seconds between two attempts, however many there were


class Postponed(Exception):
    """Not now. The outcome of the attempt is unknown or it did not happen; it is tried again."""

    def __init__(self, reason: str, *, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds  # None: wait longer after each attempt


class Undeliverable(Exception):
    """Never, as it stands: the far side understood and refused."""


class Dispatcher:
    """Hands each due delivery to whoever takes its kind: in order per ticket, one at a time per channel.

    A delivery is settled only with a receipt in hand. Everything but `Undeliverable` means "unknown": it is
    tried again, and the deliverer sees by `attempts` that it may have happened already.
    """

    def __init__(self, store: Store, lane: Lane) -> None:
        self._store = store
        self._lane = lane
        self._deliverers: dict[Kind, Deliver] = {}
        self._busy: set[int] = set()
        self._changed = store.watch_outbox()

    def take(self, kind: Kind, deliver: Deliver) -> None:
        """Name who delivers a kind. All kinds of the lane are taken before `run`."""
        self._deliverers[kind] = deliver

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
        for delivery in await self._store.due_deliveries(self._lane, self._busy, datetime.now(UTC)):
            self._busy.add(delivery.channel_id)
            under_way.create_task(self._work_off(delivery))

    async def _seconds_to_next(self) -> float | None:
        next_due = await self._store.next_due(self._lane, self._busy)
        return None if next_due is None else max(0.0, (next_due - datetime.now(UTC)).total_seconds())

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _work_off(self, delivery: Delivery) -> None:
        try:
            await self._attempt(delivery)
        except StorageError as error:
            log.error("Delivery %d of ticket %d: %s", delivery.id, delivery.ticket_id, error)
            await asyncio.sleep(1)
        finally:
            self._busy.discard(delivery.channel_id)
            self._changed.set()

    async def _attempt(self, delivery: Delivery) -> None:
        await self._store.begin(delivery)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                receipt = await self._deliverers[delivery.kind](delivery)
        except Undeliverable as refusal:
            log.error("Delivery %d of ticket %d is set aside: %s", delivery.id, delivery.ticket_id, refusal)
            await self._store.bury(delivery, str(refusal), datetime.now(UTC))
        except Postponed as delay:
            await self._postpone(delivery, str(delay), delay.seconds)
        except TimeoutError:
            await self._postpone(delivery, f"no answer within {ATTEMPT_SECONDS:.0f} s", None)
        # The one broad net in the house: an error nobody foresaw must not stop the deliveries behind it.
        except Exception as error:
            log.exception(
                "Delivery %d of ticket %d, attempt %d", delivery.id, delivery.ticket_id, delivery.attempts + 1
            )
            await self._postpone(delivery, f"{type(error).__name__}: {error}", None)
        else:
            await self._store.settle(delivery, receipt, datetime.now(UTC))

    async def _postpone(self, delivery: Delivery, reason: str, seconds: float | None) -> None:
        wait = min(LONGEST_WAIT, 2.0 ** min(delivery.attempts, 10)) if seconds is None else seconds
        log.warning(
            "Delivery %d of ticket %d waits %.0f s: %s", delivery.id, delivery.ticket_id, wait, reason[:300]
        )
        await self._store.postpone(delivery, datetime.now(UTC) + timedelta(seconds=wait), reason[:300])
