"""Damage of the file is found: before it is used after a crash, behind the first requests after a close."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import storage.sqlite.integrity
from bot.tickets.workspace import Workspace
from storage import DatabaseCorrupt, DatabaseOpenError, Store, open_store
from storage.sqlite.integrity import find_damage_in_small_tables, log_of, must_check_first
from tests.storage.samples import HUB, NOW, ids, new_ticket, opened
from tests.support.connections import engine_of

REFUSED = r"tickets\.db is damaged .*ticketbridge restore PATH"


@pytest.fixture
async def closed(store: Store, workspace: Workspace, path: Path) -> Path:
    """A database with tickets that was closed."""
    for _ in range(30):
        await store.intake.add_ticket(workspace.id, new_ticket(body="Quite badly. " * 2000), ids(), NOW)
    await store.close()
    return path


def damage_last_page(path: Path) -> None:
    """Overwrite a page of a ticket's text, which opening reads nowhere."""
    with path.open("r+b") as file:
        file.seek(-4096, 2)
        file.write(b"\xff" * 4096)


def damage_table(path: Path, name: str) -> None:
    """Overwrite the first page of a table."""
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


@pytest.fixture
def crashed(closed: Path) -> Path:
    """The database as a killed process leaves it: with its log."""
    log_of(closed).touch()
    return closed


async def test_a_crashed_file_that_is_damaged_is_refused_with_the_way_to_restore_it(crashed: Path) -> None:
    damage_last_page(crashed)

    with pytest.raises(DatabaseOpenError, match=REFUSED):
        await open_store(crashed)


async def test_damage_of_a_closed_file_ends_all_writing_soon_and_is_met_first_at_the_next_start(
    closed: Path,
) -> None:
    damage_last_page(closed)

    async with opened(closed) as store:
        await asyncio.wait_for(store.broken.wait(), 60)
        with pytest.raises(DatabaseCorrupt, match=r"tickets\.db is damaged"):
            await store.workspaces.add(HUB, NOW)
        assert "is damaged" in str(await store.health_error())

    with pytest.raises(DatabaseOpenError, match=REFUSED):
        await open_store(closed)


async def test_a_large_crashed_file_is_checked_behind_the_first_requests(
    crashed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_last_page(crashed)
    monkeypatch.setattr(storage.sqlite.integrity, "MAX_CHECKED_FIRST", 1000)

    async with opened(crashed) as store:
        assert len(await store.workspaces.list_all()) == 1
        await asyncio.wait_for(store.broken.wait(), 60)


@pytest.mark.parametrize("table", sorted(storage.sqlite.integrity._SMALL_TABLES))
async def test_what_every_request_needs_is_checked_first_even_in_a_closed_file(
    closed: Path, table: str
) -> None:
    damage_table(closed, table)

    with pytest.raises(DatabaseOpenError, match=REFUSED):
        await open_store(closed)


async def test_a_killed_process_leaves_the_log_that_tells_of_it(path: Path) -> None:
    assert not must_check_first(path)
    async with opened(path):
        assert must_check_first(path)

    assert not must_check_first(path)


@pytest.fixture
async def checked(closed: Path) -> AsyncIterator[Store]:
    """A store whose file was checked whole behind the first requests."""
    async with opened(closed) as store:
        check = engine_of(store)._check
        assert check is not None
        await asyncio.wait([check.task])
        yield store


async def test_an_intact_file_stays_in_use(checked: Store) -> None:
    assert not checked.broken.is_set()
    await checked.workspaces.add(replace(HUB, name="another"), NOW)


def test_a_table_that_is_not_there_yet_is_not_missed() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        assert find_damage_in_small_tables(db) is None
