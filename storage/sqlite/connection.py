"""Opens SQLite connections with WAL, synchronous commits, foreign keys and our SQL functions."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from storage.errors import DatabaseOpenError, is_corruption
from storage.sqlite.search.trigrams import index_text

# synchronous and foreign_keys belong to the connection, not the file: every connection sets them.
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)
BUSY_TIMEOUT = 5.0  # seconds to wait for a lock that another program holds

Result = TypeVar("Result")


async def open_writer(path: Path) -> aiosqlite.Connection:
    """Open the one connection that writes and checkpoints. A new file is readable by its owner alone.

    Raises DatabaseOpenError, also for a corrupt file.
    """
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
    """Open a read-only connection; it sees the last commit and never waits for the writer.

    Read only with `execute_fetchall`: while a task holds a cursor open, every other read on the connection
    sees the snapshot of that cursor, however old.
    """
    db = await _open(path)
    await db.execute("PRAGMA query_only = ON")
    # 16 MiB: with a million tickets, a text search takes 1.5 times as long with the default 2 MiB.
    await db.execute("PRAGMA cache_size = -16384")
    return db


async def _open_checked(path: Path) -> aiosqlite.Connection:
    db = await _open(path)
    try:
        # Checks every page and row, but no index entry against its row: that takes several times as long.
        (result,) = await db.execute_fetchall("PRAGMA quick_check(1)")
        if result[0] != "ok":
            raise corrupt_error(path, result[0].splitlines()[-1])  # the first line only names the database
    # BaseException: the thread of a connection left open would keep a cancelled start from ending.
    except BaseException:
        await db.close()
        raise
    return db


async def _open(path: Path) -> aiosqlite.Connection:
    db = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT)
    try:
        for setting in _SETTINGS:
            await db.execute(setting)
        await db.create_function("holds", 2, _contains_casefold, deterministic=True)
        await db.create_function("words_of", 5, index_text, deterministic=True)
        db.row_factory = sqlite3.Row
        await _require_synchronous(db)
    # BaseException: as above.
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


def _contains_casefold(text: str | None, part: str) -> bool:
    """Whether a text contains a part, ignoring case. SQLite's own `lower` only knows A to Z."""
    return text is not None and part.casefold() in text.casefold()


async def _require_synchronous(db: aiosqlite.Connection) -> None:
    async with db.execute("PRAGMA synchronous") as cursor:
        row = await cursor.fetchone()
    if row is None or row[0] < 2:
        raise sqlite3.OperationalError("this file system refuses synchronous writes")


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
