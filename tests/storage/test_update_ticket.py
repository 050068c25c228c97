"""Updates by a game server: message and change together or not at all, each logged as an event."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.tickets.errors import AlreadyClaimed, TicketClosed, TicketError, ViewOnly
from bot.tickets.events import EventType
from bot.tickets.idempotency import StoredResponse
from bot.tickets.message import Actor, MessageKind, NewMessage
from bot.tickets.outbox import DeliveryKind, Receipt
from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Department, Workspace
from storage import StorageError, Store
from tests.storage.samples import (
    NOW,
    WRITER,
    counted,
    everything_in,
    ids,
    new_ticket,
    raw,
    replying,
    update_response,
)

Compose = Callable[[Ticket], NewMessage]
Rule = Callable[[Ticket, Workspace], Ticket]
BOB = Actor(id="12", name="Bob", source="somewhere")
CARA = Actor(id="13", name="Cara", source="somewhere")


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    """Posted in the tickets channel."""
    lab = Department(id="lab", name="Lab", channel_id=30)
    attic = Department(id="attic", name="Attic")
    await store.workspaces.change(
        workspace.id, lambda found: found.with_department(lab).with_department(attic)
    )
    return await shown(store, await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW))


async def shown(store: Store, ticket: Ticket) -> Ticket:
    for row in await store.outbox.pending_for_ticket(ticket.id):
        message = ticket.id + 500 if row.kind is DeliveryKind.POST else None
        await store.outbox.mark_delivered([row], Receipt(channel_id=row.channel_id, message_id=message), NOW)
    return await store.tickets.get(ticket.id)


async def work(
    store: Store,
    ticket: Ticket,
    say: Compose | None = None,
    rule: Rule | None = None,
    assignees: Sequence[Actor] | None = None,
) -> StoredResponse:
    return await store.intake.update_ticket(
        Scope(workspace_id=ticket.workspace_id, source=ticket.source),
        ticket.public_id,
        actor=BOB,
        messages=None if say is None else lambda found: [say(found)],
        change=rule,
        assignees=assignees,
        idempotency_key=None,
        now=NOW,
        serialize_response=update_response,
    )


def set_department(status: Status) -> Rule:
    return lambda found, _: found.set_status(status)


def transferring(department: str) -> Rule:
    return lambda found, workspace: workspace.transfer(found, department)


async def waiting(store: Store, ticket: Ticket) -> list[tuple[DeliveryKind, int]]:
    rows = await store.outbox.pending_for_ticket(ticket.id)
    return [(row.kind, row.channel_id) for row in rows]


async def test_a_message_and_a_change_are_stored_shown_and_events_for_the_game(
    store: Store, ticket: Ticket
) -> None:
    response = await work(store, ticket, replying("Done."), set_department(Status.CLOSED))

    assert response == StoredResponse(body=f"{ticket.public_id} in hub: closed".encode())
    reply, event = await store.messages.list_of_ticket(ticket.id)
    assert (reply.kind, reply.text) == (MessageKind.REPLY, "Done.")
    assert (event.kind, event.author, event.text) == (
        MessageKind.EVENT,
        BOB,
        "Bob changed the status to closed",
    )
    assert await waiting(store, ticket) == [(DeliveryKind.POST_MESSAGE, 2), (DeliveryKind.UPDATE_POST, 2)]
    events = await store.events.list_of_ticket(ticket.id)
    assert [(one.message, one.status) for one in events] == [(reply, ticket.status), (None, Status.CLOSED)]


@pytest.mark.parametrize(
    ("say", "rule", "refusal"),
    [
        (replying(), set_department(Status.OPEN), "already open"),
        (replying(), transferring("nowhere"), "no such department"),
        (replying(" "), set_department(Status.CLOSED), "no text"),
        (lambda found: found.follow_up("8", "mine"), set_department(Status.CLOSED), "not your ticket"),
        (lambda found: found.reply_as_claimer(BOB, "hi"), set_department(Status.CLOSED), "claim this ticket"),
    ],
)
async def test_if_either_is_refused_neither_is_stored(
    store: Store, ticket: Ticket, path: Path, say: Compose, rule: Rule, refusal: str
) -> None:
    before = (await store.tickets.get(ticket.id), counted(path, "outbox"))

    with pytest.raises(TicketError, match=refusal):
        await work(store, ticket, say, rule)

    assert (await store.tickets.get(ticket.id), counted(path, "outbox")) == before
    assert await store.messages.list_of_ticket(ticket.id) == []


async def test_a_response_that_cannot_be_serialized_rolls_back_the_update(
    store: Store, ticket: Ticket, path: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        await store.intake.update_ticket(
            Scope(workspace_id=ticket.workspace_id, source=ticket.source),
            ticket.uid,
            actor=BOB,
            messages=lambda found: [replying()(found)],
            change=set_department(Status.CLOSED),
            idempotency_key=None,
            now=NOW,
            serialize_response=lambda case, _: bytes(1 // 0),
        )

    assert await store.tickets.get(ticket.id) == ticket
    assert counted(path, "messages") == 0


async def test_a_failure_at_the_last_insert_stores_nothing(store: Store, ticket: Ticket, path: Path) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON outbox WHEN NEW.kind = 'post_pointer' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )

    with pytest.raises(StorageError, match="the disk is full"):
        await work(store, ticket, replying(), transferring("lab"))

    assert await store.tickets.get(ticket.id) == ticket
    assert counted(path, "messages") == 0


async def test_a_reply_is_composed_on_the_ticket_before_the_change(store: Store, ticket: Ticket) -> None:
    await work(store, ticket, rule=set_department(Status.CLOSED))

    with pytest.raises(TicketClosed):
        await work(store, ticket, replying(), set_department(Status.OPEN))

    assert (await store.tickets.get(ticket.id)).status is Status.CLOSED


@pytest.mark.parametrize("assignees", [None, [WRITER, BOB]])
@pytest.mark.parametrize("rule", [None, lambda found, _: found, lambda found, _: found.link(found.reporter)])
async def test_an_update_that_changes_nothing_writes_nothing(
    store: Store, ticket: Ticket, path: Path, rule: Rule | None, assignees: Sequence[Actor] | None
) -> None:
    await work(store, ticket, assignees=[WRITER, BOB])
    with raw(path) as db:
        before = everything_in(db)
        await work(store, ticket, None, rule, assignees)

        assert everything_in(db) == before


async def test_each_change_is_logged_as_an_event_however_often_it_is_repeated(
    store: Store, ticket: Ticket
) -> None:
    for _ in range(3):
        await work(store, ticket, rule=lambda found, _: found.claim(BOB))
        await work(store, ticket, rule=lambda found, _: found.unclaim())
    with pytest.raises(TicketError):
        await work(store, ticket, rule=lambda found, _: found.unclaim())

    told = [message.text for message in await store.messages.list_of_ticket(ticket.id)]
    assert told == ["Bob claimed the ticket", "Bob unclaimed the ticket"] * 3
    assert await waiting(store, ticket) == [(DeliveryKind.UPDATE_POST, 2)]


async def test_several_messages_are_stored_and_shown_in_their_order(store: Store, ticket: Ticket) -> None:
    await store.intake.update_ticket(
        Scope(workspace_id=ticket.workspace_id, source=ticket.source),
        ticket.public_id,
        actor=BOB,
        messages=lambda found: [found.reply(BOB, "Done."), found.note(BOB, "Banned for a week.")],
        change=set_department(Status.CLOSED),
        idempotency_key=None,
        now=NOW,
        serialize_response=update_response,
    )

    kept = [(one.kind, one.text) for one in await store.messages.list_of_ticket(ticket.id)]
    assert kept[:2] == [(MessageKind.REPLY, "Done."), (MessageKind.NOTE, "Banned for a week.")]
    assert [kind for kind, _ in await waiting(store, ticket)] == [
        DeliveryKind.POST_MESSAGE,
        DeliveryKind.POST_MESSAGE,
        DeliveryKind.UPDATE_POST,
    ]
    events = await store.events.list_of_ticket(ticket.id)
    assert [one.type for one in events] == [EventType.REPLY, EventType.STATUS]


async def test_assignees_replace_those_before_in_their_order_and_history_says_so(
    store: Store, ticket: Ticket
) -> None:
    scope = Scope(workspace_id=ticket.workspace_id, source=ticket.source)
    kept = []

    for assignees in ([WRITER, BOB], [CARA, WRITER], []):
        await work(store, ticket, assignees=assignees)
        kept.append((await store.tickets.get_details(scope, ticket.public_id)).assignees)

    assert kept == [(WRITER, BOB), (CARA, WRITER), ()]
    assert [message.text for message in await store.messages.list_of_ticket(ticket.id)] == [
        "Alice was assigned the ticket",
        "Bob was assigned the ticket",
        "Cara was assigned the ticket",
        "Bob is no longer assigned the ticket",
        "Cara is no longer assigned the ticket",
        "Alice is no longer assigned the ticket",
    ]
    assert await waiting(store, ticket) == []


async def test_assignees_of_each_ticket_are_listed_with_it(store: Store, ticket: Ticket) -> None:
    scope = Scope(workspace_id=ticket.workspace_id, source=ticket.source)
    other = await store.intake.add_ticket(ticket.workspace_id, new_ticket(), ids(), NOW)
    await work(store, ticket, assignees=[WRITER, BOB])
    await work(store, other, assignees=[CARA])

    listed = (await store.tickets.search(scope, TicketQuery(limit=10))).items
    found = await store.tickets.list_details(scope, [ticket.public_id, other.public_id])

    assert [one.assignees for one in listed] == [(CARA,), (WRITER, BOB)]
    assert [one.assignees for one in found] == [(WRITER, BOB), (CARA,)]


@pytest.mark.parametrize(
    "rule",
    [
        lambda found, _: found.unclaim(),
        lambda found, _: found.transfer("attic"),
        lambda found, _: found.assign(CARA),
        lambda found, _: found.set_status(Status.CLOSED),
    ],
)
async def test_who_is_assigned_besides_the_claimer_stays_so_whatever_becomes_of_the_claim(
    store: Store, ticket: Ticket, rule: Rule
) -> None:
    await work(store, ticket, rule=lambda found, _: found.assign(WRITER), assignees=[BOB])

    await work(store, ticket, rule=rule)

    scope = Scope(workspace_id=ticket.workspace_id, source=ticket.source)
    assert (await store.tickets.get_details(scope, ticket.public_id)).assignees == (BOB,)


async def test_a_transfer_posts_a_pointer_in_the_new_channel(store: Store, ticket: Ticket) -> None:
    await work(store, ticket, rule=transferring("lab"))

    assert await waiting(store, ticket) == [(DeliveryKind.UPDATE_POST, 2), (DeliveryKind.POST_POINTER, 30)]


async def test_a_delivered_pointer_does_not_move_the_post(store: Store, ticket: Ticket) -> None:
    await work(store, ticket, rule=transferring("lab"))

    for row in await store.outbox.pending_for_ticket(ticket.id):
        await store.outbox.mark_delivered([row], Receipt(channel_id=row.channel_id, message_id=999), NOW)

    assert (await store.tickets.get(ticket.id)).post == ticket.post


async def test_a_transfer_within_one_channel_or_back_posts_no_pointer(store: Store, ticket: Ticket) -> None:
    await work(store, ticket, rule=transferring("attic"))
    assert await waiting(store, ticket) == [(DeliveryKind.UPDATE_POST, 2)]

    await work(store, ticket, rule=transferring("lab"))
    await work(store, ticket, rule=transferring("general"))

    assert await waiting(store, ticket) == [(DeliveryKind.UPDATE_POST, 2), (DeliveryKind.POST_POINTER, 30)]


async def test_a_second_transfer_to_the_same_channel_posts_another_pointer(
    store: Store, ticket: Ticket
) -> None:
    for department in ("lab", "general", "lab"):
        await work(store, ticket, rule=transferring(department))

    assert [kind for kind, _ in await waiting(store, ticket)] == [
        DeliveryKind.UPDATE_POST,
        DeliveryKind.POST_POINTER,
        DeliveryKind.POST_POINTER,
    ]


async def test_a_private_ticket_never_gets_a_pointer(store: Store, ticket: Ticket) -> None:
    private = await store.intake.add_ticket(
        ticket.workspace_id, new_ticket(is_private=True), ids(), NOW, channel_id=99
    )
    await shown(store, private)

    await work(store, private, rule=transferring("lab"))

    assert await waiting(store, private) == [(DeliveryKind.UPDATE_POST, 99)]


async def test_deliveries_before_the_post_queue_for_its_channel(store: Store, ticket: Ticket) -> None:
    fresh = await store.intake.add_ticket(ticket.workspace_id, new_ticket(), ids(), NOW)

    await work(store, fresh, rule=transferring("lab"))
    await work(store, fresh, replying())
    await work(store, fresh, rule=transferring("general"))

    assert (await waiting(store, fresh))[2:] == [
        (DeliveryKind.UPDATE_POST, 2),
        (DeliveryKind.POST_POINTER, 30),
        (DeliveryKind.POST_EVENT, 2),
        (DeliveryKind.POST_MESSAGE, 2),
        (DeliveryKind.POST_EVENT, 2),
    ]


async def test_deliveries_before_a_private_thread_queue_for_its_channel(
    store: Store, workspace: Workspace
) -> None:
    private = await store.intake.add_ticket(
        workspace.id, new_ticket(is_private=True), ids(), NOW, channel_id=99
    )

    await work(store, private, replying(), lambda found, _: found.assign(BOB))

    assert {channel for _, channel in await waiting(store, private)} == {99}


async def test_a_game_report_can_be_updated_but_not_replied_to(
    store: Store, workspace: Workspace, path: Path
) -> None:
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)

    await work(store, report, rule=lambda found, _: found.claim(BOB))
    for say in (replying(), lambda found: found.follow_up("7", "x")):
        with pytest.raises(ViewOnly):
            await work(store, report, say, set_department(Status.CLOSED))
    with pytest.raises(AlreadyClaimed):
        await work(store, report, rule=lambda found, _: found.claim(WRITER))

    assert [each.text for each in await store.messages.list_of_ticket(report.id)] == [
        "Bob claimed the ticket"
    ]
