"""Jobs that erase players and old tickets: at once when it is requested, after a restart, and once a day."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.jobs.erasures import run_erasures
from bot.jobs.retention import run_retention
from bot.tickets.erasure import Requester
from bot.tickets.ticket import Status
from bot.tickets.workspace_changes import update_workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, opened, raw
from tests.storage.test_erasures import PLAYER, WORDS, a_whole_ticket, filed, found_in, index_all, stored
from tests.support.bridge_harness import wait_for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tickets.db"


@asynccontextmanager
async def running(job: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(job)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def requested(store: Store) -> int:
    erasure_id = await store.erasures.request(
        "somewhere", PLAYER, workspace_id=None, requested_by=Requester.PLATFORM, now=NOW
    )
    assert erasure_id is not None
    return erasure_id


async def is_purged(store: Store) -> bool:
    return not await store.erasures.pending_ids() and not await store.erasures.unpurged_ids()


async def test_a_player_is_erased_when_it_is_requested_and_the_files_have_nothing_left(path: Path) -> None:
    async with opened(path) as store, running(run_erasures(store)):
        workspace = await store.workspaces.add(HUB, NOW)
        for _ in range(3):
            await a_whole_ticket(store, workspace)
        await index_all(store)

        await requested(store)

        await wait_for(lambda: is_purged(store))
        assert found_in(path, WORDS) == []
        assert found_in(path.with_name(f"{path.name}-wal"), WORDS) == []


async def test_what_was_requested_before_a_restart_is_done_after_it(path: Path) -> None:
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        ticket = await stored(store, workspace, filed())
        erasure_id = await requested(store)
        assert (await store.erasures.get(erasure_id)).finished_at is None

    async with opened(path) as store, running(run_erasures(store)):
        await wait_for(lambda: is_purged(store))
        assert (await store.tickets.get(ticket.id)).body == ""


async def test_a_backup_that_is_being_made_is_waited_for(path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.jobs.erasures.RETRY_SECONDS", 0.01)
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        await stored(store, workspace, filed())
        erasure_id = await requested(store)
        with reading(path):
            async with running(run_erasures(store)):
                await wait_for(lambda: _is_finished(store, erasure_id))
                assert await store.erasures.unpurged_ids() == [erasure_id]
        async with running(run_erasures(store)):
            await wait_for(lambda: is_purged(store))


async def test_tickets_whose_period_is_over_are_erased_and_no_others(path: Path) -> None:
    async with opened(path) as store:
        kept = await store.workspaces.add(HUB, NOW)
        workspace = await store.workspaces.change(
            kept.id, lambda one: update_workspace(one, retention_days=30)
        )
        old, recent = [await stored(store, workspace, filed()) for _ in range(2)]
        for ticket, days in ((old, 31), (recent, 29)):
            await store.tickets.change(
                ticket.id,
                lambda one: one.set_status(Status.RESOLVED),
                store.now() - timedelta(days=days),
                actor=WRITER,
            )

        async with running(run_retention(store)):
            await wait_for(lambda: _is_erased(store, old.id))

        assert not await _is_erased(store, recent.id)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Another program reads, as a backup does: the log is needed until it ends."""
    with raw(path) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM tickets").fetchone()
        yield


async def _is_finished(store: Store, erasure_id: int) -> bool:
    return (await store.erasures.get(erasure_id)).finished_at is not None


async def _is_erased(store: Store, ticket_id: int) -> bool:
    return (await store.tickets.get(ticket_id)).erased_at is not None
