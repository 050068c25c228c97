"""The index for searches follows the tickets of a running bridge, and gets in nobody's way."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import bot.jobs.search_index
from bot.jobs.search_index import run_search_indexer
from bot.tickets.workspace import Workspace
from storage import Store
from tests.observability.test_metrics import figure, scraped
from tests.storage.samples import HUB, NOW, ids, new_ticket, opened, raw
from tests.support.bridge_harness import RunningBridge, wait_for


@asynccontextmanager
async def kept_indexed(store: Store) -> AsyncIterator[None]:
    indexing = asyncio.create_task(run_search_indexer(store, poll_seconds=0.01))
    try:
        yield
    finally:
        indexing.cancel()
        await asyncio.wait([indexing])
        assert indexing.cancelled()


async def with_tickets(store: Store, number: int) -> Workspace:
    workspace = await store.add_workspace(HUB, NOW)
    for _ in range(number):
        await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    return workspace


async def all_indexed(store: Store) -> bool:
    return await store.index_lag() == 0


async def test_a_running_bridge_indexes_its_tickets_and_shows_how_many_are_left(town: RunningBridge) -> None:
    (workspace,) = await town.application.store.workspaces()
    before = figure(await scraped(town), "search_lag_tickets")
    await town.application.store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    after = figure(await scraped(town), "search_lag_tickets")

    async def caught_up() -> bool:
        return figure(await scraped(town), "search_lag_tickets") == 0

    assert (before, after) == (0, 1)
    await wait_for(caught_up)


async def test_what_comes_later_is_indexed_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path / "tickets.db") as store, kept_indexed(store):
        workspace = await with_tickets(store, 3)
        await wait_for(lambda: all_indexed(store))
        await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        assert not await all_indexed(store)

        await wait_for(lambda: all_indexed(store))


async def test_tickets_that_come_one_by_one_wait_for_others_to_be_indexed_with(tmp_path: Path) -> None:
    writes: list[float] = []

    def took(what: str, seconds: float) -> None:
        if what == "write":
            writes.append(seconds)

    async with opened(tmp_path / "tickets.db") as store:
        store.set_observer(took, lambda failure: None)
        workspace = await with_tickets(store, 1)
        indexing = asyncio.create_task(run_search_indexer(store, poll_seconds=30))
        for _ in range(200):
            await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        indexing.cancel()
        await asyncio.wait([indexing])

    assert len(writes) == 1 + 1 + 200 + 1  # the workspace, the first ticket, the others, one batch


async def test_a_database_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.jobs.search_index, "RETRY_SECONDS", 0.05)
    path = tmp_path / "tickets.db"
    async with opened(path) as store:
        await with_tickets(store, 3)
        with raw(path) as db:
            db.execute("CREATE TRIGGER no BEFORE UPDATE ON indexed BEGIN SELECT RAISE(ABORT, 'planted'); END")
            async with kept_indexed(store):
                await asyncio.sleep(0.2)
                assert await store.index_lag() == 3
                db.execute("DROP TRIGGER no")

                await wait_for(lambda: all_indexed(store))


async def test_a_long_catching_up_is_told_with_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bot.jobs.search_index, "LONG_BACKLOG", 3)
    caplog.set_level(logging.INFO, "bot.jobs.search_index")
    async with opened(tmp_path / "tickets.db") as store:
        await with_tickets(store, 3)
        async with kept_indexed(store):
            await wait_for(lambda: "All tickets are indexed" in caplog.text)

    assert "3 tickets are left to index" in caplog.text
    assert len(caplog.records) == 2
