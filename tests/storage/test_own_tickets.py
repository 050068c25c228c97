"""A person's own tickets: of all their identities and of nobody else, in pages, with what is unread."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.tickets.queries import OwnTicketPage, ReporterIdentity
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, noting, replying

PETE = 70


async def filed(store: Store, workspace: Workspace, minutes: int = 0, **changes: object) -> Ticket:
    new = new_ticket(**changes)  # type: ignore[arg-type]
    return await store.intake.add_ticket(workspace.id, new, ids(), NOW + timedelta(minutes=minutes))


async def replied(store: Store, ticket: Ticket, text: str = "We are on it.", minutes: int = 0) -> int:
    now = NOW + timedelta(minutes=minutes)
    return (await store.tickets.add_message(ticket.id, replying(text), origin=text, now=now)).id


def rey(workspace: Workspace, source: str = "somewhere", player_id: str = "7") -> ReporterIdentity:
    return ReporterIdentity(workspace_id=workspace.id, source=source, player_id=player_id)


async def page_of(
    store: Store, *identities: ReporterIdentity, page: int = 0, size: int = 10
) -> OwnTicketPage:
    return await store.own_tickets.list_page(identities, PETE, page=page, size=size)


def listed(page: OwnTicketPage) -> list[str]:
    return [own.ticket.public_id for own in page.items]


@pytest.fixture
async def other_workspace(store: Store, workspace: Workspace) -> Workspace:
    return await store.workspaces.add(replace(HUB, name="other"), NOW)


async def test_the_tickets_of_all_identities_are_listed_and_no_others(
    store: Store, workspace: Workspace, other_workspace: Workspace
) -> None:
    mine = [
        await filed(store, workspace, 1),
        await filed(store, workspace, 2, source="elsewhere", reporter_id="77", view_only=True),
        await filed(store, other_workspace, 3, reporter_id="8"),
    ]
    await filed(store, workspace, 4, reporter_id="77")  # that id of another source
    await filed(store, workspace, 5, reporter_id="8")  # linked in another workspace
    await filed(store, other_workspace, 6)
    identities = [
        rey(workspace),
        rey(workspace, source="elsewhere", player_id="77"),
        rey(other_workspace, player_id="8"),
    ]

    assert listed(await page_of(store, *identities)) == [one.public_id for one in reversed(mine)]
    offered = await store.own_tickets.autocomplete(identities, "")
    assert [one.public_id for one in offered] == [one.public_id for one in reversed(mine)]


async def test_without_identities_there_are_no_tickets(store: Store, workspace: Workspace) -> None:
    await filed(store, workspace)

    page = await page_of(store)

    assert (page.items, page.total, page.pages) == ((), 0, 1)
    assert await store.own_tickets.autocomplete([], "") == []


async def test_those_that_changed_last_come_first(store: Store, workspace: Workspace) -> None:
    first, second, third = [await filed(store, workspace, minutes) for minutes in (1, 2, 3)]
    await replied(store, first, minutes=9)
    await store.tickets.add_message(
        second.id, noting(), origin="note", now=NOW + timedelta(minutes=10)
    )  # a note is none of the reporter's business

    assert listed(await page_of(store, rey(workspace))) == [
        first.public_id,
        third.public_id,
        second.public_id,
    ]


async def test_pages_divide_the_list_and_the_last_is_shown_for_one_beyond_it(
    store: Store, workspace: Workspace
) -> None:
    names = [(await filed(store, workspace, minutes)).public_id for minutes in range(5)][::-1]

    pages = [await page_of(store, rey(workspace), page=number, size=2) for number in range(3)]

    assert [listed(one) for one in pages] == [names[:2], names[2:4], names[4:]]
    assert [(one.page, one.pages, one.total) for one in pages] == [(0, 3, 5), (1, 3, 5), (2, 3, 5)]
    assert await page_of(store, rey(workspace), page=99, size=2) == pages[-1]


async def test_a_reply_is_unread_until_it_was_seen_by_that_person(store: Store, workspace: Workspace) -> None:
    ticket = await filed(store, workspace)
    assert not (await page_of(store, rey(workspace))).items[0].is_unread

    first = await replied(store, ticket, "one", 1)
    (unread,) = (await page_of(store, rey(workspace))).items
    await store.own_tickets.mark_seen(ticket.id, PETE, first)
    (read,) = (await page_of(store, rey(workspace))).items
    second = await replied(store, ticket, "two", 2)
    (again,) = (await page_of(store, rey(workspace))).items

    assert [one.is_unread for one in (unread, read, again)] == [True, False, True]
    assert again.replied_at == NOW + timedelta(minutes=2)
    await store.own_tickets.mark_seen(ticket.id, PETE, second)
    await store.own_tickets.mark_seen(ticket.id, PETE, first)  # an older page does not make it unread again
    assert not (await page_of(store, rey(workspace))).items[0].is_unread
    other = await store.own_tickets.list_page([rey(workspace)], PETE + 1, page=0, size=10)
    assert other.items[0].is_unread


async def test_notes_and_status_are_not_unread(store: Store, workspace: Workspace) -> None:
    ticket = await filed(store, workspace)
    await store.tickets.add_message(ticket.id, noting(), origin="note", now=NOW)
    await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)

    (own,) = (await page_of(store, rey(workspace))).items

    assert (own.is_unread, own.replied_at) == (False, None)


async def test_a_private_ticket_is_never_unread_for_its_thread_shows_what_is_new(
    store: Store, workspace: Workspace
) -> None:
    ticket = await filed(store, workspace, is_private=True)
    await replied(store, ticket)

    (own,) = (await page_of(store, rey(workspace))).items

    assert own.replied_at is not None
    assert not own.is_unread


async def test_autocomplete_finds_by_id_and_subject_and_offers_25(store: Store, workspace: Workspace) -> None:
    sword = await filed(store, workspace, subject="My SWORD is gone")
    for _ in range(30):
        await filed(store, workspace, 1)
    identities = [rey(workspace)]

    assert await store.own_tickets.autocomplete(identities, "sword") == [sword]
    by_id = await store.own_tickets.autocomplete(identities, sword.public_id.lower())
    assert sword in by_id
    assert all(sword.public_id in one.public_id for one in by_id)  # T-1 is also in T-10
    assert len(await store.own_tickets.autocomplete(identities, "")) == 25


async def test_a_ticket_that_is_not_indexed_yet_is_listed_and_one_that_is(
    store: Store, workspace: Workspace
) -> None:
    indexed = await filed(store, workspace, 1)
    await store.search_index.index_batch()
    fresh = await filed(store, workspace, 2)

    assert listed(await page_of(store, rey(workspace))) == [fresh.public_id, indexed.public_id]
