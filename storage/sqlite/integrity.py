"""Checks the file for damage: after a crash before it is used, after a clean end behind the first requests.

SQLite deletes the write-ahead log when the last connection is closed. A log that is there at the start tells
of a process that ended otherwise, or of a backup made since.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

MAX_CHECKED_FIRST = 256 * 2**20  # bytes of a file that is checked before it is used: a second or so
# What every request needs, and what is small however many tickets there are.
_SMALL_TABLES = frozenset(
    {
        "workspaces",
        "categories",
        "departments",
        "department_categories",
        "department_members",
        "priorities",
        "tags",
        "api_keys",
        "deleted_discord_objects",
        "alert_messages",
    }
)


def must_check_first(path: Path) -> bool:
    """Whether the whole file is to be checked before it is used: it was not closed, and is not too large."""
    try:
        return log_of(path).exists() and path.stat().st_size <= MAX_CHECKED_FIRST
    except OSError:  # opening it says why
        return False


def mark_unclosed(path: Path) -> None:
    """Leave an empty log behind, so that the file is checked first at the next start."""
    with suppress(OSError):
        log_of(path).touch(mode=0o600)


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    path = path.resolve()
    return path.with_name(f"{path.name}-wal")


def find_damage(raw: sqlite3.Connection) -> str | None:
    """Check every page and row, but no index entry against its row: that takes several times as long."""
    return _quick_check(raw, "PRAGMA quick_check(1)")


def find_damage_in_small_tables(raw: sqlite3.Connection) -> str | None:
    """Check the schema, and the tables that every request needs."""
    found = [name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    tables = ["sqlite_schema", *_SMALL_TABLES.intersection(found)]
    damage = (_quick_check(raw, f"PRAGMA quick_check({table})") for table in tables)
    return next(filter(None, damage), None)


def table_names(raw: sqlite3.Connection) -> list[str]:
    """The tables of the file, also those behind a virtual one."""
    rows = raw.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    )
    return ["sqlite_schema", *(name for (name,) in rows)]


def find_damage_in(table: str, raw: sqlite3.Connection) -> str | None:
    """The same as `find_damage`, for one table and its indexes."""
    return _quick_check(raw, f"PRAGMA quick_check({table})")


def _quick_check(raw: sqlite3.Connection, statement: str) -> str | None:
    (result,) = raw.execute(statement).fetchone()
    return None if result == "ok" else str(result).splitlines()[-1]  # the first line only names the database
