"""Backups: complete, verified, made while tickets come in; restored and compared with the original."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.workspace import Workspace
from storage import DatabaseLock, Store, open_store
from storage.errors import BackupFailed
from storage.sqlite.backup import (
    create_backup,
    newest_scheduled_at,
    prune_backups,
    restore_backup,
    scheduled_backup_name,
    verify_backup,
)
from tests.storage.samples import NOW, counted, everything_in, ids, new_ticket, raw, replying


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dump(path: Path) -> list[object]:
    """The contents of a database."""
    with closing(sqlite3.connect(path)) as db:
        return everything_in(db)


async def _filled(store: Store, workspace: Workspace, tickets: int) -> None:
    for _ in range(tickets):
        ticket = await store.intake.add_ticket(workspace.id, new_ticket(body="x" * 3000), ids(), NOW)
        await store.tickets.add_message(ticket.id, replying(), origin=f"o{ticket.id}", now=NOW)


async def test_a_commit_at_each_step_does_not_begin_a_backup_again(
    store: Store, workspace: Workspace, path: Path, tmp_path: Path
) -> None:
    for _ in range(20):
        await store.intake.add_ticket(workspace.id, new_ticket(body="x" * 200_000), ids(), NOW)
    copied: list[int] = []

    def commit(done: int, total: int) -> None:
        copied.append(done)
        assert len(copied) < 50, "the backup begins again after each commit"
        with raw(path) as other:
            other.execute("UPDATE tickets SET updated_at = updated_at + 1")

    backup = await asyncio.to_thread(create_backup, path, tmp_path / "b.db", commit)

    assert len(copied) > 3
    assert copied == sorted(copied)
    assert backup.tickets == 20


async def test_a_restored_database_is_what_was_backed_up(
    store: Store, workspace: Workspace, path: Path, tmp_path: Path
) -> None:
    await _filled(store, workspace, 20)
    backup = await asyncio.to_thread(create_backup, path, tmp_path / "backup.db")
    before = dump(path)
    await _filled(store, workspace, 5)
    await store.close()

    with DatabaseLock(path):
        aside = await asyncio.to_thread(restore_backup, backup.path, path, NOW)
    again = await open_store(path)
    stored = await again.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await again.close()

    assert backup.tickets == 20
    assert aside is not None
    assert verify_backup(aside) == 25
    assert verify_backup(path) == 21
    assert stored.id == 21
    assert dump(backup.path) == before


async def test_a_backup_under_load_has_all_that_was_acknowledged_before_it_started(
    store: Store, workspace: Workspace, path: Path, tmp_path: Path
) -> None:
    acknowledged = 0
    more = asyncio.Event()

    async def load() -> None:
        nonlocal acknowledged
        while True:
            await _filled(store, workspace, 1)
            acknowledged += 1
            more.set()

    loading = asyncio.create_task(load())
    for number in range(5):
        more.clear()
        await more.wait()
        before = acknowledged
        backup = await asyncio.to_thread(create_backup, path, tmp_path / f"{number}.db")
        assert before <= backup.tickets <= acknowledged + 1
    loading.cancel()
    await asyncio.wait([loading])

    assert acknowledged >= 5


async def test_the_progress_of_a_backup_is_reported_to_its_end(
    store: Store, workspace: Workspace, path: Path, tmp_path: Path
) -> None:
    await _filled(store, workspace, 400)
    steps: list[tuple[int, int]] = []

    await asyncio.to_thread(
        create_backup, path, tmp_path / "b.db", lambda done, total: steps.append((done, total))
    )

    assert len(steps) > 1
    assert steps[-1][0] == steps[-1][1]


async def test_the_copy_does_not_begin_again_when_a_ticket_comes_in(
    store: Store, workspace: Workspace, path: Path, tmp_path: Path
) -> None:
    await _filled(store, workspace, 800)
    loop, steps = asyncio.get_running_loop(), list[int]()

    def add_one(done: int, total: int) -> None:
        steps.append(done)
        assert steps == sorted(steps)
        asyncio.run_coroutine_threadsafe(_filled(store, workspace, 1), loop).result()

    backup = await asyncio.to_thread(create_backup, path, tmp_path / "b.db", add_one)

    assert len(steps) > 2
    assert backup.tickets == 800


def test_what_a_killed_backup_left_is_deleted_by_the_next_in_that_folder(tmp_path: Path) -> None:
    _closed(tmp_path / "tickets.db")
    folder = tmp_path / "backups"
    folder.mkdir()
    for suffix in ("", "-journal", "-wal", "-shm"):
        (folder / f".ticketbridge-20250114-103000.db.77.unfinished{suffix}").touch()
    (folder / ".other").touch()

    create_backup(tmp_path / "tickets.db", folder / "new.db")

    assert names_in(folder) == [".other", "new.db"]


def test_a_backup_that_is_being_made_is_not_taken_for_one_that_was_killed(tmp_path: Path) -> None:
    _closed(tmp_path / "tickets.db")
    folder = tmp_path / "backups"

    def make_another(done: int, total: int) -> None:
        create_backup(tmp_path / "tickets.db", folder / "second.db")

    create_backup(tmp_path / "tickets.db", folder / "first.db", make_another)

    assert names_in(folder) == ["first.db", "second.db"]
    assert verify_backup(folder / "first.db") == 0


def _die(done: int, total: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_backup_no_longer_protects_what_it_left(tmp_path: Path) -> None:
    _closed(tmp_path / "tickets.db")
    folder = tmp_path / "backups"

    process = multiprocessing.get_context("spawn").Process(
        target=create_backup, args=(tmp_path / "tickets.db", folder / "first.db", _die)
    )
    process.start()
    process.join()
    left = names_in(folder)
    create_backup(tmp_path / "tickets.db", folder / "second.db")

    assert process.exitcode == -signal.SIGKILL
    assert left
    assert names_in(folder) == ["second.db"]


def _closed(path: Path) -> None:
    async def make() -> None:
        store = await open_store(path)
        await store.close()

    asyncio.run(make())


def test_a_database_that_is_not_open_can_be_backed_up(tmp_path: Path) -> None:
    _closed(tmp_path / "tickets.db")

    backup = create_backup(tmp_path / "tickets.db", tmp_path / "folder" / "backup.db")

    assert backup.tickets == 0
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    assert names_in(tmp_path / "folder") == ["backup.db"]


def test_a_backup_never_replaces_a_file(tmp_path: Path) -> None:
    _closed(tmp_path / "tickets.db")
    (tmp_path / "there").write_text("precious")

    with pytest.raises(BackupFailed, match="there already"):
        create_backup(tmp_path / "tickets.db", tmp_path / "there")

    assert (tmp_path / "there").read_text() == "precious"


def test_a_backup_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database" * 1000)

    with pytest.raises(BackupFailed, match="There is no database"):
        create_backup(tmp_path / "nothing", tmp_path / "backup.db")
    with pytest.raises(BackupFailed, match=r"cannot be written|not a ticketbridge database"):
        create_backup(tmp_path / "text", tmp_path / "backup.db")

    assert names_in(tmp_path) == ["text"]


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    path = tmp_path / "tickets.db"
    _closed(path)
    backup = create_backup(path, tmp_path / "backup.db").path
    content = bytearray(backup.read_bytes())
    content[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    backup.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(BackupFailed, match="damaged"):
        restore_backup(backup, path, NOW)

    assert path.read_bytes() == before


def test_a_backup_of_a_newer_version_is_not_restored(tmp_path: Path) -> None:
    path = tmp_path / "tickets.db"
    _closed(path)
    backup = create_backup(path, tmp_path / "backup.db").path
    with closing(sqlite3.connect(backup)) as db:
        db.execute("PRAGMA user_version = 999")

    with pytest.raises(BackupFailed, match="version 999, newer"):
        restore_backup(backup, path, NOW)


def test_a_backup_is_restored_over_no_file_or_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "tickets.db"
    _closed(path)
    backup = create_backup(path, tmp_path / "backup.db").path

    assert restore_backup(backup, tmp_path / "new.db", NOW) is None
    assert verify_backup(tmp_path / "new.db") == 0

    path.write_bytes(b"rubbish" * 1000)
    aside = restore_backup(backup, path, NOW)

    assert aside is not None
    assert aside.read_bytes() == b"rubbish" * 1000
    assert verify_backup(path) == 0


def test_only_the_newest_scheduled_backups_are_retained(tmp_path: Path) -> None:
    names = [scheduled_backup_name(NOW + timedelta(hours=hour)) for hour in range(5)]
    for name in [*names, "ticketbridge-mine.db", "other.db"]:
        (tmp_path / name).touch()

    now = NOW + timedelta(hours=5)
    gone = prune_backups(tmp_path, 2, now)

    assert [path.name for path in gone] == names[:3]
    assert names_in(tmp_path) == sorted([*names[3:], "ticketbridge-mine.db", "other.db"])
    assert prune_backups(tmp_path, 2, now) == []


def test_after_a_clock_was_set_back_the_new_backup_is_retained_and_counts_as_the_newest(
    tmp_path: Path,
) -> None:
    before, ahead = (scheduled_backup_name(NOW + timedelta(hours=hours)) for hours in (-48, 1))
    made = scheduled_backup_name(NOW)
    for name in (before, ahead, made):
        (tmp_path / name).touch()

    prune_backups(tmp_path, 1, NOW)

    assert names_in(tmp_path) == [made]
    assert newest_scheduled_at(tmp_path, NOW) == NOW
    assert newest_scheduled_at(tmp_path, NOW - timedelta(hours=1)) is None


async def test_a_backup_includes_what_is_still_in_the_wal(
    store: Store, workspace: Workspace, path: Path, tmp_path: Path
) -> None:
    await _filled(store, workspace, 3)

    assert path.with_name(path.name + "-wal").stat().st_size > 0
    assert (
        (await asyncio.to_thread(create_backup, path, tmp_path / "b.db")).tickets
        == counted(path, "tickets")
        == 3
    )


def test_a_database_of_another_program_is_not_restored(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as db:
        db.execute("CREATE TABLE tickets (a)")

    with pytest.raises(BackupFailed, match="not a ticketbridge database"):
        restore_backup(tmp_path / "foreign.db", tmp_path / "tickets.db", NOW)

    assert names_in(tmp_path) == ["foreign.db"]


def test_a_link_to_a_database_stays_a_link(tmp_path: Path) -> None:
    _closed(tmp_path / "tickets.db")
    backup = create_backup(tmp_path / "tickets.db", tmp_path / "backup.db").path
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "t.db"
    link.symlink_to(tmp_path / "tickets.db")

    restore_backup(backup, link, NOW)

    assert link.is_symlink()
    assert verify_backup(link) == 0
    assert names_in(tmp_path / "links") == ["t.db"]
