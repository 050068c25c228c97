"""A failing database: which errors are raised, what is stored, and when writes succeed again."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.tickets.errors import UnknownTicket
from bot.tickets.outbox import DeliveryKind, DeliveryState
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import (
    DatabaseCorrupt,
    DatabaseUnavailable,
    DiskFull,
    StorageError,
    Store,
    WorkspaceNameTaken,
    open_store,
)
from storage.db import Db
from storage.sqlite.errors import translate_error
from tests.storage.samples import HUB, NOW, counted, ids, new_ticket, opened, raw
from tests.support.connections import engine_of, writer_of

LONG = "Quite badly. " * 2000
_TRANSACTION = 22  # SQLITE_TRANSACTION, an authorizer's code for BEGIN, COMMIT and ROLLBACK

LockedStore = tuple[Store, Workspace, list["asyncio.Task[Ticket]"], sqlite3.Connection]


async def fill_up(store: Store) -> None:
    """Let the file not grow from now on."""
    (row,) = await writer_of(store).execute_fetchall("PRAGMA page_count")
    await writer_of(store).execute(f"PRAGMA max_page_count = {row[0]}")


async def free_space(store: Store) -> None:
    await writer_of(store).execute("PRAGMA max_page_count = 1000000")


async def add_until_full(store: Store, workspace: Workspace) -> list[str]:
    """Add tickets until the disk is full; the public ids of those that were stored."""
    stored: list[str] = []
    while len(stored) < 100:
        try:
            ticket = await store.intake.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
        except DiskFull:
            return stored
        stored.append(ticket.public_id)
    raise AssertionError("the disk is never full")


def damage(path: Path) -> None:
    """Overwrite everything but the first pages, which have the schema."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(20 * 4096)
        file.write(b"\xff" * (size - 20 * 4096))


async def test_on_a_full_disk_nothing_is_half_stored_and_writes_succeed_once_there_is_space(
    store: Store, workspace: Workspace, path: Path
) -> None:
    await fill_up(store)
    stored = await add_until_full(store, workspace)
    assert counted(path, "tickets") == len(stored)
    assert counted(path, "outbox") == 2 * len(stored)

    await free_space(store)

    await store.intake.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
    assert counted(path, "tickets") == len(stored) + 1
    assert not store.broken.is_set()


async def test_a_full_disk_and_its_end_are_noticed_without_a_new_ticket(
    store: Store, workspace: Workspace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await store.health_error() is None
    await fill_up(store)
    await add_until_full(store, workspace)
    monkeypatch.setattr("storage.sqlite.engine.PROBE_INTERVAL", 0.0)
    assert isinstance(await store.health_error(), DiskFull)

    await free_space(store)

    assert await store.health_error() is None
    assert counted(path, "reserved_space") == 0


async def test_a_small_write_that_still_fits_does_not_make_a_full_disk_healthy(
    store: Store, workspace: Workspace
) -> None:
    await fill_up(store)
    await add_until_full(store, workspace)

    await store.workspaces.change(workspace.id, lambda found: found)

    assert isinstance(await store.health_error(), DiskFull)


async def test_a_failing_store_is_probed_once_a_second_however_often_it_is_asked(
    store: Store, workspace: Workspace
) -> None:
    await fill_up(store)
    await add_until_full(store, workspace)
    failures: list[StorageError] = []
    store.set_observer(lambda what, seconds: None, failures.append)

    for _ in range(50):
        assert await store.health_error() is not None

    assert len(failures) == 1


@asynccontextmanager
async def locked_store(path: Path, *, busy_timeout: float, writers: int) -> AsyncIterator[LockedStore]:
    """A store whose file another program has locked, and tasks that each wait to add a ticket."""
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
    store = await open_store(path, busy_timeout=busy_timeout)
    with raw(path) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        waiting = [
            asyncio.create_task(store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW))
            for _ in range(writers)
        ]
        await asyncio.sleep(0)
        try:
            yield store, workspace, waiting, foreign
        finally:
            await store.close()


async def test_a_lock_held_for_less_than_the_busy_timeout_fails_no_write(path: Path) -> None:
    async with locked_store(path, busy_timeout=60.0, writers=20) as (store, workspace, waiting, foreign):
        for _ in range(20):
            assert await store.workspaces.list_all() == [workspace]
        assert not any(task.done() for task in waiting)
        foreign.execute("ROLLBACK")

        assert len({ticket.id for ticket in await asyncio.gather(*waiting)}) == 20


async def test_a_lock_held_for_longer_fails_each_write_after_its_own_busy_timeout(path: Path) -> None:
    async with locked_store(path, busy_timeout=0.3, writers=20) as (store, workspace, waiting, foreign):
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(result) for result in results} == {DatabaseUnavailable}

        started_at = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        assert time.monotonic() - started_at > 0.25
        foreign.execute("ROLLBACK")

        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        assert counted(path, "tickets") == 1


async def test_a_writer_that_gives_up_waiting_leaves_no_open_transaction(path: Path) -> None:
    async with locked_store(path, busy_timeout=0.3, writers=5) as (store, _, waiting, foreign):
        waiting[3].cancel()
        await asyncio.wait(waiting)
        foreign.execute("ROLLBACK")

        foreign.execute("PRAGMA busy_timeout = 0")
        foreign.execute("BEGIN IMMEDIATE")
        foreign.execute("ROLLBACK")
        assert await store.health_error() is None


async def test_storing_the_last_use_of_a_key_waits_less_for_the_lock_than_a_ticket(path: Path) -> None:
    async with locked_store(path, busy_timeout=60.0, writers=1) as (store, _, (adding,), foreign):
        with pytest.raises(DatabaseUnavailable):
            await store.api_keys.touch_last_used("prefix", NOW)

        assert not adding.done()
        foreign.execute("ROLLBACK")
        await adding


async def test_once_a_read_meets_damage_nothing_is_written_any_more(
    store: Store, workspace: Workspace, path: Path
) -> None:
    for _ in range(30):
        ticket = await store.intake.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
    await store.close()
    async with opened(path) as reopened:
        damage(path)

        with pytest.raises(DatabaseCorrupt, match=r"malformed|is damaged"):
            await reopened.tickets.raw_request(ticket.id)

        assert reopened.broken.is_set()
        assert isinstance(await reopened.health_error(), DatabaseCorrupt)
        with pytest.raises(DatabaseCorrupt, match=r"malformed|is damaged"):
            await reopened.workspaces.add(HUB, NOW)


async def test_a_rollback_that_fails_ends_all_writing(store: Store) -> None:
    def fail_half_way(db: Db) -> None:
        db.run("INSERT INTO read_marks (channel_id, message_id) VALUES (1, 1)")
        raise UnknownTicket

    def deny_rollback(action: int, what: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, what) == (_TRANSACTION, "ROLLBACK") else sqlite3.SQLITE_OK

    await writer_of(store).set_authorizer(deny_rollback)

    with pytest.raises(DatabaseCorrupt):
        await engine_of(store).write(fail_half_way)

    assert store.broken.is_set()
    assert "a transaction cannot be ended" in str(await store.health_error())
    await writer_of(store).set_authorizer(None)


async def test_a_bug_in_our_sql_does_not_make_the_database_unhealthy(store: Store, path: Path) -> None:
    with raw(path) as db:
        db.execute("ALTER TABLE workspaces RENAME TO elsewhere")

    with pytest.raises(StorageError, match="no such table"):
        await store.workspaces.add(HUB, NOW)

    assert await store.health_error() is None


@pytest.mark.parametrize(
    ("code", "exception"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_IOERR_SHMSIZE, DiskFull),
        (sqlite3.SQLITE_IOERR, DatabaseCorrupt),
        (sqlite3.SQLITE_IOERR_FSYNC, DatabaseCorrupt),
        (sqlite3.SQLITE_IOERR_SHORT_READ, DatabaseCorrupt),
        (sqlite3.SQLITE_CORRUPT_INDEX, DatabaseCorrupt),
        (sqlite3.SQLITE_NOTADB, DatabaseCorrupt),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseUnavailable),
        (sqlite3.SQLITE_READONLY, DatabaseUnavailable),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, StorageError),
        (sqlite3.SQLITE_ERROR, StorageError),
    ],
)
def test_each_sqlite_error_becomes_the_exception_for_its_consequence(
    code: int, exception: type[StorageError]
) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_X"

    assert type(translate_error(error)) is exception
    assert str(translate_error(error)).startswith("The database failed: ")


async def test_the_observer_gets_the_seconds_of_transactions_and_the_failures(
    store: Store, workspace: Workspace
) -> None:
    timings: list[str] = []
    failures: list[StorageError] = []
    store.set_observer(
        lambda what, seconds: timings.append(what) if 0 <= seconds < 5 else None, failures.append
    )

    await store.workspaces.list_all()
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    with pytest.raises(WorkspaceNameTaken):
        await store.workspaces.add(HUB, NOW)

    await asyncio.sleep(0)  # the observer is called after the callers have their results
    assert timings == ["read", "wait", "write", "wait", "write"]
    assert failures == []


async def test_deliveries_are_counted_by_state_kind_and_channel(store: Store, workspace: Workspace) -> None:
    for _ in range(3):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    (post,) = await store.outbox.pending_for_ticket(report.id)
    await store.outbox.dead_letter([post], "no", NOW)

    found = {
        (one.state, one.kind, one.channel_id): (one.count, one.oldest)
        for one in await store.outbox_admin.depths()
    }

    assert found == {
        (DeliveryState.PENDING, DeliveryKind.POST, 2): (3, NOW),
        (DeliveryState.PENDING, DeliveryKind.THREAD, 2): (3, NOW),
        (DeliveryState.DEAD_LETTER, DeliveryKind.POST, 3): (1, NOW),
    }


async def test_tickets_are_counted_by_source_since_a_ticket(store: Store, workspace: Workspace) -> None:
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    before = await store.tickets.newest_id()
    for source in ("here", "there", "here"):
        await store.intake.add_ticket(workspace.id, new_ticket(source=source), ids(), NOW)

    assert await store.tickets.newest_created_at() == NOW
    assert await store.tickets.count_by_source(before, await store.tickets.newest_id()) == {
        "here": 2,
        "there": 1,
    }
