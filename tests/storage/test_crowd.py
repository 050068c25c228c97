"""A crowded channel: what leaves first, which posts share a message, and what becomes of those that do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.tickets.outbox import Delivery, DeliveryKind, Destination, Receipt
from bot.tickets.ticket import DiscordPost, Priority, Status
from bot.tickets.workspace import Workspace
from storage import Store
from storage.outbox_queue import DIGEST_SIZE, DIGEST_THRESHOLD
from tests.storage.samples import NOW, WRITER, noting
from tests.support.outbox_harness import REPORTS, TICKETS, Desk

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def desk(store: Store, workspace: Workspace) -> Desk:
    return Desk(store, workspace)


def tickets_of(deliveries: list[Delivery]) -> list[int]:
    return [delivery.ticket_id for delivery in deliveries]


async def test_fifteen_posts_are_no_crowd_and_leave_one_by_one(desk: Desk) -> None:
    first, *_ = await desk.crowd(DIGEST_THRESHOLD)

    assert tickets_of(await desk.due()) == [first.id]


async def test_sixteen_posts_are_a_crowd_and_the_ten_oldest_share_a_message(desk: Desk) -> None:
    kept = await desk.crowd(DIGEST_THRESHOLD + 1)

    assert tickets_of(await desk.due()) == [ticket.id for ticket in kept[:DIGEST_SIZE]]


async def test_only_the_crowded_channel_shares_messages(desk: Desk) -> None:
    await desk.crowd()
    first, *_ = await desk.crowd(DIGEST_THRESHOLD, view_only=True)

    assert tickets_of(await desk.due(channel_id=REPORTS)) == [first.id]
    assert len(await desk.due()) == DIGEST_SIZE


async def test_a_busy_channel_is_left_alone_however_crowded(desk: Desk) -> None:
    await desk.crowd()

    assert await desk.due(busy=(TICKETS,)) == []


async def test_urgent_posts_then_what_is_no_post_then_high_posts_then_what_may_share(desk: Desk) -> None:
    shown = await desk.file()
    await desk.leave()  # its thread waits now
    kept = await desk.crowd()
    high = await desk.file(Priority.HIGH)
    urgent = await desk.file(Priority.URGENT)

    left = [await desk.leave() for _ in range(5)]

    assert [(tickets_of(some), some[0].kind) for some in left] == [
        ([urgent.id], DeliveryKind.POST),
        ([shown.id], DeliveryKind.THREAD),
        ([urgent.id], DeliveryKind.THREAD),
        ([high.id], DeliveryKind.POST),
        ([high.id], DeliveryKind.THREAD),
    ]
    assert tickets_of(await desk.due()) == [ticket.id for ticket in kept[:DIGEST_SIZE]]


async def test_what_was_begun_comes_before_what_is_urgent(desk: Desk) -> None:
    begun = await desk.begun_digest()
    await desk.file(Priority.URGENT)

    assert tickets_of(await desk.due()) == tickets_of(begun)


@pytest.mark.parametrize("priority", [Priority.LOW, Priority.NORMAL])
async def test_low_and_normal_posts_share_with_each_other(desk: Desk, priority: Priority) -> None:
    kept = [await desk.file((Priority.LOW, priority)[number % 2]) for number in range(DIGEST_THRESHOLD + 1)]

    assert tickets_of(await desk.due()) == [ticket.id for ticket in kept[:DIGEST_SIZE]]


async def test_a_digest_holds_game_reports_or_others_never_both(desk: Desk, store: Store) -> None:
    await store.change_workspace(
        desk.workspace.id, lambda kept: replace(kept, reports_channel_id=kept.tickets_channel_id)
    )
    kept = [await desk.file(view_only=number % 2 == 1) for number in range(2 * DIGEST_THRESHOLD)]

    left = [await desk.leave() for _ in range(DIGEST_SIZE + 2)]

    others, *threads, reports = map(tickets_of, left)  # the threads of those that are shown go between
    assert others == [ticket.id for ticket in kept if not ticket.view_only][:DIGEST_SIZE]
    assert [number for (number,) in threads] == others
    assert reports == [ticket.id for ticket in kept if ticket.view_only][:DIGEST_SIZE]


async def test_a_private_post_never_shares(desk: Desk, store: Store) -> None:
    for number in range(DIGEST_THRESHOLD + 1):
        ticket = await desk.file(is_private=True, channel_id=TICKETS)
        thread, _ = await store.pending_for_ticket(ticket.id, Destination.DISCORD)
        await store.mark_delivered([thread], Receipt(channel_id=TICKETS, thread_id=500 + number), NOW)

    left = [await desk.leave() for _ in range(DIGEST_THRESHOLD + 1)]

    assert [[delivery.kind for delivery in some] for some in left] == [[DeliveryKind.POST]] * (
        DIGEST_THRESHOLD + 1
    )


async def test_within_a_ticket_nothing_is_overtaken_though_its_post_is_shared(
    desk: Desk, store: Store
) -> None:
    kept = await desk.crowd()
    for ticket in kept:
        await store.add_message(ticket.id, noting(), origin=ticket.public_id, now=NOW)

    seen: list[Delivery] = []
    while await desk.due():
        seen += await desk.leave()

    for ticket in kept:
        own = [delivery for delivery in seen if delivery.ticket_id == ticket.id]
        assert [delivery.kind for delivery in own] == [
            DeliveryKind.POST,
            DeliveryKind.THREAD,
            DeliveryKind.POST_MESSAGE,
        ]


async def test_a_begun_digest_comes_again_whole_with_its_lead_and_nonce(desk: Desk, store: Store) -> None:
    begun = await desk.begun_digest()

    again = await desk.due()

    lead = begun[0]
    assert [delivery.id for delivery in again] == [delivery.id for delivery in begun]
    assert {(delivery.digest_lead_id, delivery.nonce) for delivery in again} == {(lead.id, lead.nonce)}
    assert {(delivery.attempts, delivery.first_attempt_at) for delivery in again} == {(1, NOW)}
    assert {delivery.nonce for delivery in await store.start_attempt(again, LATER)} == {lead.nonce}


async def test_it_comes_again_whole_also_when_its_channel_is_crowded_no_more(
    desk: Desk, store: Store
) -> None:
    kept = await desk.crowd()
    begun = await store.start_attempt(await desk.due(), NOW)
    for ticket in kept[DIGEST_SIZE:]:
        for row in await store.pending_for_ticket(ticket.id, Destination.DISCORD):
            await store.drop(row.id, NOW)

    again = await desk.due()

    assert tickets_of(again) == tickets_of(begun)
    assert {delivery.nonce for delivery in again} == {begun[0].nonce}


async def test_a_postponed_digest_lets_others_pass_and_comes_again_whole(desk: Desk, store: Store) -> None:
    begun = await desk.begun_digest()
    await store.retry_later(begun, LATER, "not now")

    assert not set(tickets_of(await desk.due())) & set(tickets_of(begun))
    due = await store.due_deliveries(Destination.DISCORD, (), LATER)
    assert [tickets_of(some) for some in due] == [tickets_of(begun)]


@pytest.mark.parametrize("position", [0, 4, 9])
async def test_a_dropped_member_leaves_its_digest_the_same_lead_and_nonce(
    desk: Desk, store: Store, position: int
) -> None:
    begun = await desk.begun_digest(many=2 * DIGEST_THRESHOLD)
    await store.drop(begun[position].id, NOW)

    again = await desk.due()

    assert [one.id for one in again] == [one.id for one in begun if one is not begun[position]]
    assert {(one.digest_lead_id, one.nonce) for one in again} == {(begun[0].id, begun[0].nonce)}
    assert {one.nonce for one in await store.start_attempt(again, NOW)} == {begun[0].nonce}


async def test_a_settled_digest_is_where_each_of_its_tickets_is_shown(desk: Desk, store: Store) -> None:
    begun = await desk.begun_digest()

    await store.mark_delivered(begun, Receipt(channel_id=TICKETS, message_id=900), NOW)

    shown = await store.tickets_in_digest(900)
    assert [ticket.id for ticket in shown] == tickets_of(begun)
    assert {ticket.post for ticket in shown} == {DiscordPost(channel_id=TICKETS, digest_message_id=900)}
    assert await store.ticket_by_discord_id(900) is None  # none of them alone
    assert await store.digest_lead(900) == begun[0].id
    assert await store.digest_lead(901) is None


async def test_a_digest_that_was_deleted_before_it_was_known_leaves_its_tickets_without_a_post(
    desk: Desk, store: Store
) -> None:
    begun = await desk.begun_digest()

    await store.mark_delivered(begun, Receipt(channel_id=TICKETS, message_id=None), NOW)

    for delivery in begun:
        assert (await store.ticket(delivery.ticket_id)).post == DiscordPost(channel_id=TICKETS)
        assert [
            row.kind for row in await store.pending_for_ticket(delivery.ticket_id, Destination.DISCORD)
        ] == [DeliveryKind.THREAD]


async def test_what_follows_a_shared_post_queues_in_the_channel_of_its_digest(
    desk: Desk, store: Store
) -> None:
    begun = await desk.begun_digest()
    await store.mark_delivered(begun, Receipt(channel_id=TICKETS, message_id=900), NOW)
    await store.change_workspace(desk.workspace.id, lambda kept: replace(kept, tickets_channel_id=77))

    await store.change_ticket(
        begun[0].ticket_id, lambda ticket: ticket.set_status(Status.CLOSED), NOW, actor=WRITER
    )

    waiting = await store.pending_for_ticket(begun[0].ticket_id, Destination.DISCORD)
    assert [(row.kind, row.channel_id) for row in waiting] == [
        (DeliveryKind.THREAD, TICKETS),
        (DeliveryKind.UPDATE_POST, TICKETS),
    ]


async def test_a_digest_seen_by_its_nonce_is_settled_whole_and_once(desk: Desk, store: Store) -> None:
    begun = await desk.begun_digest()

    await store.confirm_by_nonce(begun[0].nonce, 900, NOW)
    await store.confirm_by_nonce(begun[0].nonce, 901, NOW)

    shown = await store.tickets_in_digest(900)
    assert [ticket.id for ticket in shown] == tickets_of(begun)
    assert await store.tickets_in_digest(901) == []


async def test_a_seen_digest_is_settled_though_its_first_was_dropped(desk: Desk, store: Store) -> None:
    begun = await desk.begun_digest()
    await store.drop(begun[0].id, NOW)

    await store.confirm_by_nonce(begun[0].nonce, 900, NOW)

    assert [ticket.id for ticket in await store.tickets_in_digest(900)] == tickets_of(begun[1:])
    assert await store.digest_lead(900) == begun[0].id


async def test_once_separated_each_leaves_alone_with_its_own_nonce_and_shares_no_more(
    desk: Desk, store: Store
) -> None:
    begun = await desk.begun_digest()
    own = {
        row.id: row.nonce
        for one in begun
        for row in await store.pending_for_ticket(one.ticket_id, Destination.DISCORD)
    }
    await desk.crowd()

    await store.split_digest(begun)

    for before in begun:
        (alone,) = await desk.leave()
        assert (alone.id, alone.nonce, alone.digest_lead_id) == (before.id, own[before.id], None)
        assert alone.attempts == 1
        post = (await store.ticket(alone.ticket_id)).post
        assert post.message_id
        assert post.digest_message_id is None


async def test_what_an_operator_retries_of_a_digest_takes_the_others_with_it(
    desk: Desk, store: Store
) -> None:
    begun = await desk.begun_digest()
    await store.retry_later(begun, LATER, "not now")

    await store.retry(begun[3].id, NOW)

    assert [delivery.id for delivery in await desk.due()] == [delivery.id for delivery in begun]
