"""SQLite connections, set up so that what is committed is on the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from storage.errors import DatabaseOpenError, is_corruption
from storage.trigrams import index_text

# synchronous and foreign_keys belong to the connection, not the file: every connection sets them.
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)
BUSY_TIMEOUT = 5.0  # seconds to wait for a lock of another program's

Result = TypeVar("Result")


async def open_writer(path: Path) -> aiosqlite.Connection:
    """The one connection that writes and checkpoints. A new file is made readable by its owner alone.

    Raises UnreadableDatabase, also for a file that is damaged.
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


def corrupt_error(path: Path, what: object) -> DatabaseOpenError:
    """The refusal of a file that SQLite finds damaged."""
    return DatabaseOpenError(
        f"{path} is damaged ({what}). Put a backup in its place: `ticketbridge restore PATH`; "
        "what is there now is kept beside it."
    )


async def open_reader(path: Path) -> aiosqlite.Connection:
    """A connection that can only read; it sees the last commit and never waits for the writer.

    Read with `execute_fetchall` alone: while one task holds a cursor open, every other read on the connection
    sees what that cursor sees, however old.
    """
    db = await _open(path)
    await db.execute("PRAGMA query_only = ON")
    # 16 MiB. Over a million tickets the usual 2 hold too little: a text is searched for half as long again.
    await db.execute("PRAGMA cache_size = -16384")
    return db


async def _open_checked(path: Path) -> aiosqlite.Connection:
    db = await _open(path)
    try:
        # Every page and row, but not every index entry against its row, which takes several times as long.
        (found,) = await db.execute_fetchall("PRAGMA quick_check(1)")
        if found[0] != "ok":
            raise corrupt_error(path, found[0].splitlines()[-1])  # the first line names the database, ours
    # BaseException: the thread of a connection that nobody has would keep a cancelled start from ending.
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
    """What `work` makes of the connection itself: many statements in one go of its thread.

    aiosqlite's own methods go there and back for each statement, and it has no public name for this.
    """
    result: Result = await db._execute(lambda: work(db._conn))  # type: ignore[no-untyped-call]
    return result


def _contains_casefold(text: str | None, part: str) -> bool:
    """Whether a text has that part, in any case. SQLite's own `lower` knows the letters A to Z alone."""
    return text is not None and part.casefold() in text.casefold()


async def _require_synchronous(db: aiosqlite.Connection) -> None:
    async with db.execute("PRAGMA synchronous") as cursor:
        row = await cursor.fetchone()
    if row is None or row[0] < 2:
        raise sqlite3.OperationalError("this file system refuses synchronous writes")


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
