"""Opens SQLite connections with WAL, synchronous commits, foreign keys and our SQL functions."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import aiosqlite

from storage.errors import DatabaseOpenError
from storage.sqlite.errors import is_corruption
from storage.sqlite.integrity import find_damage, find_damage_in_small_tables, must_check_first
from storage.sqlite.migrate import migrate

# synchronous and foreign_keys belong to the connection, not the file: every connection sets them.
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # What is deleted is overwritten with zeros, so that erased texts are in no free page.
    "PRAGMA secure_delete = ON",
)
_READER_SETTINGS = (
    *_SETTINGS,
    "PRAGMA query_only = ON",
    # 16 MiB: with a million tickets, a text search takes 1.5 times as long with the default 2 MiB.
    "PRAGMA cache_size = -16384",
)
BUSY_TIMEOUT = 5.0  # seconds to wait for a lock that another program holds

Result = TypeVar("Result")


async def open_connections(path: Path) -> tuple[aiosqlite.Connection, aiosqlite.Connection]:
    """Open the connection that writes and the one that reads, and migrate the file.

    A new file is readable by its owner alone. Raises DatabaseOpenError, also for a corrupt file.
    """
    writer = await open_writer(path)
    try:
        await run_in_thread(writer, migrate)
        return writer, await open_reader(path)
    # BaseException: the thread of a connection left open would keep a cancelled start from ending.
    except BaseException as error:
        await writer.close()
        if isinstance(error, sqlite3.Error):
            raise _migration_error(path, error) from error
        raise


async def open_writer(path: Path) -> aiosqlite.Connection:
    """Open the one connection that writes and checkpoints. Raises DatabaseOpenError."""
    try:
        await asyncio.to_thread(path.touch, mode=0o600)
        return await _open_checked(path)
    except (OSError, sqlite3.Error) as error:
        if is_corruption(error):
            raise corrupt_error(path, error) from error
        raise DatabaseOpenError(
            f"{path} cannot be opened as a database ({_reason(error)}). "
            "Check the path and its permissions, or move a foreign file out of the way."
        ) from error


def corrupt_error(path: Path, reason: object) -> DatabaseOpenError:
    """The error for a file that SQLite finds corrupt."""
    return DatabaseOpenError(
        f"{path} is damaged ({reason}). Put a backup in its place: `ticketbridge restore PATH`; "
        "what is there now is kept beside it."
    )


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Open a read-only connection; it sees the last commit and never waits for the writer."""
    return await _open(path, _READER_SETTINGS)


async def _open_checked(path: Path) -> aiosqlite.Connection:
    check = find_damage if must_check_first(path) else find_damage_in_small_tables
    db = await _open(path)
    try:
        if damage := await run_in_thread(db, check):
            raise corrupt_error(path, damage)
    # BaseException: the thread of a connection left open would keep a cancelled start from ending.
    except BaseException:
        await db.close()
        raise
    return db


async def _open(path: Path, settings: Sequence[str] = _SETTINGS) -> aiosqlite.Connection:
    db = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT)
    try:
        for setting in settings:
            await db.execute(setting)
        db.row_factory = sqlite3.Row
        await _require_synchronous(db)
    # BaseException: the thread of a connection left open would keep a cancelled start from ending.
    except BaseException:
        await db.close()
        raise
    return db


async def run_in_thread(db: aiosqlite.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
    """Run `work` with the raw connection in its thread: many statements in one thread switch.

    aiosqlite's own methods switch threads for each statement, and it has no public name for this.
    """
    result: Result = await db._execute(lambda: work(db._conn))  # type: ignore[no-untyped-call]
    return result


async def _require_synchronous(db: aiosqlite.Connection) -> None:
    async with db.execute("PRAGMA synchronous") as cursor:
        row = await cursor.fetchone()
    if row is None or row[0] < 2:
        raise sqlite3.OperationalError("this file system refuses synchronous writes")


def _migration_error(path: Path, error: sqlite3.Error) -> DatabaseOpenError:
    if is_corruption(error):
        return corrupt_error(path, error)
    return DatabaseOpenError(
        f"{path} cannot be made a ticketbridge database ({error}). "
        "Check that no other program uses it, or move a foreign file out of the way."
    )


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
