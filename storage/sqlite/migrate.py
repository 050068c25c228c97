"""Schema migrations: numbered SQL files, each applied once, in order, in its own transaction."""

import sqlite3
import zlib
from collections.abc import Iterator
from importlib.resources import files

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


def migrate(db: sqlite3.Connection) -> None:
    """Bring the database to the newest version. A kill in the middle leaves the last complete version.

    Raises DatabaseOpenError, sqlite3.Error.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    known = migrations()
    if version > known[-1][0]:
        raise DatabaseOpenError(
            f"The database has version {version}, newer than this ticketbridge knows ({known[-1][0]}). "
            "Install the newer ticketbridge again, or restore an older backup. (Builds before 0.1.0 was "
            "released counted up to 4; this one cannot use their files: name a new one in [storage] path.)"
        )
    # A migration that rebuilds a table drops it first, which foreign keys would forbid.
    db.execute("PRAGMA foreign_keys = OFF")
    try:
        for number, script in known:
            if number > version:
                _apply(db, number, script)
    finally:
        db.execute("PRAGMA foreign_keys = ON")
    _refuse_early_builds(db)


def _refuse_early_builds(db: sqlite3.Connection) -> None:
    """Raise DatabaseOpenError for a file of an early build of 0.1.0, whose version 1 was another."""
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    if application_id != _first_version_id():
        raise DatabaseOpenError(
            "The database was made by an early build of 0.1.0, whose tables this one cannot use. "
            "Go on with that build, or name a new file in [storage] path."
        )


def _first_version_id() -> int:
    """A number for the text of version 1, which is final with the release of 0.1.0."""
    return zlib.crc32(migrations()[0][1].encode()) & 0x7FFFFFFF


def _apply(db: sqlite3.Connection, number: int, script: str) -> None:
    try:
        db.execute("BEGIN IMMEDIATE")
        for statement in statements(script):
            db.execute(statement)
        if db.execute("PRAGMA foreign_key_check").fetchall():
            raise DatabaseOpenError(
                f"The database cannot be brought to version {number}: some of its rows refer to nothing. "
                "Restore a backup, or ask for help with the file."
            )
        if number == 1:
            db.execute(f"PRAGMA application_id = {_first_version_id():d}")  # it takes no parameters
        db.execute(f"PRAGMA user_version = {number:d}")
        db.commit()
    # BaseException: an interrupted start must release the file's lock before it closes the file.
    except BaseException:
        db.rollback()
        raise
