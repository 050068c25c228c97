"""Replies and notes: composed by the ticket, stored once, and queued for delivery."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.tickets.errors import EmptyMessage, TicketClosed, UnknownTicket, ViewOnly
from bot.tickets.events import EventType
from bot.tickets.message import MessageKind, NewMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from storage import StorageError, Store
from tests.storage.samples import NOW, WRITER, counted, ids, new_ticket, noting, raw, replying


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


@pytest.fixture
async def report(store: Store, workspace: Workspace) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)


async def test_a_reply_is_stored_shown_and_an_event_for_the_game(store: Store, ticket: Ticket) -> None:
    reply = await store.tickets.add_message(ticket.id, replying("Hello"), origin="a", now=NOW)

    assert reply == await store.messages.find(reply.id)
    assert (reply.kind, reply.author, reply.text) == (MessageKind.REPLY, WRITER, "Hello")
    *_, show = await store.outbox.pending_for_ticket(ticket.id)
    (event,) = await store.events.list_of_ticket(ticket.id)
    assert (show.kind, show.message_id) == (DeliveryKind.POST_MESSAGE, reply.id)
    assert (event.type, event.message) == (EventType.REPLY, reply)


async def test_a_note_is_no_event_for_the_game(store: Store, ticket: Ticket, report: Ticket) -> None:
    for each in (ticket, report):
        await store.tickets.add_message(each.id, noting(), origin=f"note {each.id}", now=NOW)

        assert await store.events.list_of_ticket(each.id) == ()


async def test_a_reply_never_overtakes_its_ticket(store: Store, ticket: Ticket) -> None:
    await store.tickets.add_message(ticket.id, replying(), origin="a", now=NOW)

    kinds = [row.kind for row in await store.outbox.pending_for_ticket(ticket.id)]
    assert kinds == [DeliveryKind.POST, DeliveryKind.THREAD, DeliveryKind.POST_MESSAGE]


async def test_the_same_origin_twice_stores_one_message(store: Store, ticket: Ticket, path: Path) -> None:
    first = await store.tickets.add_message(ticket.id, replying("Hello"), origin="interaction:1", now=NOW)
    again = await store.tickets.add_message(ticket.id, replying("Hello"), origin="interaction:1", now=NOW)

    assert again == first
    assert counted(path, "messages") == 1
    assert len(await store.events.list_of_ticket(ticket.id)) == 1


async def test_a_repeated_origin_after_closing_returns_the_stored_reply(store: Store, ticket: Ticket) -> None:
    first = await store.tickets.add_message(ticket.id, replying(), origin="interaction:1", now=NOW)
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=WRITER)

    assert await store.tickets.add_message(ticket.id, replying(), origin="interaction:1", now=NOW) == first


async def test_a_message_that_the_ticket_refuses_is_not_stored(
    store: Store, ticket: Ticket, report: Ticket, path: Path
) -> None:
    with pytest.raises(ViewOnly):
        await store.tickets.add_message(report.id, replying(), origin="a", now=NOW)
    with pytest.raises(EmptyMessage):
        await store.tickets.add_message(ticket.id, replying(" "), origin="b", now=NOW)
    with pytest.raises(UnknownTicket):
        await store.tickets.add_message(404, replying(), origin="c", now=NOW)
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=WRITER)
    with pytest.raises(TicketClosed):
        await store.tickets.add_message(ticket.id, replying(), origin="d", now=NOW)

    (closing,) = await store.messages.list_of_ticket(ticket.id)
    assert closing.kind is MessageKind.EVENT
    assert counted(path, "messages") == 1


async def test_a_reply_composed_for_another_ticket_is_refused_for_a_game_report_by_the_database(
    store: Store, ticket: Ticket, report: Ticket, path: Path
) -> None:
    def reply_to_report(found: Ticket) -> NewMessage:
        return replace(found.reply(WRITER, "Hello"), ticket_id=report.id)

    with pytest.raises(ViewOnly):
        await store.tickets.add_message(ticket.id, reply_to_report, origin="a", now=NOW)

    assert counted(path, "messages") == 0


async def test_a_reply_whose_delivery_cannot_be_stored_is_not_stored(
    store: Store, ticket: Ticket, path: Path
) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON outbox WHEN NEW.kind = 'post_message' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )

    with pytest.raises(StorageError, match="the disk is full"):
        await store.tickets.add_message(ticket.id, replying(), origin="a", now=NOW)

    assert counted(path, "messages") == 0
    assert len(await store.outbox.pending_for_ticket(ticket.id)) == 2


async def test_a_note_on_a_private_ticket_is_stored_and_shown_nowhere(
    store: Store, workspace: Workspace
) -> None:
    private = await store.intake.add_ticket(workspace.id, new_ticket(is_private=True), ids(), NOW)

    note = await store.tickets.add_message(private.id, noting(), origin="a", now=NOW)

    assert await store.messages.list_of_ticket(private.id) == [note]
    kinds = [row.kind for row in await store.outbox.pending_for_ticket(private.id)]
    assert kinds == [DeliveryKind.PRIVATE_THREAD, DeliveryKind.POST]


async def test_the_newest_messages_of_the_given_kinds_come_oldest_first(
    store: Store, ticket: Ticket, report: Ticket
) -> None:
    messages: list[Callable[[Ticket], NewMessage]] = [
        replying("1"),
        noting("2"),
        replying("3"),
        replying("4"),
    ]
    stored = [
        await store.tickets.add_message(ticket.id, compose, origin=str(number), now=NOW)
        for number, compose in enumerate(messages)
    ]
    await store.tickets.add_message(report.id, noting("elsewhere"), origin="other", now=NOW)

    assert await store.messages.list_of_ticket(ticket.id) == stored
    assert await store.messages.list_of_ticket(ticket.id, limit=2) == stored[2:]
    assert await store.messages.list_of_ticket(ticket.id, [MessageKind.NOTE]) == [stored[1]]
    assert await store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY], limit=2) == stored[2:]


async def test_an_unknown_message_is_none(store: Store) -> None:
    assert await store.messages.find(404) is None
