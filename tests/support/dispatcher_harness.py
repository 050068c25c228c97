"""A dispatcher with a handler that records what it is given, and tickets for it to deliver."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from bot.outbox.circuit_breaker import BreakerSettings, CircuitBreaker
from bot.outbox.dispatcher import Dispatcher
from bot.tickets.outbox import Delivery, DeliveryKind, OutboxEntry, Receipt
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import NOW, ids, new_ticket
from tests.support.bridge_harness import wait_for

Behaviour = Callable[[Delivery], Awaitable[None]]
FAST = BreakerSettings(min_backoff=0.1, min_retry_gap=0.1)
SLOW = BreakerSettings(min_backoff=400, max_backoff=400)


class RecordingHandler:
    """A delivery handler that records what it is given, and succeeds unless a behaviour is set."""

    def __init__(self) -> None:
        self.received: list[Delivery] = []
        self._behaviours: dict[int, list[Behaviour]] = {}
        self._message_id = 1000

    def set_behaviours(self, ticket: Ticket, *behaviours: Behaviour) -> None:
        """What the next attempts for a ticket do, one each."""
        self._behaviours[ticket.id] = list(behaviours)

    async def deliver(self, deliveries: Sequence[Delivery]) -> Receipt:
        (delivery,) = deliveries
        self.received.append(delivery)
        behaviours = self._behaviours.get(delivery.ticket_id)
        if behaviours:
            await behaviours.pop(0)(delivery)
        self._message_id += 1
        return Receipt(channel_id=delivery.channel_id, message_id=self._message_id)

    async def wait_for_attempts(self, count: int) -> list[Delivery]:
        """The first `count` deliveries received, once there are as many."""
        await wait_for(lambda: len(self.received) >= count)
        return self.received[:count]

    def attempts_for(self, ticket: Ticket) -> list[int]:
        return [delivery.attempts for delivery in self.received if delivery.ticket_id == ticket.id]


def raising(error: Exception) -> Behaviour:
    async def behaviour(_: Delivery) -> None:
        raise error

    return behaviour


async def hang(_: Delivery) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def running_dispatcher(
    store: Store,
    handler: RecordingHandler,
    *,
    unknown_outcome_delay: float = 0.0,
    breaker: CircuitBreaker | None = None,
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(store, breaker=breaker, unknown_outcome_delay=unknown_outcome_delay)
    for kind in DeliveryKind:
        dispatcher.register(kind, handler.deliver)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        running.cancel()
        await asyncio.wait([running])


async def create_ticket(store: Store, workspace: Workspace) -> Ticket:
    """Two deliveries in the tickets channel: its post and its thread."""
    return await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def create_report(store: Store, workspace: Workspace) -> Ticket:
    """One delivery in the reports channel."""
    return await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)


async def wait_until_delivered(store: Store, ticket: Ticket) -> None:
    async def delivered() -> bool:
        return not await store.outbox.pending_for_ticket(ticket.id)

    await wait_for(delivered)


async def entry_for(store: Store, ticket: Ticket) -> OutboxEntry:
    """The ticket's first delivery that is not done, as operators see it."""
    return next(
        entry for entry in await store.outbox_admin.list_undelivered(100) if entry.ticket_id == ticket.id
    )


async def wait_for_last_error(store: Store, ticket: Ticket) -> OutboxEntry:
    async def failed() -> OutboxEntry | None:
        entry = await entry_for(store, ticket)
        return entry if entry.last_error else None

    entry: OutboxEntry = await wait_for(failed)
    return entry
