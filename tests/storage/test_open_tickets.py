"""How many open tickets a player may have in a category: counted as they are kept, so that none slips in."""

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
    return await store.change_workspace(workspace.id, lambda found: found.with_category(category))


async def take_in(store: Store, workspace: Workspace, new: NewTicket) -> StoredResponse:
    return await store.create_ticket(
        workspace.id, new, ids(), NOW, idempotency_key=None, serialize_response=named
    )


async def fill(store: Store, workspace: Workspace, new: NewTicket) -> list[str]:
    return [(await take_in(store, workspace, new)).body.decode() for _ in range(MOST)]


@pytest.mark.parametrize("new", [new_ticket(), new_ticket(is_private=True, source="discord")])
async def test_of_twenty_at_once_no_more_are_kept_than_allowed(
    store: Store, limited: Workspace, path: Path, new: NewTicket
) -> None:
    outcomes = await asyncio.gather(
        *(take_in(store, limited, new) for _ in range(20)), return_exceptions=True
    )

    assert sum(isinstance(outcome, StoredResponse) for outcome in outcomes) == MOST
    assert sum(isinstance(outcome, OpenTicketLimitReached) for outcome in outcomes) == 20 - MOST
    assert counted(path, "tickets") == MOST
    assert counted(path, "outbox") == 2 * MOST


async def test_a_ticket_made_in_discord_is_one_too_many_as_well(store: Store, limited: Workspace) -> None:
    private = new_ticket(is_private=True, source="discord")
    for _ in range(MOST):
        await store.add_ticket(limited.id, private, ids(), NOW, channel_id=99)

    with pytest.raises(OpenTicketLimitReached, match=r"^This player already has as many open tickets"):
        await store.add_ticket(limited.id, private, ids(), NOW, channel_id=99)


async def test_game_reports_are_neither_counted_nor_refused(store: Store, limited: Workspace) -> None:
    report = new_ticket(view_only=True)
    for _ in range(2 * MOST):
        await take_in(store, limited, report)

    await fill(store, limited, new_ticket())

    await take_in(store, limited, report)
    with pytest.raises(OpenTicketLimitReached):
        await take_in(store, limited, new_ticket())


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
async def test_a_ticket_whose_work_has_ended_makes_room_for_one(
    store: Store, limited: Workspace, status: Status
) -> None:
    first, *_ = await fill(store, limited, new_ticket())
    ended = await store.ticket_by_public_id(first)
    assert ended is not None

    await store.change_ticket(ended.id, lambda found: found.set_status(status), NOW, actor=WRITER)

    await take_in(store, limited, new_ticket())
    with pytest.raises(OpenTicketLimitReached):
        await take_in(store, limited, new_ticket())


async def test_a_ticket_under_way_still_takes_its_place(store: Store, limited: Workspace) -> None:
    first, *_ = await fill(store, limited, new_ticket())
    claimed = await store.ticket_by_public_id(first)
    assert claimed is not None

    await store.change_ticket(claimed.id, lambda found: found.claim(WRITER), NOW, actor=WRITER)

    with pytest.raises(OpenTicketLimitReached):
        await take_in(store, limited, new_ticket())


async def test_only_the_same_player_in_the_same_category_source_and_workspace_is_counted(
    store: Store, limited: Workspace
) -> None:
    await fill(store, limited, new_ticket())
    other = await store.add_workspace(replace(HUB, name="other"), NOW)
    category = Category(id="bug", name="Bugs", max_open=MOST)
    await store.change_workspace(other.id, lambda found: found.with_category(category))

    await take_in(store, limited, new_ticket(reporter_id="8"))
    await take_in(store, limited, new_ticket(category="tea"))
    await take_in(store, limited, new_ticket(source="elsewhere"))
    await take_in(store, other, new_ticket())


async def test_who_has_no_id_cannot_be_counted(store: Store, limited: Workspace) -> None:
    nobody = replace(new_ticket(), reporter=Player(name="rey"))

    for _ in range(2 * MOST):
        await take_in(store, limited, nobody)
