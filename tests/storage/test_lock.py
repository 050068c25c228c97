"""The database lock: one process per database, for exactly as long as that process lives."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from storage import DatabaseInUse, DatabaseLock, DatabaseOpenError, lock_path, read_address
from tests.storage.samples import HUB, NOW, opened, raw
from tests.support.crash_worker import crash_worker

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has locks of an open file")


def test_a_second_holder_is_refused_with_the_file_and_advice(path: Path) -> None:
    with (
        DatabaseLock(path),
        pytest.raises(DatabaseInUse, match=r"^Another ticketbridge is using tickets\.db\. Stop it first"),
        DatabaseLock(path),
    ):
        raise AssertionError("two hold one lock")


def test_a_released_lock_can_be_acquired_again(path: Path) -> None:
    for _ in range(3):
        with DatabaseLock(path):
            pass


def test_a_refused_holder_changes_neither_lock_nor_address(path: Path) -> None:
    with DatabaseLock(path) as lock:
        lock.publish_address("mine")
        for _ in range(2):
            with pytest.raises(DatabaseInUse), DatabaseLock(path):
                pass

        assert read_address(path) == "mine"


def test_each_database_has_its_own_lock(path: Path) -> None:
    with DatabaseLock(path), DatabaseLock(path.with_name("other.db")):
        assert lock_path(path) != lock_path(path.with_name("other.db"))


async def test_the_lock_holds_between_processes_and_ends_with_its_holder(path: Path) -> None:
    async with crash_worker("lock", path, "a note") as process:
        assert process.stdout is not None
        await process.stdout.readline()
        with pytest.raises(DatabaseInUse), DatabaseLock(path):
            pass
        assert read_address(path) == "a note"

        process.kill()
        await process.wait()

    with DatabaseLock(path):
        assert read_address(path) == ""


def test_a_published_address_is_replaced_whole_and_removed_with_its_holder(path: Path) -> None:
    with DatabaseLock(path) as lock:
        lock.publish_address("a long note about little")
        lock.publish_address("short")
        assert read_address(path) == "short"

    assert read_address(path) == ""
    with pytest.raises(ValueError, match="not held"):
        lock.publish_address("too late")


def test_an_address_that_was_never_published_is_empty(path: Path) -> None:
    assert read_address(path) == ""


def test_the_published_address_is_readable_by_the_owner_alone(path: Path) -> None:
    with DatabaseLock(path):
        assert stat.S_IMODE(lock_path(path).stat().st_mode) == 0o600


def test_a_lock_that_cannot_be_written_says_why(path: Path) -> None:
    nowhere = path.parent / "nowhere" / "tickets.db"

    with pytest.raises(DatabaseOpenError, match="No such file or directory"), DatabaseLock(nowhere):
        pass


def test_a_link_to_a_database_is_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "t.db").symlink_to(tmp_path / "tickets.db")

    with DatabaseLock(tmp_path / "tickets.db"), pytest.raises(DatabaseInUse):
        DatabaseLock(tmp_path / "links" / "t.db").__enter__()


@pytest.fixture
def created(path: Path) -> Path:
    path.touch()
    return path


@needs_linux
def test_the_database_stays_locked_when_its_lock_file_is_deleted(created: Path) -> None:
    with DatabaseLock(created):
        lock_path(created).unlink()
        with pytest.raises(DatabaseInUse), DatabaseLock(created):
            pass

    with DatabaseLock(created):
        pass


@needs_linux
def test_a_hard_link_to_a_database_is_the_same_database(created: Path) -> None:
    link = created.with_name("link.db")
    link.hardlink_to(created)

    with DatabaseLock(created), pytest.raises(DatabaseInUse), DatabaseLock(link):
        pass


@needs_linux
def test_a_database_created_under_the_lock_can_be_locked_itself(path: Path) -> None:
    with DatabaseLock(path) as lock:
        path.touch()
        lock.lock_database()
        lock_path(path).unlink()
        with pytest.raises(DatabaseInUse), DatabaseLock(path):
            pass


@needs_linux
async def test_sqlite_and_its_own_locks_are_not_in_the_way(path: Path) -> None:
    for _ in range(2):
        with DatabaseLock(path) as lock:
            async with opened(path) as store:
                lock.lock_database()
                with raw(path) as db:
                    db.execute("BEGIN IMMEDIATE")
                    with pytest.raises(DatabaseInUse), DatabaseLock(path):
                        pass
                await store.workspaces.add(replace(HUB, name=str(id(lock))), NOW)
