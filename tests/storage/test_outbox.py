"""The outbox: first in, first out per ticket and queue; one due delivery per queue; receipts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.ticket import DiscordPost, Ticket
from bot.tickets.workspace import Workspace
from storage import Store, Topic
from tests.storage.samples import HUB, NOW, ids, new_ticket, noting, raw, replying

SOON = NOW + timedelta(seconds=30)
TICKETS, REPORTS = f"posts:{HUB.tickets_channel_id}", f"posts:{HUB.reports_channel_id}"


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def due(store: Store, busy: tuple[str, ...] = ()) -> list[Delivery]:
    return [delivery for (delivery,) in await store.outbox.due(busy, NOW)]


async def test_only_the_first_delivery_of_a_ticket_is_due_until_it_is_delivered(
    store: Store, ticket: Ticket
) -> None:
    (post,) = await due(store)
    assert post.kind is DeliveryKind.POST

    await store.outbox.mark_delivered([post], Receipt(channel_id=2, message_id=50), NOW)

    (thread,) = await due(store)
    assert thread.kind is DeliveryKind.THREAD


async def test_each_channel_has_its_oldest_delivery_due(store: Store, workspace: Workspace) -> None:
    first = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)

    assert [row.ticket_id for row in await due(store)] == [first.id, report.id]


async def test_a_queue_in_flight_has_nothing_due(store: Store, workspace: Workspace, ticket: Ticket) -> None:
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)

    assert [row.ticket_id for row in await due(store, (TICKETS,))] == [report.id]
    assert await due(store, (TICKETS, REPORTS)) == []
    assert await store.outbox.next_due((TICKETS, REPORTS), NOW) is None


async def test_a_postponed_delivery_holds_back_its_ticket_and_no_other(
    store: Store, workspace: Workspace, ticket: Ticket
) -> None:
    other = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    (post,) = await due(store)

    await store.outbox.start_attempt([post], NOW)
    await store.outbox.retry_later([post], SOON, "Discord is away")

    assert [row.ticket_id for row in await due(store)] == [other.id]
    ((head,),) = await store.outbox.due((), SOON)
    assert head.ticket_id == ticket.id


async def test_the_next_due_time_is_that_of_the_earliest_first_delivery(store: Store, ticket: Ticket) -> None:
    (post,) = await due(store)
    assert await store.outbox.next_due((), NOW) is None  # it is due now

    await store.outbox.start_attempt([post], NOW)
    await store.outbox.retry_later([post], SOON, "Discord is away")

    assert await store.outbox.next_due((), NOW) == SOON


async def test_a_started_attempt_is_stored_whatever_its_outcome(
    store: Store, ticket: Ticket, path: Path
) -> None:
    (post,) = await due(store)
    assert post.attempts == 0

    await store.outbox.start_attempt([post], NOW)
    await store.outbox.start_attempt([post], NOW)

    assert await due(store) == [replace(post, attempts=2, first_attempt_at=NOW, last_attempt_at=NOW)]


async def test_a_receipt_sets_where_the_ticket_is_posted(store: Store, ticket: Ticket) -> None:
    post, thread = await store.outbox.pending_for_ticket(ticket.id)

    await store.outbox.mark_delivered([post], Receipt(channel_id=2, message_id=50), NOW)
    assert (await store.tickets.get(ticket.id)).post == DiscordPost(channel_id=2, message_id=50)
    await store.outbox.mark_delivered([thread], Receipt(channel_id=2, thread_id=50), NOW)

    assert (await store.tickets.get(ticket.id)).post == DiscordPost(channel_id=2, message_id=50, thread_id=50)
    assert await store.outbox.pending_for_ticket(ticket.id) == []


async def test_a_delivered_note_does_not_change_where_the_ticket_is_posted(
    store: Store, ticket: Ticket
) -> None:
    await store.tickets.add_message(ticket.id, noting(), origin="a", now=NOW)
    post, _, show = await store.outbox.pending_for_ticket(ticket.id)
    await store.outbox.mark_delivered([post], Receipt(channel_id=2, message_id=50), NOW)

    await store.outbox.mark_delivered([show], Receipt(channel_id=77, message_id=51), NOW)

    assert (await store.tickets.get(ticket.id)).post == DiscordPost(channel_id=2, message_id=50)


async def test_later_deliveries_queue_for_the_channel_of_the_post(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(
        workspace.id, new_ticket(is_private=True), ids(), NOW, channel_id=99
    )
    for row in await store.outbox.pending_for_ticket(ticket.id):
        await store.outbox.mark_delivered([row], Receipt(channel_id=99, thread_id=60), NOW)

    await store.tickets.add_message(ticket.id, replying(), origin="a", now=NOW)

    (show,) = await store.outbox.pending_for_ticket(ticket.id)
    assert show.channel_id == 99


async def test_an_undeliverable_delivery_becomes_a_dead_letter_with_its_reason(
    store: Store, ticket: Ticket, path: Path
) -> None:
    (post,) = await due(store)

    await store.outbox.dead_letter([post], "Discord refused it", NOW)

    (thread,) = await due(store)
    assert thread.kind is DeliveryKind.THREAD
    with raw(path) as db:
        row = db.execute("SELECT state, last_error FROM outbox WHERE id = ?", (post.id,)).fetchone()
    assert row == ("dead_letter", "Discord refused it")


async def test_due_deliveries_are_limited_to_the_requested_number(store: Store, workspace: Workspace) -> None:
    for channel in range(5):
        await store.intake.add_ticket(
            workspace.id, new_ticket(is_private=True), ids(), NOW, channel_id=100 + channel
        )

    assert len(await store.outbox.due((), NOW, limit=3)) == 3


async def test_every_subscriber_is_notified_of_new_deliveries(store: Store, workspace: Workspace) -> None:
    watchers = [store.subscribe(Topic.OUTBOX), store.subscribe(Topic.OUTBOX)]
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    assert all(watcher.is_set() for watcher in watchers)

    for watcher in watchers:
        watcher.clear()
    await store.tickets.add_message(ticket.id, noting(), origin="a", now=NOW)

    assert all(watcher.is_set() for watcher in watchers)
