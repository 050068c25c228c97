"""Priorities when many posts wait for a channel: urgent, high, all others; and which share a digest."""

from datetime import timedelta

import pytest

from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Priority
from bot.tickets.workspace import Workspace
from storage import Store
from storage.outbox_queue import DIGEST_SIZE, DIGEST_THRESHOLD, PRIORITY_DIGEST_THRESHOLD
from tests.storage.samples import NOW, ids, new_ticket
from tests.support.outbox_harness import REPORTS, OutboxHarness

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def outbox(store: Store, workspace: Workspace) -> OutboxHarness:
    return OutboxHarness(store, workspace)


def tickets_of(deliveries: list[Delivery]) -> list[int]:
    return [delivery.ticket_id for delivery in deliveries]


async def deliver_due_reports(outbox: OutboxHarness) -> list[Delivery]:
    """Deliver what is due in the reports channel in one message."""
    started = await outbox.store.outbox.start_attempt(await outbox.due(channel_id=REPORTS), NOW)
    await outbox.store.outbox.mark_delivered(
        started, Receipt(channel_id=REPORTS, message_id=900 + started[0].id), NOW
    )
    return started


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.URGENT])
async def test_a_few_urgent_or_high_posts_are_posted_one_by_one(
    outbox: OutboxHarness, priority: Priority
) -> None:
    await outbox.add_many(view_only=True)
    few = await outbox.add_many(PRIORITY_DIGEST_THRESHOLD, priority=priority, view_only=True)

    left = [await deliver_due_reports(outbox) for _ in few]

    assert [tickets_of(some) for some in left] == [[ticket.id] for ticket in few]


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.URGENT])
async def test_more_than_a_few_of_one_priority_share_a_digest(
    outbox: OutboxHarness, priority: Priority
) -> None:
    await outbox.add_many()
    many = await outbox.add_many(PRIORITY_DIGEST_THRESHOLD + 1, priority=priority)

    assert tickets_of(await outbox.due()) == [ticket.id for ticket in many]


async def test_urgent_posts_come_before_high_ones_and_all_others_and_share_no_digest_with_them(
    outbox: OutboxHarness,
) -> None:
    stored = [await outbox.add(list(Priority)[number % 4], view_only=True) for number in range(80)]
    by_id = {ticket.id: ticket.priority for ticket in stored}

    left = [await deliver_due_reports(outbox) for _ in range(8)]

    ranks = [{by_id[number] for number in tickets_of(some)} for some in left]
    ordinary = {Priority.LOW, Priority.NORMAL}
    assert ranks == [{Priority.URGENT}] * 2 + [{Priority.HIGH}] * 2 + [ordinary] * 4
    assert [len(some) for some in left] == [DIGEST_SIZE] * 8


@pytest.mark.parametrize("priority", Priority)
async def test_a_burst_is_posted_ten_to_a_digest_whatever_its_priority(
    outbox: OutboxHarness, priority: Priority
) -> None:
    await outbox.add_many(45, priority=priority, view_only=True)

    left = [len(await deliver_due_reports(outbox)) for _ in range(5)]

    assert left == [10, 10, 10, 10, 5]


async def test_a_post_after_the_last_digest_of_a_burst_is_posted_alone(
    outbox: OutboxHarness, store: Store
) -> None:
    await outbox.add_many(view_only=True)
    while await outbox.due(channel_id=REPORTS):
        await deliver_due_reports(outbox)

    new = new_ticket(view_only=True)
    later = [
        await store.intake.add_ticket(outbox.workspace.id, new, ids(), LATER) for _ in range(DIGEST_THRESHOLD)
    ]

    due = await store.outbox.due((), LATER)
    assert [tickets_of(some) for some in due] == [[later[0].id]]


async def test_a_digest_affects_its_own_channel_alone(outbox: OutboxHarness) -> None:
    await outbox.add_many(view_only=True)
    first, *_ = await outbox.add_many(DIGEST_THRESHOLD)

    await deliver_due_reports(outbox)

    assert tickets_of(await outbox.due()) == [first.id]
