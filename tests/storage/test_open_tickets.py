"""The limit of open tickets per player and category: counted in the transaction that stores a ticket."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.tickets.errors import OpenTicketLimitReached
from bot.tickets.idempotency import StoredResponse
from bot.tickets.ticket import NewTicket, Player, Status
from bot.tickets.workspace import Category, Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, counted, ids, named, new_ticket

MOST = 3


@pytest.fixture
async def limited(store: Store, workspace: Workspace) -> Workspace:
    category = Category(id="bug", name="Bugs", max_open=MOST)
    return await store.workspaces.change(workspace.id, lambda found: found.with_category(category))


async def create(store: Store, workspace: Workspace, new: NewTicket) -> StoredResponse:
    return await store.intake.create_ticket(
        workspace.id, new, ids(), NOW, idempotency_key=None, serialize_response=named
    )


async def fill(store: Store, workspace: Workspace, new: NewTicket) -> list[str]:
    return [(await create(store, workspace, new)).body.decode() for _ in range(MOST)]


@pytest.mark.parametrize("new", [new_ticket(), new_ticket(is_private=True, source="discord")])
async def test_of_twenty_concurrent_tickets_only_the_allowed_number_is_stored(
    store: Store, limited: Workspace, path: Path, new: NewTicket
) -> None:
    outcomes = await asyncio.gather(*(create(store, limited, new) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(outcome, StoredResponse) for outcome in outcomes) == MOST
    assert sum(isinstance(outcome, OpenTicketLimitReached) for outcome in outcomes) == 20 - MOST
    assert counted(path, "tickets") == MOST
    assert counted(path, "outbox") == 2 * MOST


async def test_a_ticket_opened_in_discord_counts_too(store: Store, limited: Workspace) -> None:
    private = new_ticket(is_private=True, source="discord")
    for _ in range(MOST):
        await store.intake.add_ticket(limited.id, private, ids(), NOW, channel_id=99)

    with pytest.raises(OpenTicketLimitReached, match=r"^This player already has as many open tickets"):
        await store.intake.add_ticket(limited.id, private, ids(), NOW, channel_id=99)


async def test_an_unfinished_ticket_counts_until_it_is_closed(store: Store, limited: Workspace) -> None:
    draft = replace(new_ticket(), initial_status=Status.UNFINISHED)
    (first, *_) = await fill(store, limited, draft)

    with pytest.raises(OpenTicketLimitReached):
        await create(store, limited, draft)

    ticket = await store.tickets.find_by_public_id(first)
    assert ticket is not None
    assert ticket.status is Status.UNFINISHED
    await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)
    await create(store, limited, draft)


async def test_game_reports_are_neither_counted_nor_refused(store: Store, limited: Workspace) -> None:
    report = new_ticket(view_only=True)
    for _ in range(2 * MOST):
        await create(store, limited, report)

    await fill(store, limited, new_ticket())

    await create(store, limited, report)
    with pytest.raises(OpenTicketLimitReached):
        await create(store, limited, new_ticket())


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
async def test_a_closed_ticket_makes_room_for_one(store: Store, limited: Workspace, status: Status) -> None:
    first, *_ = await fill(store, limited, new_ticket())
    ended = await store.tickets.find_by_public_id(first)
    assert ended is not None

    await store.tickets.change(ended.id, lambda found: found.set_status(status), NOW, actor=WRITER)

    await create(store, limited, new_ticket())
    with pytest.raises(OpenTicketLimitReached):
        await create(store, limited, new_ticket())


async def test_a_ticket_in_progress_still_counts(store: Store, limited: Workspace) -> None:
    first, *_ = await fill(store, limited, new_ticket())
    claimed = await store.tickets.find_by_public_id(first)
    assert claimed is not None

    await store.tickets.change(claimed.id, lambda found: found.claim(WRITER), NOW, actor=WRITER)

    with pytest.raises(OpenTicketLimitReached):
        await create(store, limited, new_ticket())


async def test_only_the_same_player_in_the_same_category_source_and_workspace_is_counted(
    store: Store, limited: Workspace
) -> None:
    await fill(store, limited, new_ticket())
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    category = Category(id="bug", name="Bugs", max_open=MOST)
    await store.workspaces.change(other.id, lambda found: found.with_category(category))

    await create(store, limited, new_ticket(reporter_id="8"))
    await create(store, limited, new_ticket(category="tea"))
    await create(store, limited, new_ticket(source="elsewhere"))
    await create(store, other, new_ticket())


async def test_a_player_without_an_id_is_not_counted(store: Store, limited: Workspace) -> None:
    nobody = replace(new_ticket(), reporter=Player(name="rey"))

    for _ in range(2 * MOST):
        await create(store, limited, nobody)
