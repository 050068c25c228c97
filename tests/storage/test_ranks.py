"""A crowded channel by ranks: urgent, high, all others; who shares a message, and until when."""

from datetime import timedelta

import pytest

from bot.tickets.outbox import Delivery, Destination, Receipt
from bot.tickets.ticket import Priority
from bot.tickets.workspace import Workspace
from storage import Store
from storage.outbox_queue import DIGEST_SIZE, DIGEST_THRESHOLD, PRIORITY_DIGEST_THRESHOLD
from tests.storage.samples import NOW, ids, new_ticket
from tests.support.outbox_harness import REPORTS, Desk

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def desk(store: Store, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def tickets_of(deliveries: list[Delivery]) -> list[int]:
    return [delivery.ticket_id for delivery in deliveries]


async def leave_reports(desk: Desk) -> list[Delivery]:
    """What is due in the channel of the reports leaves in a message, and is settled."""
    begun = await desk.store.start_attempt(await desk.due(channel_id=REPORTS), NOW)
    await desk.store.mark_delivered(begun, Receipt(channel_id=REPORTS, message_id=900 + begun[0].id), NOW)
    return begun


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.URGENT])
async def test_a_few_urgent_or_high_posts_have_messages_of_their_own(desk: Desk, priority: Priority) -> None:
    await desk.crowd(view_only=True)
    few = await desk.crowd(PRIORITY_DIGEST_THRESHOLD, priority=priority, view_only=True)

    left = [await leave_reports(desk) for _ in few]

    assert [tickets_of(some) for some in left] == [[ticket.id] for ticket in few]


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.URGENT])
async def test_once_more_than_a_few_wait_they_share_among_themselves(desk: Desk, priority: Priority) -> None:
    await desk.crowd()
    many = await desk.crowd(PRIORITY_DIGEST_THRESHOLD + 1, priority=priority)

    assert tickets_of(await desk.due()) == [ticket.id for ticket in many]


async def test_urgent_posts_leave_before_high_ones_and_those_before_all_others_and_never_share(
    desk: Desk,
) -> None:
    kept = [await desk.file(list(Priority)[number % 4], view_only=True) for number in range(80)]
    by_id = {ticket.id: ticket.priority for ticket in kept}

    left = [await leave_reports(desk) for _ in range(8)]

    ranks = [{by_id[number] for number in tickets_of(some)} for some in left]
    ordinary = {Priority.LOW, Priority.NORMAL}
    assert ranks == [{Priority.URGENT}] * 2 + [{Priority.HIGH}] * 2 + [ordinary] * 4
    assert [len(some) for some in left] == [DIGEST_SIZE] * 8


@pytest.mark.parametrize("priority", Priority)
async def test_a_raid_leaves_ten_to_a_message_to_its_end_whatever_priority_it_claims(
    desk: Desk, priority: Priority
) -> None:
    await desk.crowd(45, priority=priority, view_only=True)

    left = [len(await leave_reports(desk)) for _ in range(5)]

    assert left == [10, 10, 10, 10, 5]


async def test_what_comes_after_the_last_of_a_crowd_is_shown_is_no_crowd(desk: Desk, store: Store) -> None:
    await desk.crowd(view_only=True)
    while await desk.due(channel_id=REPORTS):
        await leave_reports(desk)

    new = new_ticket(view_only=True)
    later = [await store.add_ticket(desk.workspace.id, new, ids(), LATER) for _ in range(DIGEST_THRESHOLD)]

    due = await store.due_deliveries(Destination.DISCORD, (), LATER)
    assert [tickets_of(some) for some in due] == [[later[0].id]]


async def test_a_message_of_many_crowds_its_own_channel_alone(desk: Desk) -> None:
    await desk.crowd(view_only=True)
    first, *_ = await desk.crowd(DIGEST_THRESHOLD)

    await leave_reports(desk)

    assert tickets_of(await desk.due()) == [first.id]
