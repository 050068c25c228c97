"""Dead letters: counted, and reported once for each workspace; and alert messages, one per channel."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.tickets.alerts import AlertMessage, AlertSubject
from bot.tickets.outbox import Delivery, DeliveryKind
from bot.tickets.workspace import Workspace
from storage import Store, UnknownDelivery
from tests.storage.samples import HUB, NOW, ids, new_ticket

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
async def other(store: Store) -> Workspace:
    return await store.workspaces.add(replace(HUB, name="other", guild_id=9), NOW)


async def dead_letter(store: Store, workspace: Workspace) -> Delivery:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    (post,) = await store.outbox.pending_for_ticket(ticket.id)
    await store.outbox.dead_letter([post], "Discord refused it", NOW)
    return post


async def test_dead_letters_are_counted_for_the_given_workspaces(
    store: Store, workspace: Workspace, other: Workspace
) -> None:
    mine = [await dead_letter(store, workspace) for _ in range(3)]
    theirs = await dead_letter(store, other)

    found = await store.outbox_admin.dead_letters([workspace.id], 2)

    assert [one.id for one in found.sample] == [mine[0].id, mine[1].id]
    assert (found.count, found.newest_at) == (3, NOW)
    assert [one.kind for one in found.sample] == [DeliveryKind.POST] * 2
    assert [one.id for one in (await store.outbox_admin.dead_letters([other.id], 9)).sample] == [theirs.id]
    assert (await store.outbox_admin.dead_letters([workspace.id, other.id], 1)).count == 4
    assert (await store.outbox_admin.dead_letters([], 9)).count == 0


async def test_a_reported_dead_letter_is_unreported_only_after_it_failed_again(
    store: Store, workspace: Workspace, other: Workspace
) -> None:
    first = await dead_letter(store, workspace)
    await dead_letter(store, other)
    await store.outbox_admin.mark_reported(workspace.id, NOW)
    assert (await store.outbox_admin.unreported_dead_letters(workspace.id, 9)).count == 0
    assert (await store.outbox_admin.unreported_dead_letters(other.id, 9)).count == 1

    await store.outbox_admin.retry(first.id, LATER)
    await store.outbox.dead_letter([first], "Discord refused it again", LATER)

    again = await store.outbox_admin.unreported_dead_letters(workspace.id, 9)
    assert [one.id for one in again.sample] == [first.id]
    assert again.newest_at == LATER


async def test_a_dead_letter_made_while_others_are_reported_stays_unreported(
    store: Store, workspace: Workspace
) -> None:
    await dead_letter(store, workspace)
    reported = await store.outbox_admin.unreported_dead_letters(workspace.id, 9)
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    (post,) = await store.outbox.pending_for_ticket(ticket.id)
    await store.outbox.dead_letter([post], "Discord refused it", LATER)

    assert reported.newest_at is not None
    await store.outbox_admin.mark_reported(workspace.id, reported.newest_at)

    assert [one.id for one in (await store.outbox_admin.unreported_dead_letters(workspace.id, 9)).sample] == [
        post.id
    ]


async def test_a_delivery_of_another_workspace_is_unknown_and_unchanged(
    store: Store, workspace: Workspace, other: Workspace
) -> None:
    post = await dead_letter(store, workspace)

    for act in (store.outbox_admin.retry, store.outbox_admin.drop):
        with pytest.raises(UnknownDelivery):
            await act(post.id, LATER, workspace_ids=[other.id])
    assert (await store.outbox_admin.dead_letters([workspace.id], 9)).count == 1

    await store.outbox_admin.retry(post.id, LATER, workspace_ids=[other.id, workspace.id])
    assert (await store.outbox_admin.dead_letters([workspace.id], 9)).count == 0


async def test_an_alert_message_is_stored_replaced_and_deleted_per_problem(
    store: Store, workspace: Workspace
) -> None:
    first = AlertMessage(
        workspace_id=workspace.id,
        subject=AlertSubject.CHANNEL,
        subject_id=2,
        log_channel_id=7,
        message_id=70,
        began_at=NOW,
    )
    second = replace(first, subject=AlertSubject.WEBHOOK, message_id=71, began_at=LATER)
    for notice in (first, second, replace(first, message_id=72)):
        await store.alerts.save(notice)
    assert await store.alerts.list_all() == [replace(first, message_id=72), second]

    await store.alerts.delete(workspace.id, AlertSubject.CHANNEL, 2)

    assert await store.alerts.list_all() == [second]
