"""Posts, threads and channels deleted in Discord: tickets are reposted, moved or cleared, never stranded."""

import asyncio
from dataclasses import replace

import pytest

from bot.tickets.message import DiscordMessage
from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store, Topic
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, replying

TICKETS, REPORTS, ELSEWHERE = HUB.tickets_channel_id, HUB.reports_channel_id, 9


def typed_in(channel_id: int) -> DiscordMessage:
    return DiscordMessage(channel_id=channel_id, message_id=7, is_typed=True)


async def pending(store: Store, ticket: Ticket) -> list[Delivery]:
    return await store.outbox.pending_for_ticket(ticket.id)


async def posted(
    store: Store,
    workspace: Workspace,
    post: int = 50,
    *,
    private: bool = False,
    status: Status = Status.OPEN,
) -> Ticket:
    """A ticket with its post, and its thread if it has one."""
    new = replace(new_ticket(is_private=private), initial_status=status)
    ticket = await store.intake.add_ticket(workspace.id, new, ids(), NOW)
    for delivery in await pending(store, ticket):
        is_thread = delivery.kind in (DeliveryKind.THREAD, DeliveryKind.PRIVATE_THREAD)
        receipt = Receipt(
            channel_id=delivery.channel_id,
            message_id=None if is_thread else post,
            thread_id=post + 1 if is_thread else None,
        )
        await store.outbox.mark_delivered([delivery], receipt, NOW)
    return await store.tickets.get(ticket.id)


async def set_tickets_channel(store: Store, workspace: Workspace, channel_id: int) -> None:
    await store.workspaces.change(workspace.id, lambda found: replace(found, tickets_channel_id=channel_id))


async def reply(store: Store, ticket: Ticket, origin: str = "a") -> None:
    await store.tickets.add_message(ticket.id, replying(), origin=origin, now=NOW)


async def close(store: Store, ticket: Ticket) -> None:
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=WRITER)


async def test_a_deleted_post_is_cleared_and_its_thread_is_not(store: Store, workspace: Workspace) -> None:
    ticket = await posted(store, workspace)

    (found,) = await store.deleted_channels.record_post_deleted(50)

    assert found.id == ticket.id
    assert (found.post.message_id, found.post.thread_id, found.post.channel_id) == (None, 51, TICKETS)
    assert await store.deleted_channels.record_post_deleted(50) == []


async def test_all_tickets_of_a_deleted_digest_are_returned(store: Store, workspace: Workspace) -> None:
    tickets = [
        await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW) for _ in range(3)
    ]
    posts = [(await pending(store, ticket))[0] for ticket in tickets]
    await store.outbox.mark_delivered(
        await store.outbox.start_attempt(posts, NOW), Receipt(channel_id=REPORTS, message_id=60), NOW
    )

    found = await store.deleted_channels.record_post_deleted(60)

    assert [ticket.id for ticket in found] == [ticket.id for ticket in tickets]
    assert [ticket.post.digest_message_id for ticket in found] == [None] * 3


async def test_a_ticket_is_posted_again_only_if_it_has_no_post(store: Store, workspace: Workspace) -> None:
    ticket = await posted(store, workspace)
    assert not await store.deleted_channels.repost(ticket.id, NOW)
    await store.deleted_channels.record_post_deleted(50)

    assert await store.deleted_channels.repost(ticket.id, NOW)

    (post,) = await pending(store, ticket)  # its thread is still there
    assert post.kind is DeliveryKind.POST
    assert not await store.deleted_channels.repost(ticket.id, NOW)


async def test_every_post_of_a_ticket_has_a_nonce_of_its_own(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    nonces = set()
    for message_id in (70, 71, 72):
        (post,) = await pending(store, ticket)
        nonces.add(post.nonce)
        await store.outbox.mark_delivered([post], Receipt(channel_id=REPORTS, message_id=message_id), NOW)
        await store.deleted_channels.record_post_deleted(message_id)
        await store.deleted_channels.repost(ticket.id, NOW)

    assert len(nonces) == 3


async def test_a_reply_after_a_deleted_thread_is_posted_in_the_channel(
    store: Store, workspace: Workspace
) -> None:
    ticket = await posted(store, workspace)

    found = await store.deleted_channels.record_thread_deleted(51, NOW)
    await reply(store, ticket)

    assert found is not None
    assert (found.post.thread_id, found.post.message_id) == (None, 50)
    assert [one.kind for one in await pending(store, ticket)] == [DeliveryKind.POST_MESSAGE]


async def test_an_open_private_ticket_gets_a_new_thread_before_pending_deliveries(
    store: Store, workspace: Workspace
) -> None:
    ticket = await posted(store, workspace, private=True)
    await reply(store, ticket)

    await store.deleted_channels.record_thread_deleted(51, NOW)

    kinds = [one.kind for one in await pending(store, ticket)]
    assert kinds == [DeliveryKind.PRIVATE_THREAD, DeliveryKind.POST, DeliveryKind.POST_MESSAGE]
    found = await store.tickets.get(ticket.id)
    assert (found.post.thread_id, found.post.message_id) == (None, None)


async def test_a_closed_private_ticket_gets_no_new_thread(store: Store, workspace: Workspace) -> None:
    ticket = await posted(store, workspace, private=True)
    await close(store, ticket)

    await store.deleted_channels.record_thread_deleted(51, NOW)

    assert await pending(store, ticket) == []


async def test_deliveries_for_a_deleted_channel_stay_pending_while_the_workspace_uses_it(
    store: Store, workspace: Workspace
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    (loss,) = await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    assert (loss.is_new, loss.posts, loss.stranded) == (True, 0, 2)
    assert {one.channel_id for one in await pending(store, ticket)} == {TICKETS}


async def test_stranded_deliveries_move_to_the_new_channel_as_if_never_tried(
    store: Store, workspace: Workspace
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    before = await pending(store, ticket)
    await store.outbox.start_attempt(before[:1], NOW)
    await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    await set_tickets_channel(store, workspace, ELSEWHERE)

    after = await pending(store, ticket)
    assert [one.kind for one in after] == [one.kind for one in before]
    assert {one.channel_id for one in after} == {ELSEWHERE}
    assert {one.attempts for one in after} == {0}
    assert not {one.nonce for one in after} & {one.nonce for one in before}


async def test_a_delivery_tried_in_an_existing_channel_does_not_move(
    store: Store, workspace: Workspace
) -> None:
    await store.deleted_channels.record_channel_deleted(REPORTS, NOW)
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.outbox.start_attempt((await pending(store, ticket))[:1], NOW)

    await set_tickets_channel(store, workspace, ELSEWHERE)

    assert {one.channel_id for one in await pending(store, ticket)} == {TICKETS}


@pytest.mark.parametrize("status", [Status.OPEN, Status.UNFINISHED])
async def test_open_tickets_of_a_deleted_channel_are_reposted_in_the_current_channel(
    store: Store, workspace: Workspace, status: Status
) -> None:
    ticket = await posted(store, workspace, status=status)
    closed_ticket = await posted(store, workspace, 60)
    await close(store, closed_ticket)
    for delivery in await pending(store, closed_ticket):
        await store.outbox.mark_delivered([delivery], Receipt(), NOW)
    await set_tickets_channel(store, workspace, ELSEWHERE)

    (loss,) = await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    assert (loss.posts, loss.reposted, loss.stranded) == (2, 1, 0)
    found = await pending(store, ticket)
    assert [(one.kind, one.channel_id) for one in found] == [
        (DeliveryKind.POST, ELSEWHERE),
        (DeliveryKind.THREAD, ELSEWHERE),
    ]
    assert await pending(store, closed_ticket) == []
    assert (await store.tickets.get(closed_ticket.id)).post.channel_id is None


async def test_a_reply_pending_for_a_deleted_channel_follows_the_new_post(
    store: Store, workspace: Workspace
) -> None:
    ticket = await posted(store, workspace)
    await reply(store, ticket)
    await set_tickets_channel(store, workspace, ELSEWHERE)

    await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    assert [one.kind for one in await pending(store, ticket)] == [
        DeliveryKind.POST,
        DeliveryKind.THREAD,
        DeliveryKind.POST_MESSAGE,
    ]


async def test_a_deleted_channel_is_new_once(store: Store, workspace: Workspace) -> None:
    (first,) = await store.deleted_channels.record_channel_deleted(TICKETS, NOW)
    (second,) = await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    assert (first.is_new, second.is_new) == (True, False)
    assert await store.deleted_channels.record_channel_deleted(404, NOW) == []


async def posted_in_old_channel(store: Store, workspace: Workspace, count: int) -> list[Ticket]:
    """Posted open tickets whose channel is no longer the workspace's."""
    tickets = [await posted(store, workspace, 50 + 2 * number) for number in range(count)]
    await set_tickets_channel(store, workspace, ELSEWHERE)
    return tickets


async def posted_once_in_new_channel(store: Store, tickets: list[Ticket]) -> bool:
    opening = [(DeliveryKind.POST, ELSEWHERE), (DeliveryKind.THREAD, ELSEWHERE)]
    found = [await pending(store, ticket) for ticket in tickets]
    return all([(one.kind, one.channel_id) for one in each] == opening for each in found)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ticket of a deleted channel is cleared in a transaction of its own."""
    monkeypatch.setattr("storage.deleted_channels._BATCH_SIZE", 1)


@pytest.mark.usefixtures("one_by_one")
async def test_more_tickets_than_fit_in_one_transaction_are_all_reposted_oldest_first(
    store: Store, workspace: Workspace
) -> None:
    tickets = await posted_in_old_channel(store, workspace, 3)

    (loss,) = await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    assert (loss.is_new, loss.posts, loss.reposted) == (True, 3, 3)
    assert await posted_once_in_new_channel(store, tickets)
    first = [(await pending(store, ticket))[0].id for ticket in tickets]
    assert first == sorted(first)
    assert await store.deleted_channels.channels_in_use() == [ELSEWHERE]


@pytest.mark.usefixtures("one_by_one")
async def test_other_writes_run_while_a_deleted_channel_is_cleared(
    store: Store, workspace: Workspace
) -> None:
    await posted_in_old_channel(store, workspace, 10)
    clearing = asyncio.create_task(store.deleted_channels.record_channel_deleted(TICKETS, NOW))
    await asyncio.sleep(0)  # it has started

    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    assert TICKETS in await store.deleted_channels.channels_in_use()  # it is not done yet
    await clearing


@pytest.mark.usefixtures("one_by_one")
async def test_a_cancelled_cleanup_is_finished_by_the_next_one(store: Store, workspace: Workspace) -> None:
    tickets = await posted_in_old_channel(store, workspace, 3)
    outbox_changed = store.subscribe(Topic.OUTBOX)
    clearing = asyncio.create_task(store.deleted_channels.record_channel_deleted(TICKETS, NOW))
    await outbox_changed.wait()
    clearing.cancel()
    await asyncio.wait([clearing])
    assert TICKETS in await store.deleted_channels.channels_in_use()

    (loss,) = await store.deleted_channels.record_channel_deleted(TICKETS, NOW)

    assert loss.is_new
    assert loss.posts < 3
    assert await posted_once_in_new_channel(store, tickets)


@pytest.mark.usefixtures("one_by_one")
async def test_of_two_concurrent_cleanups_one_reports_all_losses(store: Store, workspace: Workspace) -> None:
    tickets = await posted_in_old_channel(store, workspace, 3)

    found = await asyncio.gather(
        *(store.deleted_channels.record_channel_deleted(TICKETS, NOW) for _ in range(2))
    )

    assert [[(loss.is_new, loss.posts) for loss in losses] for losses in found] == [[(True, 3)], []]
    assert await posted_once_in_new_channel(store, tickets)


async def test_a_channel_is_in_use_while_it_has_a_post_or_a_pending_delivery(
    store: Store, workspace: Workspace
) -> None:
    assert await store.deleted_channels.channels_in_use() == []
    await posted(store, workspace)
    await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)

    assert await store.deleted_channels.channels_in_use() == [TICKETS, REPORTS]


async def test_a_reply_typed_in_the_tickets_own_thread_is_not_shown_there_again(
    store: Store, workspace: Workspace
) -> None:
    ticket = await posted(store, workspace)
    await store.tickets.add_message(ticket.id, replying(), origin="message:1", now=NOW, typed_as=typed_in(51))
    assert await pending(store, ticket) == []

    await store.tickets.add_message(
        ticket.id, replying(), origin="message:2", now=NOW, typed_as=typed_in(TICKETS)
    )

    assert [one.kind for one in await pending(store, ticket)] == [DeliveryKind.POST_MESSAGE]
