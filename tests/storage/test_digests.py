"""Digests: which posts share a message when many wait, in which order, and what happens to them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.ticket import DiscordPost, Priority, Status
from bot.tickets.workspace import Workspace
from storage import Store
from storage.outbox_queue import DIGEST_SIZE, DIGEST_THRESHOLD
from tests.storage.samples import NOW, WRITER, noting
from tests.support.outbox_harness import REPORTS, TICKETS, OutboxHarness

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def outbox(store: Store, workspace: Workspace) -> OutboxHarness:
    return OutboxHarness(store, workspace)


def tickets_of(deliveries: list[Delivery]) -> list[int]:
    return [delivery.ticket_id for delivery in deliveries]


async def test_fifteen_posts_are_posted_one_by_one(outbox: OutboxHarness) -> None:
    first, *_ = await outbox.add_many(DIGEST_THRESHOLD)

    assert tickets_of(await outbox.due()) == [first.id]


async def test_of_sixteen_posts_the_ten_oldest_share_a_digest(outbox: OutboxHarness) -> None:
    stored = await outbox.add_many(DIGEST_THRESHOLD + 1)

    assert tickets_of(await outbox.due()) == [ticket.id for ticket in stored[:DIGEST_SIZE]]


async def test_only_the_channel_with_many_posts_gets_digests(outbox: OutboxHarness) -> None:
    await outbox.add_many()
    first, *_ = await outbox.add_many(DIGEST_THRESHOLD, view_only=True)

    assert tickets_of(await outbox.due(channel_id=REPORTS)) == [first.id]
    assert len(await outbox.due()) == DIGEST_SIZE


async def test_a_queue_in_flight_has_nothing_due_however_many_posts_wait(outbox: OutboxHarness) -> None:
    await outbox.add_many()

    assert await outbox.due(busy=(f"posts:{TICKETS}",)) == []


async def test_the_order_of_posts_is_urgent_then_high_then_digests_and_threads_wait_for_none(
    outbox: OutboxHarness, store: Store
) -> None:
    shown = await outbox.add()
    await outbox.deliver_due()  # its thread is pending now
    stored = await outbox.add_many()
    high = await outbox.add(Priority.HIGH)
    urgent = await outbox.add(Priority.URGENT)

    first, thread = await store.outbox.due((), NOW)
    left = [await outbox.deliver_due() for _ in range(3)]

    assert (tickets_of(first), tickets_of(thread)) == ([urgent.id], [shown.id])
    assert thread[0].kind is DeliveryKind.THREAD
    assert [tickets_of(some) for some in left] == [
        [urgent.id],
        [high.id],
        [ticket.id for ticket in stored[:DIGEST_SIZE]],
    ]


async def test_a_started_delivery_comes_before_an_urgent_one(outbox: OutboxHarness) -> None:
    started = await outbox.start_digest()
    await outbox.add(Priority.URGENT)

    assert tickets_of(await outbox.due()) == tickets_of(started)


@pytest.mark.parametrize("priority", [Priority.LOW, Priority.NORMAL])
async def test_low_and_normal_posts_share_a_digest(outbox: OutboxHarness, priority: Priority) -> None:
    stored = [
        await outbox.add((Priority.LOW, priority)[number % 2]) for number in range(DIGEST_THRESHOLD + 1)
    ]

    assert tickets_of(await outbox.due()) == [ticket.id for ticket in stored[:DIGEST_SIZE]]


async def test_a_digest_has_game_reports_or_tickets_never_both(outbox: OutboxHarness, store: Store) -> None:
    await store.workspaces.change(
        outbox.workspace.id, lambda stored: replace(stored, reports_channel_id=stored.tickets_channel_id)
    )
    stored = [await outbox.add(view_only=number % 2 == 1) for number in range(2 * DIGEST_THRESHOLD)]

    left = [await outbox.deliver_due() for _ in range(3)]

    others, reports, more = map(tickets_of, left)
    assert others == [ticket.id for ticket in stored if not ticket.view_only][:DIGEST_SIZE]
    assert more == [ticket.id for ticket in stored if not ticket.view_only][DIGEST_SIZE:]
    assert reports == [ticket.id for ticket in stored if ticket.view_only][:DIGEST_SIZE]


async def test_a_private_post_is_never_in_a_digest(outbox: OutboxHarness, store: Store) -> None:
    for number in range(DIGEST_THRESHOLD + 1):
        ticket = await outbox.add(is_private=True, channel_id=TICKETS)
        thread, _ = await store.outbox.pending_for_ticket(ticket.id)
        await store.outbox.mark_delivered([thread], Receipt(channel_id=TICKETS, thread_id=500 + number), NOW)

    left = [await outbox.deliver_due() for _ in range(DIGEST_THRESHOLD + 1)]

    assert [[delivery.kind for delivery in some] for some in left] == [[DeliveryKind.POST]] * (
        DIGEST_THRESHOLD + 1
    )


async def test_deliveries_of_a_ticket_stay_in_order_though_its_post_is_in_a_digest(
    outbox: OutboxHarness, store: Store
) -> None:
    stored = await outbox.add_many()
    for ticket in stored:
        await store.tickets.add_message(ticket.id, noting(), origin=ticket.public_id, now=NOW)

    seen: list[Delivery] = []
    while await outbox.due():
        seen += await outbox.deliver_due()

    for ticket in stored:
        own = [delivery for delivery in seen if delivery.ticket_id == ticket.id]
        assert [delivery.kind for delivery in own] == [
            DeliveryKind.POST,
            DeliveryKind.THREAD,
            DeliveryKind.POST_MESSAGE,
        ]


async def test_a_started_digest_is_due_again_whole_with_its_lead_and_nonce(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()

    again = await outbox.due()

    lead = started[0]
    assert [delivery.id for delivery in again] == [delivery.id for delivery in started]
    assert {(delivery.digest_lead_id, delivery.nonce) for delivery in again} == {(lead.id, lead.nonce)}
    assert {(delivery.attempts, delivery.first_attempt_at) for delivery in again} == {(1, NOW)}
    assert {delivery.nonce for delivery in await store.outbox.start_attempt(again, LATER)} == {lead.nonce}


async def test_a_started_digest_is_due_again_whole_though_few_posts_wait(
    outbox: OutboxHarness, store: Store
) -> None:
    stored = await outbox.add_many()
    started = await store.outbox.start_attempt(await outbox.due(), NOW)
    for ticket in stored[DIGEST_SIZE:]:
        for row in await store.outbox.pending_for_ticket(ticket.id):
            await store.outbox_admin.drop(row.id, NOW)

    again = await outbox.due()

    assert tickets_of(again) == tickets_of(started)
    assert {delivery.nonce for delivery in again} == {started[0].nonce}


async def test_a_postponed_digest_lets_others_pass_and_is_due_again_whole(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()
    await store.outbox.retry_later(started, LATER, "not now")

    assert not set(tickets_of(await outbox.due())) & set(tickets_of(started))
    due = await store.outbox.due((), LATER)
    assert [tickets_of(some) for some in due] == [tickets_of(started)]


@pytest.mark.parametrize("position", [0, 4, 9])
async def test_a_dropped_member_leaves_its_digest_the_same_lead_and_nonce(
    outbox: OutboxHarness, store: Store, position: int
) -> None:
    started = await outbox.start_digest(many=2 * DIGEST_THRESHOLD)
    await store.outbox_admin.drop(started[position].id, NOW)

    again = await outbox.due()

    assert [one.id for one in again] == [one.id for one in started if one is not started[position]]
    assert {(one.digest_lead_id, one.nonce) for one in again} == {(started[0].id, started[0].nonce)}
    assert {one.nonce for one in await store.outbox.start_attempt(again, NOW)} == {started[0].nonce}


async def test_a_delivered_digest_is_where_each_of_its_tickets_is_posted(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()

    await store.outbox.mark_delivered(started, Receipt(channel_id=TICKETS, message_id=900), NOW)

    shown = await store.tickets.list_of_digest(900)
    assert [ticket.id for ticket in shown] == tickets_of(started)
    assert {ticket.post for ticket in shown} == {DiscordPost(channel_id=TICKETS, digest_message_id=900)}
    assert await store.tickets.find_by_discord_id(900) is None  # none of them alone
    assert await store.outbox.digest_lead(900) == started[0].id
    assert await store.outbox.digest_lead(901) is None


async def test_a_digest_deleted_before_its_receipt_leaves_its_tickets_without_a_post(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()

    await store.outbox.mark_delivered(started, Receipt(channel_id=TICKETS, message_id=None), NOW)

    for delivery in started:
        assert (await store.tickets.get(delivery.ticket_id)).post == DiscordPost(channel_id=TICKETS)
        assert [row.kind for row in await store.outbox.pending_for_ticket(delivery.ticket_id)] == [
            DeliveryKind.THREAD
        ]


async def test_later_deliveries_queue_for_the_channel_of_the_digest(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()
    await store.outbox.mark_delivered(started, Receipt(channel_id=TICKETS, message_id=900), NOW)
    await store.workspaces.change(outbox.workspace.id, lambda stored: replace(stored, tickets_channel_id=77))

    await store.tickets.change(
        started[0].ticket_id, lambda ticket: ticket.set_status(Status.CLOSED), NOW, actor=WRITER
    )

    waiting = await store.outbox.pending_for_ticket(started[0].ticket_id)
    assert [(row.kind, row.channel_id) for row in waiting] == [
        (DeliveryKind.THREAD, TICKETS),
        (DeliveryKind.UPDATE_POST, TICKETS),
    ]


async def test_a_digest_found_by_its_nonce_is_marked_delivered_whole_and_once(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()

    await store.outbox.confirm_by_nonce(started[0].nonce, 900, NOW, channel_id=2)
    await store.outbox.confirm_by_nonce(started[0].nonce, 901, NOW, channel_id=2)

    shown = await store.tickets.list_of_digest(900)
    assert [ticket.id for ticket in shown] == tickets_of(started)
    assert await store.tickets.list_of_digest(901) == []


async def test_a_digest_found_by_its_nonce_is_marked_delivered_though_its_lead_was_dropped(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()
    await store.outbox_admin.drop(started[0].id, NOW)

    await store.outbox.confirm_by_nonce(started[0].nonce, 900, NOW, channel_id=2)

    assert [ticket.id for ticket in await store.tickets.list_of_digest(900)] == tickets_of(started[1:])
    assert await store.outbox.digest_lead(900) == started[0].id


async def test_a_split_digest_is_posted_one_by_one_each_with_its_own_nonce(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()
    own = {
        row.id: row.nonce for one in started for row in await store.outbox.pending_for_ticket(one.ticket_id)
    }
    await outbox.add_many()

    await store.outbox.split_digest(started)

    for before in started:
        (alone,) = await outbox.deliver_due()
        assert (alone.id, alone.nonce, alone.digest_lead_id) == (before.id, own[before.id], None)
        assert alone.attempts == 1
        post = (await store.tickets.get(alone.ticket_id)).post
        assert post.message_id
        assert post.digest_message_id is None


async def test_retrying_one_delivery_of_a_digest_retries_all_of_it(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()
    await store.outbox.retry_later(started, LATER, "not now")

    await store.outbox_admin.retry(started[3].id, NOW)

    assert [delivery.id for delivery in await outbox.due()] == [delivery.id for delivery in started]
