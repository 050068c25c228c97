"""A change in Discord is taken back by who made it, for 30 seconds, unless the ticket was changed since."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.errors import NotUndone, UndoTimeOver, UnknownTag
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import UNDO_TIME, Priority, Status, Ticket
from bot.tickets.workspace import Department, Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, opened, replying

BOB = Actor(id="12", name="Bob")
MOD = Actor(id="11", name="Alice", source="modl")  # another person, with the same id elsewhere


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    await store.workspaces.change(
        workspace.id,
        lambda found: found.with_department(Department(id="lab", name="The Lab")).with_tag("vip"),
    )
    return await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


def everything(ticket: Ticket, workspace: Workspace) -> Ticket:
    """A ticket of which all that staff change is changed."""
    moved = workspace.tag(workspace.move(ticket, department_id="lab"), add=["vip"])
    claimed = moved.claim(BOB).set_priority(Priority.URGENT)
    return replace(claimed, category="lost").set_status(Status.CLOSED, by=WRITER, reason="It's 'fixed' 😀")


async def history(store: Store, ticket: Ticket) -> list[tuple[str, str]]:
    events = await store.messages.list_of_ticket(ticket.id, [MessageKind.EVENT])
    return [(event.text, event.detail) for event in events]


async def test_all_that_staff_change_is_stored_and_taken_back(store: Store, ticket: Ticket) -> None:
    changed = await store.tickets.change_undoably(ticket.id, everything, NOW, actor=WRITER)

    assert changed == await store.tickets.get(ticket.id)
    assert (changed.closed_by, changed.close_reason, changed.tags) == (WRITER, "It's 'fixed' 😀", ("vip",))
    assert (changed.category, changed.department, changed.priority) == ("lost", "lab", Priority.URGENT)
    assert ("Alice changed the tags", "+vip") in await history(store, ticket)

    restored = await store.tickets.undo(ticket.id, changed.revision, NOW + UNDO_TIME, actor=WRITER)

    assert restored.state == ticket.state
    assert restored == await store.tickets.get(ticket.id)
    assert ("Alice changed the tags", "−vip") in await history(store, ticket)


async def test_a_change_is_taken_back_once(store: Store, ticket: Ticket) -> None:
    claimed = await store.tickets.change_undoably(
        ticket.id, lambda found, _: found.claim(WRITER), NOW, actor=WRITER
    )
    await store.tickets.undo(ticket.id, claimed.revision, NOW, actor=WRITER)

    with pytest.raises(NotUndone):
        await store.tickets.undo(ticket.id, claimed.revision, NOW, actor=WRITER)


async def test_after_30_seconds_nothing_is_taken_back(store: Store, ticket: Ticket) -> None:
    claimed = await store.tickets.change_undoably(
        ticket.id, lambda found, _: found.claim(WRITER), NOW, actor=WRITER
    )

    late = NOW + UNDO_TIME + timedelta(milliseconds=1)
    with pytest.raises(UndoTimeOver):
        await store.tickets.undo(ticket.id, claimed.revision, late, actor=WRITER)

    assert await store.tickets.get(ticket.id) == claimed


@pytest.mark.parametrize("other", [BOB, MOD])
async def test_nobody_else_takes_it_back(store: Store, ticket: Ticket, other: Actor) -> None:
    claimed = await store.tickets.change_undoably(
        ticket.id, lambda found, _: found.claim(WRITER), NOW, actor=WRITER
    )

    with pytest.raises(NotUndone, match="Only who changed the ticket"):
        await store.tickets.undo(ticket.id, claimed.revision, NOW, actor=other)


async def test_who_changed_the_ticket_since_is_named_and_a_reply_is_no_change(
    store: Store, ticket: Ticket
) -> None:
    claimed = await store.tickets.change_undoably(
        ticket.id, lambda found, _: found.claim(WRITER), NOW, actor=WRITER
    )
    await store.tickets.add_message(ticket.id, replying(), origin="a", now=NOW)
    urgent = await store.tickets.change_undoably(
        ticket.id, lambda found, _: found.set_priority(Priority.URGENT), NOW, actor=BOB
    )

    with pytest.raises(NotUndone, match=r"Since then: Bob changed the priority to urgent\."):
        await store.tickets.undo(ticket.id, claimed.revision, NOW, actor=WRITER)
    await store.tickets.add_message(ticket.id, replying(), origin="b", now=NOW)
    restored = await store.tickets.undo(ticket.id, urgent.revision, NOW, actor=BOB)

    assert restored.state == claimed.state


async def test_a_change_is_taken_back_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "tickets.db"
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        claimed = await store.tickets.change_undoably(
            ticket.id, lambda found, _: found.claim(WRITER), NOW, actor=WRITER
        )

    async with opened(path) as again:
        restored = await again.tickets.undo(ticket.id, claimed.revision, NOW, actor=WRITER)

    assert restored.state == ticket.state


async def test_a_change_that_is_refused_leaves_nothing_to_take_back(store: Store, ticket: Ticket) -> None:
    with pytest.raises(UnknownTag):
        await store.tickets.change_undoably(
            ticket.id, lambda found, workspace: workspace.tag(found, add=["made up"]), NOW, actor=WRITER
        )

    with pytest.raises(UndoTimeOver):
        await store.tickets.undo(ticket.id, ticket.revision, NOW, actor=WRITER)
