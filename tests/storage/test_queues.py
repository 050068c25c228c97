"""Queues of the outbox: what waits for what, and which redraws are one."""

from datetime import timedelta
from typing import Any

import pytest

from bot.tickets.outbox import MAX_WAIT, Delivery, DeliveryKind, DeliveryState, Receipt
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Department, Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, noting
from tests.support.outbox_harness import TICKETS, OutboxHarness

POST, THREAD, UPDATE = DeliveryKind.POST, DeliveryKind.THREAD, DeliveryKind.UPDATE_POST
MESSAGE = DeliveryKind.POST_MESSAGE
SOON = NOW + timedelta(seconds=30)
POSTS, THREADS, EDITS = f"posts:{TICKETS}", f"threads:{TICKETS}", f"edits:{TICKETS}"


@pytest.fixture
def outbox(store: Store, workspace: Workspace) -> OutboxHarness:
    return OutboxHarness(store, workspace)


async def posted(outbox: OutboxHarness, **parts: Any) -> Ticket:
    """A ticket with its post in Discord, whose thread is pending."""
    ticket = await outbox.add(**parts)
    await outbox.deliver_due()
    return await outbox.store.tickets.get(ticket.id)


async def set_status(outbox: OutboxHarness, ticket: Ticket, status: Status) -> None:
    await outbox.store.tickets.change(ticket.id, lambda one: one.set_status(status), NOW, actor=WRITER)


async def add_note(outbox: OutboxHarness, ticket: Ticket, text: str = "A note.") -> None:
    await outbox.store.tickets.add_message(ticket.id, noting(text), origin=f"{ticket.id} {text}", now=NOW)


async def due(outbox: OutboxHarness, *busy: str, limit: int = 50) -> list[tuple[DeliveryKind, int]]:
    """The kinds and tickets of what is due in each queue."""
    found = await outbox.store.outbox.due(busy, NOW, limit)
    return [(some[0].kind, some[0].ticket_id) for some in found]


async def postpone(outbox: OutboxHarness, kind: DeliveryKind) -> None:
    """The first due delivery of a kind is attempted, and waits."""
    found = await outbox.store.outbox.due((), NOW)
    started = await outbox.store.outbox.start_attempt(next(one for one in found if one[0].kind is kind), NOW)
    await outbox.store.outbox.retry_later(started, SOON, "not now")


async def pending(outbox: OutboxHarness, ticket: Ticket) -> list[DeliveryKind]:
    """What waits of a ticket, without the lines about what was done to it."""
    rows = await outbox.store.outbox.pending_for_ticket(ticket.id)
    return [row.kind for row in rows if row.kind is not DeliveryKind.POST_EVENT]


async def test_everything_of_a_ticket_waits_for_its_post(outbox: OutboxHarness) -> None:
    ticket = await outbox.add()
    await set_status(outbox, ticket, Status.RESOLVED)
    await add_note(outbox, ticket)

    assert await due(outbox) == [(POST, ticket.id)]
    assert await due(outbox, POSTS) == []
    await postpone(outbox, POST)
    assert await due(outbox) == []


async def test_a_posted_ticket_has_its_thread_and_its_redraw_due_and_its_messages_wait_for_the_thread(
    outbox: OutboxHarness,
) -> None:
    ticket = await posted(outbox)
    await add_note(outbox, ticket)
    await set_status(outbox, ticket, Status.RESOLVED)

    assert await due(outbox) == [(THREAD, ticket.id), (UPDATE, ticket.id)]
    await postpone(outbox, THREAD)
    assert await due(outbox) == [(UPDATE, ticket.id)]


async def test_a_redraw_that_waits_holds_up_no_message_and_no_thread_and_no_redraw_of_another_post(
    outbox: OutboxHarness,
) -> None:
    first, second = await posted(outbox), await posted(outbox)
    for ticket in (first, second):
        await set_status(outbox, ticket, Status.RESOLVED)
    await postpone(outbox, UPDATE)
    await add_note(outbox, first)

    assert await due(outbox) == [(THREAD, first.id), (UPDATE, second.id)]


async def test_a_thread_that_waits_holds_up_no_other_thread_and_no_post(outbox: OutboxHarness) -> None:
    first, second = await posted(outbox), await posted(outbox)
    third = await outbox.add()
    await postpone(outbox, THREAD)

    assert await due(outbox) == [(POST, third.id), (THREAD, second.id)]
    assert await pending(outbox, first) == [THREAD]


async def test_each_ticket_has_a_queue_of_messages_in_which_they_keep_their_order(
    outbox: OutboxHarness, store: Store
) -> None:
    tickets = [await posted(outbox, view_only=False) for _ in range(2)]
    for ticket in tickets:
        thread, *_ = await store.outbox.pending_for_ticket(ticket.id)
        await store.outbox.mark_delivered([thread], Receipt(channel_id=TICKETS, thread_id=ticket.id), NOW)
        for text in ("first", "second"):
            await add_note(outbox, ticket, text)

    assert await due(outbox) == [(MESSAGE, ticket.id) for ticket in tickets]
    await postpone(outbox, MESSAGE)
    assert await due(outbox) == [(MESSAGE, tickets[1].id)]


async def test_the_post_of_a_private_ticket_waits_for_its_thread(outbox: OutboxHarness) -> None:
    ticket = await outbox.add(is_private=True, channel_id=TICKETS)
    await add_note(outbox, ticket)

    assert await due(outbox) == [(DeliveryKind.PRIVATE_THREAD, ticket.id)]


async def test_a_pointer_waits_for_the_post_although_it_is_in_another_channel(
    outbox: OutboxHarness, store: Store
) -> None:
    builders = Department(id="builders", name="Builders", channel_id=77)
    workspace = await store.workspaces.change(
        outbox.workspace.id, lambda stored: stored.with_department(builders)
    )
    ticket = await outbox.add()
    await store.tickets.change(ticket.id, lambda one: workspace.transfer(one, "builders"), NOW, actor=WRITER)
    assert await due(outbox) == [(POST, ticket.id)]

    await outbox.deliver_due()

    assert await due(outbox) == [
        (DeliveryKind.POST_POINTER, ticket.id),
        (THREAD, ticket.id),
        (UPDATE, ticket.id),
    ]


async def test_posts_are_first_then_threads_messages_and_edits_and_the_longest_waiting_of_each(
    outbox: OutboxHarness, store: Store
) -> None:
    talked = await posted(outbox)
    thread, *_ = await store.outbox.pending_for_ticket(talked.id)
    await store.outbox.mark_delivered([thread], Receipt(channel_id=TICKETS, thread_id=5), NOW)
    await add_note(outbox, talked)
    await set_status(outbox, talked, Status.RESOLVED)
    started = await posted(outbox)
    report = await outbox.add(view_only=True)
    waiting = await outbox.add()

    everything = [
        (POST, report.id),
        (POST, waiting.id),
        (THREAD, started.id),
        (MESSAGE, talked.id),
        (UPDATE, talked.id),
    ]
    assert await due(outbox) == everything
    assert await due(outbox, limit=3) == everything[:3]


async def next_redraws(outbox: OutboxHarness) -> list[Delivery]:
    """The redraws that are due together."""
    (found,) = [
        some for some in await outbox.store.outbox.due((THREADS, POSTS), NOW) if some[0].kind is UPDATE
    ]
    return found


async def test_redraws_of_a_post_that_wait_are_one_attempt_and_settled_with_it(
    outbox: OutboxHarness, store: Store
) -> None:
    ticket, other = await posted(outbox), await posted(outbox)
    await set_status(outbox, ticket, Status.RESOLVED)
    first = await next_redraws(outbox)
    await store.outbox.start_attempt(first, NOW)
    await set_status(outbox, ticket, Status.CLOSED)  # while the first is under way
    await set_status(outbox, other, Status.CLOSED)
    await store.outbox.record_error(first, "429")

    both = await store.outbox.start_attempt(await next_redraws(outbox), NOW)

    assert [one.ticket_id for one in both] == [ticket.id, ticket.id]
    assert {one.digest_lead_id for one in both} == {None}
    assert len({one.nonce for one in both}) == 2
    await store.outbox.mark_delivered(both, Receipt(channel_id=TICKETS, message_id=1), NOW)
    assert await pending(outbox, ticket) == [THREAD]
    assert await pending(outbox, other) == [THREAD, UPDATE]


async def test_redraws_of_the_tickets_of_a_digest_are_one_attempt(
    outbox: OutboxHarness, store: Store
) -> None:
    started = await outbox.start_digest()
    await store.outbox.mark_delivered(started, Receipt(channel_id=TICKETS, message_id=900), NOW)
    alone = await outbox.add()
    tickets = [await store.tickets.get(one.ticket_id) for one in started]
    for ticket in (*tickets[:3], alone):
        await set_status(outbox, ticket, Status.RESOLVED)

    redraws = await next_redraws(outbox)

    assert [one.ticket_id for one in redraws] == [ticket.id for ticket in tickets[:3]]
    await store.outbox.retry_later(await store.outbox.start_attempt(redraws, NOW), SOON, "30046")
    assert UPDATE not in [kind for kind, _ in await due(outbox, POSTS, THREADS)]


async def test_a_redraw_behind_a_new_post_is_not_settled_with_one_before_it(
    outbox: OutboxHarness, store: Store
) -> None:
    ticket = await posted(outbox)
    await set_status(outbox, ticket, Status.RESOLVED)
    await store.outbox.start_attempt(await next_redraws(outbox), NOW)
    await store.deleted_channels.record_post_deleted(ticket.post.message_id or 0)
    assert await store.deleted_channels.repost(ticket.id, NOW)
    await set_status(outbox, ticket, Status.CLOSED)

    assert len(await next_redraws(outbox)) == 1
    assert await pending(outbox, ticket) == [THREAD, UPDATE, POST, THREAD, UPDATE]


async def test_refused_redraws_of_a_post_are_one_dead_letter_until_the_post_is_redrawn(
    outbox: OutboxHarness, store: Store
) -> None:
    ticket = await posted(outbox)
    await set_status(outbox, ticket, Status.RESOLVED)
    await store.outbox.start_attempt(await next_redraws(outbox), NOW)
    await set_status(outbox, ticket, Status.OPEN)
    both = await next_redraws(outbox)
    assert len(both) == 2

    await store.outbox.dead_letter(both, "refused", NOW)

    assert await pending(outbox, ticket) == [THREAD]
    summary = await store.outbox_admin.dead_letters([outbox.workspace.id], 9)
    assert [(one.id, one.last_error) for one in summary.sample] == [(both[0].id, "refused")]
    await set_status(outbox, ticket, Status.CLOSED)
    await store.outbox.mark_delivered(await next_redraws(outbox), Receipt(channel_id=TICKETS), NOW)
    assert (await store.outbox_admin.dead_letters([outbox.workspace.id], 9)).count == 0


async def test_a_refused_post_stays_a_dead_letter_when_another_ticket_is_redrawn(
    outbox: OutboxHarness, store: Store
) -> None:
    refused, redrawn = await outbox.add(), await outbox.add()
    post, *_ = await store.outbox.pending_for_ticket(refused.id)
    await store.outbox.dead_letter([post], "refused", NOW)
    await outbox.deliver_due()
    await set_status(outbox, redrawn, Status.CLOSED)

    await store.outbox.mark_delivered(await next_redraws(outbox), Receipt(channel_id=TICKETS), NOW)

    (dead,) = [
        one for one in await store.outbox_admin.list_undelivered(9) if one.state is DeliveryState.DEAD_LETTER
    ]
    assert dead.id == post.id


async def test_a_clock_set_back_holds_up_nothing_longer_than_the_longest_wait(
    outbox: OutboxHarness, store: Store
) -> None:
    ticket = await outbox.add()
    await postpone(outbox, POST)
    fresh = await outbox.add(channel_id=HUB.reports_channel_id)

    async def due_at(hours_back: float, later: timedelta = timedelta()) -> set[int]:
        now = NOW - timedelta(hours=hours_back) + later
        found = await store.outbox.due((), now)
        return {some[0].ticket_id for some in found}

    assert await due_at(0) == {fresh.id}
    assert await due_at(1) == {ticket.id, fresh.id}
    assert await due_at(0, -MAX_WAIT) == {ticket.id, fresh.id}
    assert await store.outbox.next_due((), NOW - timedelta(hours=1)) is None
    assert await store.outbox.next_due((), NOW) == SOON


async def test_a_late_channel_says_why_its_first_delivery_waits(outbox: OutboxHarness, store: Store) -> None:
    await outbox.add()
    await postpone(outbox, POST)
    await outbox.add()

    (backlog,) = await store.outbox.backlogs()

    assert (backlog.waiting, backlog.reason) == (4, "not now")
