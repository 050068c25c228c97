"""Queries of a game server: only tickets of its own workspace and source."""

from dataclasses import replace

import pytest

from bot.tickets.errors import UnknownTicket
from bot.tickets.message import MessageKind
from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Player, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, noting, replying


@pytest.fixture
def scope(workspace: Workspace) -> Scope:
    return Scope(workspace_id=workspace.id, source="somewhere")


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(), iter(["T-own"]), NOW)


@pytest.fixture
async def foreign(store: Store, workspace: Workspace) -> list[Ticket]:
    """A ticket of another source in the same workspace, and one of the same source in another workspace."""
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    return [
        await store.intake.add_ticket(workspace.id, new_ticket(source="elsewhere"), iter(["T-source"]), NOW),
        await store.intake.add_ticket(other.id, new_ticket(), iter(["T-workspace"]), NOW),
    ]


async def test_a_ticket_is_found_by_its_public_id_and_by_its_uid(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    assert (await store.tickets.get_details(scope, ticket.public_id)).ticket == ticket
    assert (await store.tickets.get_details(scope, ticket.uid)).ticket == ticket


@pytest.mark.parametrize("name", ["", "1", "t-own", "T-own ", "T-own\x00", "%", "T-404", "' OR 1=1 --"])
async def test_any_other_id_finds_no_ticket(store: Store, scope: Scope, ticket: Ticket, name: str) -> None:
    with pytest.raises(UnknownTicket):
        await store.tickets.get_details(scope, name)


async def test_a_ticket_outside_the_scope_is_unknown_to_every_query(
    store: Store, scope: Scope, ticket: Ticket, foreign: list[Ticket]
) -> None:
    for each in foreign:
        for name in (each.public_id, each.uid):
            with pytest.raises(UnknownTicket):
                await store.tickets.get_details(scope, name)
            with pytest.raises(UnknownTicket):
                await store.intake.update_ticket(
                    scope,
                    name,
                    actor=WRITER,
                    messages=lambda found: [replying()(found)],
                    change=lambda found, _: found.claim(WRITER),
                    idempotency_key=None,
                    now=NOW,
                    serialize_response=lambda case, _: case.ticket.public_id.encode(),
                )
            assert await store.tickets.list_details(scope, [name]) == ()
        assert await store.tickets.get(each.id) == each
        assert await store.messages.list_of_ticket(each.id) == []
    assert [case.ticket for case in (await store.tickets.search(scope, TicketQuery(limit=10))).items] == [
        ticket
    ]


async def test_tickets_come_in_the_requested_order_without_unknown_and_foreign_ones(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket, foreign: list[Ticket]
) -> None:
    second, third = [await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW) for _ in range(2)]
    names = [third.public_id, "nobody's", *(each.public_id for each in foreign), ticket.uid, second.public_id]

    found = await store.tickets.list_details(scope, names)

    assert [case.ticket for case in found] == [third, ticket, second]
    assert await store.tickets.list_details(scope, []) == ()


async def test_a_hundred_tickets_keep_the_requested_order(
    store: Store, workspace: Workspace, scope: Scope
) -> None:
    stored = [await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW) for _ in range(100)]
    expected = stored[1::2] + stored[::2][::-1]

    found = await store.tickets.list_details(scope, [each.public_id for each in expected])

    assert [case.ticket for case in found] == expected


async def test_ticket_details_have_all_messages_but_notes_oldest_first(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    reply = await store.tickets.add_message(ticket.id, replying("1"), origin="a", now=NOW)
    await store.tickets.add_message(ticket.id, noting("2"), origin="b", now=NOW)
    added = await store.tickets.add_message(
        ticket.id, lambda found: found.follow_up("7", "3"), origin="c", now=NOW
    )
    second = await store.tickets.add_message(ticket.id, replying("4"), origin="d", now=NOW)
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.RESOLVED), NOW, actor=WRITER)

    case = await store.tickets.get_details(scope, ticket.public_id)

    assert case.messages[:3] == (reply, added, second)
    assert [message.kind for message in case.messages[3:]] == [MessageKind.EVENT]
    assert (case.replies, case.follow_ups) == (2, 1)


async def test_a_list_counts_the_messages_of_each_ticket_without_their_texts(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    for each in (ticket, report):
        await store.tickets.add_message(each.id, noting(), origin=f"note {each.id}", now=NOW)
    await store.tickets.add_message(ticket.id, replying(), origin="a", now=NOW)
    await store.tickets.add_message(ticket.id, lambda found: found.follow_up("7", "3"), origin="b", now=NOW)

    cases = await store.tickets.list_details(scope, [report.public_id, ticket.public_id])
    found = await store.tickets.search(scope, TicketQuery(limit=10))

    assert cases == found.items
    assert [(one.replies, one.follow_ups, one.messages) for one in cases] == [(0, 0, ()), (1, 1, ())]


async def test_a_player_has_the_name_of_their_newest_ticket_in_the_scope(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket, foreign: list[Ticket]
) -> None:
    assert await store.tickets.last_known_name(scope, "7") == "rey"
    renamed = replace(new_ticket(), reporter=Player(id="7", name="rey2", display_name="Rey"))
    await store.intake.add_ticket(workspace.id, renamed, ids(), NOW)
    elsewhere = replace(new_ticket(source="elsewhere"), reporter=Player(id="7", name="kylo"))
    await store.intake.add_ticket(workspace.id, elsewhere, ids(), NOW)

    assert await store.tickets.last_known_name(scope, "7") == "Rey (@rey2)"
    assert await store.tickets.last_known_name(scope, "404") is None


async def test_a_public_ticket_is_found_in_any_workspace_without_its_messages(
    store: Store, ticket: Ticket, foreign: list[Ticket]
) -> None:
    await store.tickets.add_message(ticket.id, replying(), origin="a", now=NOW)

    case = await store.tickets.find_public("somewhere", ticket.public_id)

    assert case is not None
    assert (case.ticket, case.messages, case.replies) == (ticket, (), 1)
    assert await store.tickets.find_public("somewhere", "T-workspace") is not None
    assert await store.tickets.find_public("somewhere", "T-source") is None
    assert await store.tickets.find_public("somewhere", ticket.uid) is None
