"""A file of the open database that is deleted or replaced is noticed, whichever it is."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import storage.sqlite.file_watch
from storage import DatabaseCorrupt, DatabaseLock
from storage.sqlite.file_watch import FileWatch, changed_files, files_of, identify_files
from tests.storage.samples import HUB, NOW, opened


def delete(path: Path) -> None:
    path.unlink()


def replace_by_a_copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def rename(path: Path) -> None:
    path.rename(path.with_name("renamed"))


@pytest.fixture
async def watch(path: Path) -> AsyncIterator[FileWatch]:
    """The watch of a database that is open."""
    with DatabaseLock(path):
        async with opened(path) as store:
            await store.workspaces.add(HUB, NOW)
            yield FileWatch(path)


@pytest.mark.parametrize("change", [delete, replace_by_a_copy, rename])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
async def test_a_deleted_or_replaced_file_is_named(
    watch: FileWatch, path: Path, suffix: str, change: Callable[[Path], None]
) -> None:
    watch.check()
    changed = path.with_name(path.name + suffix)
    change(changed)

    with pytest.raises(DatabaseCorrupt, match=f"{changed.name} was deleted or replaced while"):
        watch.check()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
async def test_an_open_store_accepts_nothing_any_more_once_a_file_is_deleted(path: Path, suffix: str) -> None:
    with DatabaseLock(path):
        async with opened(path) as store:
            deleted = path.with_name(path.name + suffix)
            delete(deleted)

            await asyncio.wait_for(store.broken.wait(), 60)

            with pytest.raises(DatabaseCorrupt, match=f"{deleted.name} was deleted or replaced"):
                await store.workspaces.add(HUB, NOW)
            assert deleted.name in str(await store.health_error())


async def test_a_write_looks_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path) as store:
        monkeypatch.setattr(storage.sqlite.file_watch, "CHECK_INTERVAL", 0.0)
        delete(path)

        with pytest.raises(DatabaseCorrupt, match=r"tickets\.db was deleted or replaced"):
            await store.workspaces.add(HUB, NOW)
        assert store.broken.is_set()


async def test_a_moved_folder_is_noticed(watch: FileWatch, path: Path) -> None:
    rename(path.parent)

    with pytest.raises(DatabaseCorrupt, match="deleted or replaced"):
        watch.check()


async def test_a_database_that_is_written_read_and_linked_is_unchanged(watch: FileWatch, path: Path) -> None:
    os.link(path, path.with_name("link"))
    os.chmod(path, 0o640)  # noqa: PTH101  # pathlib is refused here
    os.utime(path)

    async with opened(path) as store:
        await store.workspaces.list_all()
    watch.check()


async def test_a_symbolic_link_that_leads_elsewhere_now_is_noticed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    async with opened(link):
        watch = FileWatch(link)
        watch.check()
        link.unlink()
        link.symlink_to(tmp_path / "other.db")

        with pytest.raises(DatabaseCorrupt, match=r"link\.db was deleted or replaced"):
            watch.check()


async def test_a_commit_looks_once_a_second_at_most(
    watch: FileWatch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete(path)
    watch.check_if_due()
    monkeypatch.setattr(storage.sqlite.file_watch, "CHECK_INTERVAL", 0.0)

    with pytest.raises(DatabaseCorrupt):
        watch.check_if_due()


def test_files_that_were_not_there_at_first_are_not_missed(path: Path) -> None:
    opened_files = identify_files(files_of(path))
    path.touch()

    assert opened_files == {}
    assert changed_files(opened_files, identify_files(files_of(path))) == []
