"""Search indexer: indexes new tickets in batches, without slowing down intake."""

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
from tests.observability.test_metrics import scrape, value
from tests.storage.samples import HUB, NOW, ids, new_ticket, opened, raw
from tests.support.bridge_harness import RunningBridge, wait_for


@asynccontextmanager
async def running_indexer(store: Store) -> AsyncIterator[None]:
    indexing = asyncio.create_task(run_search_indexer(store, poll_seconds=0.01))
    try:
        yield
    finally:
        indexing.cancel()
        await asyncio.wait([indexing])
        assert indexing.cancelled()


async def with_tickets(store: Store, number: int) -> Workspace:
    workspace = await store.workspaces.add(HUB, NOW)
    for _ in range(number):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    return workspace


async def all_indexed(store: Store) -> bool:
    return await store.search_index.lag() == 0


async def test_a_running_bridge_indexes_its_tickets_and_shows_how_many_are_left(
    bridge: RunningBridge,
) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    before = value(await scrape(bridge), "search_lag_tickets")
    await bridge.application.store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    after = value(await scrape(bridge), "search_lag_tickets")

    async def is_indexed() -> bool:
        return value(await scrape(bridge), "search_lag_tickets") == 0

    assert (before, after) == (0, 1)
    await wait_for(is_indexed)


async def test_later_tickets_are_indexed_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path / "tickets.db") as store, running_indexer(store):
        workspace = await with_tickets(store, 3)
        await wait_for(lambda: all_indexed(store))
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        assert not await all_indexed(store)

        await wait_for(lambda: all_indexed(store))


async def test_single_tickets_are_indexed_in_one_batch(tmp_path: Path) -> None:
    writes: list[float] = []

    def on_timing(what: str, seconds: float) -> None:
        if what == "write":
            writes.append(seconds)

    async with opened(tmp_path / "tickets.db") as store:
        store.set_observer(on_timing, lambda failure: None)
        workspace = await with_tickets(store, 1)
        indexing = asyncio.create_task(run_search_indexer(store, poll_seconds=30))
        for _ in range(200):
            await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        indexing.cancel()
        await asyncio.wait([indexing])
        lag = await store.search_index.lag()

    assert 0 < lag < 201
    # The workspace, the first ticket, the others, and one batch, which may share the commit of a ticket.
    assert len(writes) in (1 + 1 + 200, 1 + 1 + 200 + 1)


async def test_after_a_failure_of_the_database_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bot.jobs.search_index, "RETRY_SECONDS", 0.05)
    path = tmp_path / "tickets.db"
    async with opened(path) as store:
        await with_tickets(store, 3)
        with raw(path) as db:
            db.execute(
                "CREATE TRIGGER no BEFORE UPDATE ON search_progress BEGIN SELECT RAISE(ABORT, 'planted'); END"
            )
            async with running_indexer(store):
                await wait_for(lambda: "Tickets cannot be indexed now" in caplog.text)
                assert await store.search_index.lag() == 3
                db.execute("DROP TRIGGER no")

                await wait_for(lambda: all_indexed(store))


async def test_a_long_backlog_is_logged_with_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bot.jobs.search_index, "LONG_BACKLOG", 3)
    caplog.set_level(logging.INFO, "bot.jobs.search_index")
    async with opened(tmp_path / "tickets.db") as store:
        await with_tickets(store, 3)
        async with running_indexer(store):
            await wait_for(lambda: "All tickets are indexed" in caplog.text)

    assert "3 tickets are left to index" in caplog.text
    assert len(caplog.records) == 2
