"""A database that fails: what is told, what is kept, and when it takes something again, if ever."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.tickets.errors import UnknownTicket
from bot.tickets.outbox import DeliveryKind, DeliveryState, Destination
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import (
    DatabaseCorrupt,
    DatabaseOpenError,
    DatabaseUnavailable,
    DiskFull,
    StorageError,
    Store,
    WorkspaceNameTaken,
)
from storage.errors import translate_error
from tests.storage.samples import HUB, NOW, WRITER, counted, ids, new_ticket, opened, raw

LONG = "Quite badly. " * 2000
_TRANSACTION = 22  # SQLITE_TRANSACTION, an authorizer's word for BEGIN, COMMIT and ROLLBACK

Beset = tuple[Store, Workspace, list["asyncio.Task[Ticket]"], sqlite3.Connection]


async def fill_up(store: Store) -> None:
    """From now on the file may not grow."""
    (row,) = await store._writer.execute_fetchall("PRAGMA page_count")
    await store._writer.execute(f"PRAGMA max_page_count = {row[0]}")


async def free_space(store: Store) -> None:
    await store._writer.execute("PRAGMA max_page_count = 1000000")


async def add_until_full(store: Store, workspace: Workspace) -> list[str]:
    """The public ids of those that were kept."""
    kept: list[str] = []
    while len(kept) < 100:
        try:
            ticket = await store.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
        except DiskFull:
            return kept
        kept.append(ticket.public_id)
    raise AssertionError("the disk is never full")


def damage(path: Path) -> None:
    """Write over everything but the first pages, which name the tables."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(20 * 4096)
        file.write(b"\xff" * (size - 20 * 4096))


async def test_on_a_full_disk_nothing_is_half_kept_and_all_goes_on_once_there_is_room(
    store: Store, workspace: Workspace, path: Path
) -> None:
    await fill_up(store)
    kept = await add_until_full(store, workspace)
    assert counted(path, "tickets") == len(kept)
    assert counted(path, "outbox") == 2 * len(kept)

    await free_space(store)

    await store.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
    assert counted(path, "tickets") == len(kept) + 1
    assert not store.broken.is_set()


async def test_a_full_disk_is_noticed_and_so_is_its_end_without_a_ticket_that_comes(
    store: Store, workspace: Workspace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await store.health_error() is None
    await fill_up(store)
    await add_until_full(store, workspace)
    monkeypatch.setattr("storage.health.PROBE_INTERVAL", 0.0)
    assert isinstance(await store.health_error(), DiskFull)

    await free_space(store)

    assert await store.health_error() is None
    assert counted(path, "room") == 0


async def test_a_small_write_that_finds_room_on_a_full_disk_does_not_make_it_well(
    store: Store, workspace: Workspace
) -> None:
    await fill_up(store)
    await add_until_full(store, workspace)

    await store.change_workspace(workspace.id, lambda found: found)

    assert isinstance(await store.health_error(), DiskFull)


async def test_a_store_in_trouble_is_tried_once_a_second_however_often_it_is_asked(
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
async def beset(path: Path, *, patience: float, writers: int) -> AsyncIterator[Beset]:
    """A store whose file another program has locked, and tasks that want to add a ticket each."""
    async with opened(path) as store:
        workspace = await store.add_workspace(HUB, NOW)
    store = await Store.open(path, busy_timeout=patience)
    with raw(path) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        waiting = [
            asyncio.create_task(store.add_ticket(workspace.id, new_ticket(), ids(), NOW))
            for _ in range(writers)
        ]
        await asyncio.sleep(0)
        try:
            yield store, workspace, waiting, foreign
        finally:
            await store.close()


async def test_a_lock_held_for_less_than_the_patience_fails_nobody(path: Path) -> None:
    async with beset(path, patience=60.0, writers=20) as (store, workspace, waiting, foreign):
        for _ in range(20):
            assert await store.workspaces() == [workspace]
        assert not any(task.done() for task in waiting)
        foreign.execute("ROLLBACK")

        assert len({ticket.id for ticket in await asyncio.gather(*waiting)}) == 20


async def test_a_lock_held_for_longer_fails_each_writer_after_its_own_patience(path: Path) -> None:
    async with beset(path, patience=0.8, writers=20) as (store, workspace, waiting, foreign):
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(result) for result in results} == {DatabaseUnavailable}

        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        assert time.monotonic() - began > 0.7
        foreign.execute("ROLLBACK")

        await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        assert counted(path, "tickets") == 1


async def test_a_writer_that_gives_up_waiting_leaves_no_open_transaction(path: Path) -> None:
    async with beset(path, patience=0.3, writers=5) as (store, _, waiting, foreign):
        waiting[3].cancel()
        await asyncio.wait(waiting)
        foreign.execute("ROLLBACK")

        foreign.execute("PRAGMA busy_timeout = 0")
        foreign.execute("BEGIN IMMEDIATE")
        foreign.execute("ROLLBACK")
        assert await store.health_error() is None


async def test_a_use_of_a_key_is_not_waited_for_as_long_as_a_ticket(path: Path) -> None:
    async with beset(path, patience=60.0, writers=1) as (store, _, (adding,), foreign):
        with pytest.raises(DatabaseUnavailable):
            await store.touch_key_last_used("prefix", NOW)

        assert not adding.done()
        foreign.execute("ROLLBACK")
        await adding


async def test_a_damaged_file_is_refused_with_the_way_to_restore_it(
    store: Store, workspace: Workspace, path: Path
) -> None:
    for _ in range(30):
        await store.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
    await store.close()
    damage(path)

    with pytest.raises(DatabaseOpenError, match=r"tickets\.db is damaged .*ticketbridge restore PATH"):
        await Store.open(path)


async def test_damage_that_nothing_meets_on_the_way_in_is_found_all_the_same(
    store: Store, workspace: Workspace, path: Path
) -> None:
    for _ in range(30):
        await store.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
    await store.close()
    with path.open("r+b") as file:
        file.seek(-4096, 2)
        file.write(b"\xff" * 4096)

    with pytest.raises(DatabaseOpenError, match=r"tickets\.db is damaged .*ticketbridge restore PATH"):
        await Store.open(path)


async def test_once_a_read_meets_damage_nothing_is_taken_any_more(
    store: Store, workspace: Workspace, path: Path
) -> None:
    for _ in range(30):
        ticket = await store.add_ticket(workspace.id, new_ticket(body=LONG), ids(), NOW)
    await store.close()
    async with opened(path) as again:
        damage(path)

        with pytest.raises(DatabaseCorrupt, match="malformed"):
            await again.raw_request(ticket.id)

        assert again.broken.is_set()
        assert isinstance(await again.health_error(), DatabaseCorrupt)
        with pytest.raises(DatabaseCorrupt, match="malformed"):
            await again.add_workspace(HUB, NOW)


async def test_a_rollback_that_fails_does_not_hide_what_made_it_necessary(
    store: Store, workspace: Workspace
) -> None:
    def deny_rollback(action: int, what: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, what) == (_TRANSACTION, "ROLLBACK") else sqlite3.SQLITE_OK

    await store._writer.set_authorizer(deny_rollback)

    with pytest.raises(UnknownTicket):
        await store.change_ticket(99, lambda ticket: ticket, NOW, actor=WRITER)

    assert store.broken.is_set()
    assert "a transaction cannot be ended" in str(await store.health_error())
    await store._writer.set_authorizer(None)


async def test_a_mistake_of_ours_is_no_trouble_of_the_database(store: Store, path: Path) -> None:
    with raw(path) as db:
        db.execute("ALTER TABLE workspaces RENAME TO elsewhere")

    with pytest.raises(StorageError, match="no such table"):
        await store.add_workspace(HUB, NOW)

    assert await store.health_error() is None


@pytest.mark.parametrize(
    ("code", "meaning"),
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
def test_what_fails_is_called_by_what_follows_from_it(code: int, meaning: type[StorageError]) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_X"

    assert type(translate_error(error)) is meaning
    assert str(translate_error(error)).startswith("The database failed: ")


async def test_how_long_transactions_take_and_what_fails_is_told_to_who_watches(
    store: Store, workspace: Workspace
) -> None:
    took: list[str] = []
    failures: list[StorageError] = []
    store.set_observer(lambda what, seconds: took.append(what) if 0 <= seconds < 5 else None, failures.append)

    await store.workspaces()
    await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    with pytest.raises(WorkspaceNameTaken):
        await store.add_workspace(HUB, NOW)

    assert took == ["read", "wait", "write", "wait"]
    assert failures == []


async def test_what_waits_is_counted_by_state_kind_and_channel(store: Store, workspace: Workspace) -> None:
    for _ in range(3):
        await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    report = await store.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    (post,) = await store.pending_for_ticket(report.id, Destination.DISCORD)
    await store.dead_letter(post, "no", NOW)

    found = {
        (one.state, one.kind, one.channel_id): (one.count, one.oldest) for one in await store.outbox_depths()
    }

    assert found == {
        (DeliveryState.PENDING, DeliveryKind.POST, 2): (3, NOW),
        (DeliveryState.PENDING, DeliveryKind.THREAD, 2): (3, NOW),
        (DeliveryState.DEAD_LETTER, DeliveryKind.POST, 3): (1, NOW),
    }


async def test_tickets_are_counted_by_source_between_two_looks(store: Store, workspace: Workspace) -> None:
    await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    before = await store.newest_ticket_id()
    for source in ("here", "there", "here"):
        await store.add_ticket(workspace.id, new_ticket(source=source), ids(), NOW)

    assert await store.count_tickets_by_source(before, await store.newest_ticket_id()) == {
        "here": 2,
        "there": 1,
    }
