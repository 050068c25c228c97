"""What was acknowledged is stored: connection settings, cancelled tasks, locks of other programs, kill -9."""

import asyncio
import os
import random
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiosqlite
import pytest

from bot.tickets.outbox import DeliveryKind
from bot.tickets.workspace import Workspace
from storage import StorageError, Store, Topic, open_store
from storage.sqlite.connection import open_reader, open_writer
from tests.storage.samples import HUB, NOW, counted, ids, new_ticket, opened, raw
from tests.support.crash_worker import crash_worker

Opening = Callable[[Path], Awaitable[aiosqlite.Connection]]


@pytest.mark.parametrize("opening", [open_writer, open_reader])
@pytest.mark.parametrize(
    ("setting", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
async def test_every_connection_has_the_durable_settings(
    path: Path, opening: Opening, setting: str, value: object
) -> None:
    db = await opening(path)
    try:
        rows = await db.execute_fetchall(f"PRAGMA {setting}")
    finally:
        await db.close()

    assert [tuple(row) for row in rows] == [(value,)]


async def test_the_reader_cannot_write(store: Store, path: Path) -> None:
    reader = await open_reader(path)
    try:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.execute("DELETE FROM workspaces")
    finally:
        await reader.close()


async def test_a_new_file_is_readable_by_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        store = await open_store(path)
        await store.workspaces.add(HUB, NOW)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        await store.close()
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(("tickets.db", "tickets.db-wal", "tickets.db-shm"), 384)


async def test_a_stored_ticket_is_there_after_closing_and_opening(store: Store, path: Path) -> None:
    workspace = await store.workspaces.add(HUB, NOW)
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.close()

    reopened = await open_store(path)
    try:
        assert await reopened.tickets.get(ticket.id) == ticket
    finally:
        await reopened.close()


async def test_closing_waits_for_a_write_in_progress(path: Path) -> None:
    store = await open_store(path)
    adding = asyncio.create_task(store.workspaces.add(HUB, NOW))
    await asyncio.sleep(0)

    await store.close()

    assert (await adding).name == "hub"
    assert counted(path, "workspaces") == 1


@pytest.mark.parametrize("together", [True, False])
async def test_a_cancelled_task_leaves_no_open_transaction(
    store: Store, workspace: Workspace, path: Path, together: bool
) -> None:
    def writing() -> Awaitable[object]:
        if together:
            return store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        return store.workspaces.change(workspace.id, lambda found: replace(found, staff_role_id=5))

    for steps in range(60):
        adding = asyncio.ensure_future(writing())
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(steps / 30_000)
        adding.cancel()
        await asyncio.wait([adding])

        with raw(path) as db:
            # A transaction in the writer's thread ends there, although its task was cancelled.
            db.execute("PRAGMA busy_timeout = 1000")
            db.execute("BEGIN IMMEDIATE")  # refused if a transaction were still open

    last = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    assert await store.tickets.get(last.id) == last
    assert counted(path, "outbox") == 2 * counted(path, "tickets")


async def test_a_ticket_of_a_cancelled_request_is_still_delivered_once_committed(
    store: Store, workspace: Workspace, path: Path
) -> None:
    outbox_changed = store.subscribe(Topic.OUTBOX)
    adding = asyncio.create_task(store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW))
    while counted(path, "tickets") == 0:
        await asyncio.sleep(0)
        time.sleep(0.002)  # noqa: ASYNC251  # the commit comes through while the loop stands still

    adding.cancel()
    await asyncio.wait([adding])

    await outbox_changed.wait()


async def test_a_foreign_write_lock_makes_writers_wait_and_readers_not(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with raw(path) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE workspaces SET staff_role_id = 5")
        adding = asyncio.create_task(store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW))

        for _ in range(20):
            assert await store.workspaces.list_all() == [workspace]
        assert not adding.done()

        db.execute("COMMIT")

    assert (await adding).workspace_id == workspace.id


async def test_a_write_fails_while_another_program_holds_the_lock_and_succeeds_afterwards(path: Path) -> None:
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
    store = await open_store(path, busy_timeout=0.3)
    with raw(path) as db:
        db.execute("BEGIN IMMEDIATE")
        start = time.monotonic()

        with pytest.raises(StorageError, match="locked"):
            await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

        assert time.monotonic() - start > 0.25
        db.execute("ROLLBACK")

    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    assert counted(path, "tickets") == 1
    await store.close()


async def test_a_failed_read_raises_a_storage_error_with_the_reason(store: Store, path: Path) -> None:
    with raw(path) as db:
        db.execute("ALTER TABLE workspaces RENAME TO elsewhere")

    with pytest.raises(StorageError, match=r"^The database failed: no such table: workspaces\.$"):
        await store.workspaces.list_all()


async def test_acknowledged_tickets_survive_kill_9(store: Store, workspace: Workspace, path: Path) -> None:
    await store.close()
    acknowledged: set[tuple[str, str]] = set()

    for start in range(4):
        async with crash_worker("add", path, str(start)) as process:
            assert process.stdout is not None
            for _ in range(random.randint(1, 100)):  # noqa: S311  # any moment will do
                acknowledged.add(_noun_and_name(await process.stdout.readline()))
            process.kill()
            rest = await process.stdout.read()
        acknowledged.update(
            _noun_and_name(line) for line in rest.splitlines(keepends=True) if line.endswith(b"\n")
        )

    with raw(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        delivered = set(
            db.execute("SELECT public_id, kind FROM outbox JOIN tickets ON tickets.id = ticket_id")
        )
        alone = db.execute("SELECT count(*) FROM tickets WHERE id NOT IN (SELECT ticket_id FROM outbox)")
        assert alone.fetchone() == (0,)
    expected = {
        "ticket": (DeliveryKind.POST, DeliveryKind.THREAD),
        "reply": (DeliveryKind.POST_MESSAGE,),
    }
    assert len(acknowledged) > 20
    assert {(name, kind.value) for noun, name in acknowledged for kind in expected[noun]} <= delivered


def _noun_and_name(line: bytes) -> tuple[str, str]:
    noun, name = line.decode().split()
    return noun, name
