"""Dispatcher: each queue is attempted by itself, fifty of them at once at most."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bot.outbox.circuit_breaker import CircuitBreaker
from bot.outbox.dispatcher import MAX_IN_FLIGHT
from bot.outbox.errors import (
    ChannelForbidden,
    DeliveryError,
    PermanentFailure,
    QueueLimited,
    RateLimited,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery, DeliveryKind, DeliveryState, Receipt
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, noting
from tests.support.bridge_harness import wait_for
from tests.support.dispatcher_harness import (
    FAST,
    SLOW,
    RecordingHandler,
    create_report,
    create_ticket,
    running_dispatcher,
    wait_until_delivered,
)

UPDATE = DeliveryKind.UPDATE_POST


async def set_status(store: Store, ticket: Ticket, status: Status = Status.RESOLVED) -> None:
    await store.tickets.change(ticket.id, lambda one: one.set_status(status), NOW, actor=WRITER)


async def posted_ticket(store: Store, workspace: Workspace) -> Ticket:
    """A ticket with its post and thread in Discord."""
    ticket = await create_ticket(store, workspace)
    for row in await store.outbox.pending_for_ticket(ticket.id):
        receipt = Receipt(channel_id=row.channel_id, message_id=ticket.id, thread_id=ticket.id)
        await store.outbox.mark_delivered([row], receipt, NOW)
    return ticket


class KindHandler(RecordingHandler):
    """Fails, or waits for an event, at deliveries of one kind; takes several at once."""

    def __init__(self, kind: DeliveryKind, behaviour: Callable[[], Exception | asyncio.Event]) -> None:
        super().__init__()
        self._kind = kind
        self._behaviour = behaviour
        self.together: list[list[int]] = []  # the ids of each attempt at that kind

    async def deliver(self, deliveries: Sequence[Delivery]) -> Receipt:
        if deliveries[0].kind is not self._kind:
            return await super().deliver(deliveries)
        self.together.append([one.id for one in deliveries])
        behaviour = self._behaviour()
        if isinstance(behaviour, Exception):
            raise behaviour
        await behaviour.wait()
        return Receipt(channel_id=deliveries[0].channel_id)


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("130000", seconds=400),
        QueueLimited("30046", seconds=400),
        RateLimited("429", seconds=400),
        ChannelForbidden("403"),
        UnknownOutcome("503"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("kind", [DeliveryKind.THREAD, UPDATE, DeliveryKind.POST_MESSAGE])
async def test_what_is_refused_in_one_queue_holds_up_no_post_of_the_channel(
    store: Store, workspace: Workspace, kind: DeliveryKind, error: DeliveryError
) -> None:
    handler = KindHandler(kind, lambda: error)
    old = await posted_ticket(store, workspace)
    await set_status(store, old)
    await store.tickets.add_message(old.id, noting(), origin="a", now=NOW)

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(SLOW)):
        new = await create_ticket(store, workspace)
        await wait_for(lambda: new.id in [one.ticket_id for one in handler.received])
        await wait_for(lambda: handler.together)

    kinds = [one.kind for one in handler.received if one.ticket_id == new.id]
    assert kinds[0] is DeliveryKind.POST


async def test_after_a_limit_of_edits_the_next_one_is_tried_later_and_posts_go_on(
    store: Store, workspace: Workspace
) -> None:
    handler = KindHandler(UPDATE, lambda: QueueLimited("30046", seconds=400))
    for ticket in [await posted_ticket(store, workspace) for _ in range(5)]:
        await set_status(store, ticket)

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(SLOW)) as dispatcher:
        await wait_for(lambda: dispatcher.breaker.open_queues())
        for _ in range(3):
            await wait_until_delivered(store, await create_ticket(store, workspace))

    assert len(handler.together) == 1


async def test_a_post_that_is_refused_holds_up_no_redraw_and_no_message_of_posted_tickets(
    store: Store, workspace: Workspace
) -> None:
    handler = KindHandler(DeliveryKind.POST, lambda: ChannelForbidden("403"))
    old = await posted_ticket(store, workspace)
    await create_ticket(store, workspace)

    async with running_dispatcher(store, handler) as dispatcher:
        await wait_for(lambda: handler.together)
        await set_status(store, old)
        await store.tickets.add_message(old.id, noting(), origin="a", now=NOW)
        await wait_until_delivered(store, old)

        assert dispatcher.breaker.open_queues() == {f"posts:{HUB.tickets_channel_id}"}


async def test_at_most_fifty_attempts_are_in_flight_and_the_others_follow(
    store: Store, workspace: Workspace
) -> None:
    release = asyncio.Event()
    handler = KindHandler(DeliveryKind.POST_MESSAGE, lambda: release)
    tickets = [await posted_ticket(store, workspace) for _ in range(MAX_IN_FLIGHT + 10)]
    for ticket in tickets:
        await store.tickets.add_message(ticket.id, noting(), origin=str(ticket.id), now=NOW)

    async with running_dispatcher(store, handler) as dispatcher:
        await wait_for(lambda: len(handler.together) == MAX_IN_FLIGHT)
        report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
        assert len(dispatcher._in_flight) == MAX_IN_FLIGHT

        release.set()
        for ticket in (report, *tickets):
            await wait_until_delivered(store, ticket)

    assert len(handler.together) == len(tickets)


async def test_redraws_that_wait_are_one_attempt(store: Store, workspace: Workspace) -> None:
    release = asyncio.Event()
    handler = KindHandler(UPDATE, lambda: release)
    ticket = await posted_ticket(store, workspace)
    await set_status(store, ticket)

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(FAST)):
        await wait_for(lambda: handler.together)
        pending = await store.outbox.pending_for_ticket(ticket.id)
        first = [one.id for one in pending if one.kind is UPDATE]
        await set_status(store, ticket, Status.OPEN)
        await set_status(store, ticket, Status.CLOSED)
        release.set()
        await wait_until_delivered(store, ticket)

    assert handler.together[0] == first
    assert len(handler.together) == 2
    assert len(handler.together[1]) == 1  # of two changes: the second found a redraw that had not started


async def test_a_redraw_that_is_retried_takes_the_later_ones_with_it(
    store: Store, workspace: Workspace
) -> None:
    error = [RetryLater("30046", seconds=0.2)]
    done = asyncio.Event()
    done.set()
    handler = KindHandler(UPDATE, lambda: error.pop() if error else done)
    ticket = await posted_ticket(store, workspace)
    await set_status(store, ticket)

    async with running_dispatcher(store, handler):
        await wait_for(lambda: handler.together)
        await set_status(store, ticket, Status.OPEN)
        await wait_until_delivered(store, ticket)

    assert [len(one) for one in handler.together] == [1, 2]


async def test_redraws_that_are_refused_together_are_one_dead_letter(
    store: Store, workspace: Workspace
) -> None:
    errors: list[Exception] = [PermanentFailure("400"), RetryLater("30046", seconds=0.2)]
    handler = KindHandler(UPDATE, lambda: errors.pop())
    ticket = await posted_ticket(store, workspace)
    await set_status(store, ticket)

    async with running_dispatcher(store, handler):
        await wait_for(lambda: handler.together)
        await set_status(store, ticket, Status.OPEN)
        await wait_until_delivered(store, ticket)

    (dead,) = await store.outbox_admin.list_undelivered(10)
    assert (dead.state, dead.id) == (DeliveryState.DEAD_LETTER, handler.together[0][0])


class ClosesMeanwhile(CircuitBreaker):
    """A breaker whose circuits are half-open as soon as it has said that they are open."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(FAST, clock=lambda: self.seconds)

    def open_queues(self) -> set[str]:
        found = super().open_queues()
        self.seconds += 1000.0
        return found


async def test_a_circuit_whose_time_is_over_while_the_outbox_is_read_is_tried_without_another_event(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)
    breaker = ClosesMeanwhile()
    breaker.record_timeout(f"posts:{HUB.reports_channel_id}", HUB.reports_channel_id, "no response")

    async with running_dispatcher(store, handler, breaker=breaker):
        await wait_until_delivered(store, report)
