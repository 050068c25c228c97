"""Events for game servers: which there are, in which order, and what is recorded when one is received."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.events import EventType, TicketEvent
from bot.tickets.queries import Scope
from bot.tickets.ticket import Player, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store, Topic
from tests.storage.samples import NOW, WRITER, ids, new_ticket, noting, raw, replying

LATER = NOW + timedelta(seconds=12)


@pytest.fixture
def scope(workspace: Workspace) -> Scope:
    return Scope(workspace_id=workspace.id, source=new_ticket().source)


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def reply(store: Store, ticket: Ticket, text: str) -> None:
    await store.tickets.add_message(ticket.id, replying(text), origin=f"{ticket.id} {text}", now=NOW)


async def set_status(store: Store, ticket: Ticket, status: Status) -> None:
    await store.tickets.change(ticket.id, lambda one: one.set_status(status), NOW, actor=WRITER)


def said(events: tuple[TicketEvent, ...]) -> list[tuple[int, str]]:
    return [(one.seq, one.message.text if one.message else one.status.value) for one in events]


async def test_replies_and_changes_of_status_are_numbered_in_order(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    other = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await reply(store, ticket, "Hello")
    await reply(store, other, "Hi")
    await store.tickets.add_message(ticket.id, noting(), origin="note", now=NOW)
    await set_status(store, ticket, Status.CLOSED)

    page = await store.events.list_after(scope, 0, 10)

    assert said(page.events) == [(1, "Hello"), (2, "Hi"), (3, "closed")]
    assert page.newest == 3
    assert [one.type for one in page.events] == [EventType.REPLY, EventType.REPLY, EventType.STATUS]
    assert page.events[0].id == f"evt_{ticket.uid}_1"
    assert page.events[2].ticket.public_id == ticket.public_id


async def test_a_page_is_bounded_and_goes_on_after_a_number(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    for text in "abc":
        await reply(store, ticket, text)

    first = await store.events.list_after(scope, 0, 2)
    rest = await store.events.list_after(scope, 2, 2)

    assert (said(first.events), first.newest) == ([(1, "a"), (2, "b")], 3)
    assert said(rest.events) == [(3, "c")]


async def test_each_workspace_and_source_has_numbers_of_its_own(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    foreign = await store.intake.add_ticket(workspace.id, new_ticket(source="other"), ids(), NOW)
    await reply(store, ticket, "ours")
    await reply(store, foreign, "theirs")

    page = await store.events.list_after(scope, 0, 10)
    others = await store.events.list_after(Scope(workspace_id=workspace.id, source="other"), 0, 10)

    assert said(page.events) == [(1, "ours")]
    assert said(others.events) == [(1, "theirs")]


async def test_a_ticket_whose_reporter_is_in_discord_has_no_events(
    store: Store, workspace: Workspace
) -> None:
    private = await store.intake.add_ticket(workspace.id, new_ticket(is_private=True), ids(), NOW)

    await reply(store, private, "Hello")
    await set_status(store, private, Status.CLOSED)

    assert await store.events.list_of_ticket(private.id) == ()


async def test_an_event_is_received_once(store: Store, scope: Scope, ticket: Ticket) -> None:
    for text in "abc":
        await reply(store, ticket, text)

    await store.events.confirm_to(scope, 2, "survival-1", LATER)
    await store.events.confirm_to(scope, 3, "survival-2", LATER + timedelta(minutes=1))

    received = [(one.received_by, one.received_at) for one in await store.events.list_of_ticket(ticket.id)]
    assert received == [
        ("survival-1", LATER),
        ("survival-1", LATER),
        ("survival-2", LATER + timedelta(minutes=1)),
    ]


async def test_unreceived_events_are_replies_and_closings_of_these_reporters_oldest_first(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    others = [
        await store.intake.add_ticket(workspace.id, new_ticket(reporter_id=reporter), ids(), NOW)
        for reporter in ("8", "9")
    ]
    await set_status(store, ticket, Status.IN_PROGRESS)
    for one in (others[0], ticket, others[1]):
        await reply(store, one, f"to {one.reporter.id}")
    await set_status(store, ticket, Status.CLOSED)
    await set_status(store, others[0], Status.RESOLVED)

    found = await store.events.list_unreceived(scope, ["7", "8", "nobody"], without=[3], limit=3)
    rest = await store.events.list_unreceived(scope, ["7", "8"], without=[2, 5, 6], limit=3)

    assert said(found) == [(2, "to 8"), (5, "closed"), (6, "resolved")]
    assert said(rest) == [(3, "to 7")]
    assert await store.events.list_unreceived(scope, [], without=[], limit=3) == ()


async def test_some_events_are_confirmed_by_number_once(store: Store, scope: Scope, ticket: Ticket) -> None:
    for text in "abc":
        await reply(store, ticket, text)
    waiting = await store.events.unreceived_ids(scope, "7")

    await store.events.confirm(scope, [2], "survival-1", LATER)
    await store.events.confirm(scope, [2, 3, 99], "survival-2", LATER)

    assert waiting == {f"evt_{ticket.uid}_{seq}": seq for seq in (1, 2, 3)}
    assert await store.events.unreceived_ids(scope, "7") == {f"evt_{ticket.uid}_1": 1}
    received = [one.received_by for one in await store.events.list_of_ticket(ticket.id)]
    assert received == [None, "survival-1", "survival-2"]


async def test_events_go_with_a_ticket_to_its_new_reporter(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    await reply(store, ticket, "Hello")

    await store.tickets.change(
        ticket.id, lambda one: replace(one, reporter=Player(id="8")), NOW, actor=WRITER
    )

    assert await store.events.list_unreceived(scope, ["7"], without=[], limit=3) == ()
    assert said(await store.events.list_unreceived(scope, ["8"], without=[], limit=3)) == [(1, "Hello")]


async def test_new_tickets_are_those_of_game_servers_within_a_time(
    store: Store, workspace: Workspace, scope: Scope
) -> None:
    created = [
        await store.intake.add_ticket(
            workspace.id, new_ticket(subject=f"{second}"), ids(), NOW + timedelta(seconds=second)
        )
        for second in range(5)
    ]
    for other in (new_ticket(source="other"), new_ticket(is_private=True)):
        await store.intake.add_ticket(workspace.id, other, ids(), NOW + timedelta(seconds=2))

    found = await store.tickets.list_created(scope, created[0].created_at, created[3].created_at, 2)

    assert [one.subject for one in found] == ["2", "3"]


async def test_a_game_report_has_events_of_its_status_and_never_one_of_a_reply(
    store: Store, workspace: Workspace, scope: Scope, path: Path
) -> None:
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    await set_status(store, report, Status.RESOLVED)

    with raw(path) as db, pytest.raises(sqlite3.IntegrityError, match="view-only"):
        db.execute(
            "INSERT INTO ticket_events (workspace_id, source, seq, type, ticket_id, status, created_at) "
            "SELECT workspace_id, source, 2, 'ticket.reply', id, status, 0 FROM tickets"
        )

    assert said((await store.events.list_after(scope, 0, 10)).events) == [(1, "resolved")]


async def test_a_subscription_is_notified_until_it_ends(store: Store, ticket: Ticket) -> None:
    with store.subscription(Topic.EVENTS) as changed:
        await reply(store, ticket, "a")
        assert changed.is_set()
        changed.clear()

    await reply(store, ticket, "b")

    assert not changed.is_set()
