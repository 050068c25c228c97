"""Read marks: the last processed message per channel, and which channels have tickets."""

from bot.tickets.outbox import Receipt
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import NOW, ids, new_ticket


async def test_a_read_mark_only_moves_forward(store: Store) -> None:
    await store.read_marks.save({5: 100, 6: 200})
    await store.read_marks.save({5: 90, 6: 201})

    assert await store.read_marks.get([5, 6, 7]) == {5: 100, 6: 201}
    assert await store.read_marks.latest() == 201


async def test_there_is_no_read_mark_before_the_first_message(store: Store) -> None:
    assert await store.read_marks.get([5]) == {}
    assert await store.read_marks.latest() == 0


async def test_ticket_channels_are_those_with_posts_and_the_threads_on_them(
    store: Store, workspace: Workspace
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    post, thread = await store.outbox.pending_for_ticket(ticket.id)
    await store.outbox.mark_delivered([post], Receipt(channel_id=2, message_id=50), NOW)
    await store.outbox.mark_delivered([thread], Receipt(channel_id=2, thread_id=51), NOW)

    assert await store.read_marks.ticket_channels([2, 3, 50, 51, 52]) == {2, 50, 51}


async def test_a_thread_on_a_digest_is_a_ticket_channel(store: Store, workspace: Workspace) -> None:
    tickets = [
        await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW) for _ in range(2)
    ]
    posts = [(await store.outbox.pending_for_ticket(ticket.id))[0] for ticket in tickets]
    await store.outbox.mark_delivered(
        await store.outbox.start_attempt(posts, NOW), Receipt(channel_id=3, message_id=60), NOW
    )

    assert await store.read_marks.ticket_channels([60, 61]) == {60}
