"""How far people were heard is remembered, and in which places it matters."""

from bot.tickets import Lane, Receipt, Workspace
from storage import Store
from tests.storage.samples import NOW, ids, new_ticket


async def test_a_mark_only_goes_forward(store: Store) -> None:
    await store.keep_heard({5: 100, 6: 200})
    await store.keep_heard({5: 90, 6: 201})

    assert await store.heard([5, 6, 7]) == {5: 100, 6: 201}
    assert await store.last_heard() == 201


async def test_before_anybody_was_heard_there_is_no_mark(store: Store) -> None:
    assert await store.heard([5]) == {}
    assert await store.last_heard() == 0


async def test_places_of_tickets_are_channels_with_posts_and_threads_on_them(
    store: Store, workspace: Workspace
) -> None:
    ticket = await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    post, thread = await store.waiting_for(ticket.id, Lane.DISCORD)
    await store.settle([post], Receipt(channel_id=2, message_id=50), NOW)
    await store.settle([thread], Receipt(channel_id=2, thread_id=51), NOW)

    assert await store.places_of_tickets([2, 3, 50, 51, 52]) == {2, 50, 51}


async def test_a_thread_on_a_digest_is_a_place_of_tickets(store: Store, workspace: Workspace) -> None:
    tickets = [await store.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW) for _ in range(2)]
    posts = [(await store.waiting_for(ticket.id, Lane.DISCORD))[0] for ticket in tickets]
    await store.settle(await store.begin(posts, NOW), Receipt(channel_id=3, message_id=60), NOW)

    assert await store.places_of_tickets([60, 61]) == {60}
