"""Schema migrations: numbered SQL files, each applied once, in order, in its own transaction."""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

import aiosqlite

from storage.errors import DatabaseOpenError


def migrations() -> list[tuple[int, str]]:
    """Every migration as (number, SQL), in order. A file's name begins with its number."""
    folder = files("storage.sqlite") / "migrations"
    found = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in found)


def statements(script: str) -> Iterator[str]:
    """Split a script into statements; semicolons within a trigger end none."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


async def migrate(db: aiosqlite.Connection) -> None:
    """Bring the database to the newest version. A kill in the middle leaves the last complete version."""
    async with db.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    version = row[0] if row else 0
    known = migrations()
    if version > known[-1][0]:
        raise DatabaseOpenError(
            f"The database has version {version}, newer than this ticketbridge knows ({known[-1][0]}). "
            "Install the newer ticketbridge again, or restore an older backup."
        )
    # A migration that rebuilds a table drops it first, which foreign keys would forbid.
    await db.execute("PRAGMA foreign_keys = OFF")
    try:
        for number, script in known:
            if number > version:
                await _apply(db, number, script)
    finally:
        await db.execute("PRAGMA foreign_keys = ON")
    await _check_outbox_kinds(db)


async def _check_outbox_kinds(db: aiosqlite.Connection) -> None:
    """Raise DatabaseOpenError for a database of a build whose outbox had other kinds of deliveries.

    It has the same version, since 0.1.0 was not released then, and would reject every change of a ticket.
    """
    outbox = await db.execute_fetchall("SELECT sql FROM sqlite_master WHERE name = 'outbox'")
    if not all("'update_post'" in row["sql"] for row in outbox):
        raise DatabaseOpenError(
            "The database was made by an earlier build of 0.1.0, whose outbox this one cannot use. "
            "Go on with that build, or name a new file in [storage] path."
        )


async def _apply(db: aiosqlite.Connection, number: int, script: str) -> None:
    try:
        await db.execute("BEGIN IMMEDIATE")
        for statement in statements(script):
            await db.execute(statement)
        if await db.execute_fetchall("PRAGMA foreign_key_check"):
            raise DatabaseOpenError(
                f"The database cannot be brought to version {number}: some of its rows refer to nothing. "
                "Restore a backup, or ask for help with the file."
            )
        await db.execute(f"PRAGMA user_version = {number:d}")  # it takes no parameters
        await db.commit()
    # BaseException: an interrupted start must release the file's lock before it closes the file.
    except BaseException:
        await db.rollback()
        raise
