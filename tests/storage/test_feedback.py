"""Feedback: one for each ticket, shown to staff by one message, and counted for each workspace."""

from dataclasses import replace

from bot.tickets.feedback import Feedback, FeedbackSummary
from bot.tickets.message import Actor, MessageKind
from bot.tickets.outbox import DeliveryKind, Receipt
from bot.tickets.queries import ReporterIdentity, Scope
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket

REY = Actor(id="7", name="rey", source="somewhere")


async def ended(store: Store, workspace: Workspace, **changes: object) -> Ticket:
    new = new_ticket(**changes)  # type: ignore[arg-type]
    ticket = await store.intake.add_ticket(workspace.id, new, ids(), NOW)
    return await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)


async def rate(store: Store, ticket: Ticket, rating: int, comment: str = "") -> Feedback:
    return await store.feedback.save(ticket.id, lambda one: one.rate(REY, rating, comment), NOW)


async def shown_texts(store: Store, ticket: Ticket) -> list[str]:
    found = await store.messages.list_of_ticket(ticket.id, [MessageKind.FEEDBACK])
    return [one.text for one in found]


async def deliver_all(store: Store, ticket: Ticket) -> list[DeliveryKind]:
    """The kinds of all that waited for Discord."""
    pending = await store.outbox.pending_for_ticket(ticket.id)
    for delivery in pending:
        await store.outbox.mark_delivered(
            [delivery], Receipt(channel_id=3, message_id=100 + delivery.id), NOW
        )
    return [one.kind for one in pending]


async def test_feedback_is_stored_and_shown_to_staff(store: Store, workspace: Workspace) -> None:
    ticket = await ended(store, workspace)
    await deliver_all(store, ticket)

    saved = await rate(store, ticket, 4, "Quick.")

    assert await store.feedback.find(ticket.id) == saved
    assert (saved.rating, saved.comment, saved.given_at) == (4, "Quick.", NOW)
    assert await shown_texts(store, ticket) == ["★★★★☆\nQuick."]
    assert await deliver_all(store, ticket) == [DeliveryKind.POST_MESSAGE]
    assert (await store.tickets.get(ticket.id)).updated_at == ticket.updated_at


async def test_changed_feedback_changes_the_message_that_shows_it(store: Store, workspace: Workspace) -> None:
    ticket = await ended(store, workspace)
    await rate(store, ticket, 4, "Quick.")
    await deliver_all(store, ticket)

    await rate(store, ticket, 2, "It came back.")
    await rate(store, ticket, 1, "Twice.")

    saved = await store.feedback.find(ticket.id)
    assert saved is not None
    assert saved.rating == 1
    assert await shown_texts(store, ticket) == ["★☆☆☆☆\nTwice."]
    assert await deliver_all(store, ticket) == [DeliveryKind.UPDATE_MESSAGE]  # one edit shows both


async def test_feedback_that_is_not_shown_yet_is_not_edited(store: Store, workspace: Workspace) -> None:
    ticket = await ended(store, workspace)
    await deliver_all(store, ticket)

    await rate(store, ticket, 4)
    await rate(store, ticket, 2)

    assert await deliver_all(store, ticket) == [DeliveryKind.POST_MESSAGE]


async def test_the_same_feedback_again_changes_nothing(store: Store, workspace: Workspace) -> None:
    ticket = await ended(store, workspace)
    saved = await rate(store, ticket, 4, "Quick.")
    await deliver_all(store, ticket)

    assert await rate(store, ticket, 4, "Quick.") == saved
    assert await deliver_all(store, ticket) == []


async def test_feedback_never_leaves_discord(store: Store, workspace: Workspace) -> None:
    ticket = await ended(store, workspace)
    await rate(store, ticket, 1, "Slow.")

    scope = Scope(workspace_id=workspace.id, source=ticket.source)
    details = await store.tickets.get_details(scope, ticket.public_id)

    assert "Slow." not in str(details.messages)
    assert (details.replies, details.follow_ups) == (0, 0)


async def test_it_is_counted_for_each_workspace(store: Store, workspace: Workspace) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    await store.workspaces.add(replace(HUB, name="without"), NOW)
    for rating in (5, 2):
        await rate(store, await ended(store, workspace), rating)
    await rate(store, await ended(store, other), 1)

    assert await store.feedback.summaries() == [
        FeedbackSummary(workspace="hub", count=2, average=3.5),
        FeedbackSummary(workspace="other", count=1, average=1.0),
    ]


async def test_own_ended_tickets_without_feedback_are_offered_first(
    store: Store, workspace: Workspace
) -> None:
    older, rated = await ended(store, workspace), await ended(store, workspace)
    await rate(store, rated, 5)
    await ended(store, workspace, view_only=True)
    await ended(store, workspace, reporter_id="8")
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)  # still open

    identity = ReporterIdentity(workspace_id=workspace.id, source="somewhere", player_id="7")
    offered = await store.own_tickets.autocomplete_ended([identity], "")

    assert [one.id for one in offered] == [older.id, rated.id]
    assert await store.own_tickets.autocomplete_ended([identity], rated.public_id.lower())
    assert not await store.own_tickets.autocomplete_ended([identity], "nothing like that")
