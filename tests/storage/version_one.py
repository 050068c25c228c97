"""Makes a database of the first schema version, with rows in every table."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.sqlite.migrate import migrations
from tests.storage.samples import raw

TABLES = ("workspaces", "api_keys", "tickets", "messages", "outbox")
_REY = '["7","rey","Rey ☃",null,null]'
_ROWS: dict[str, list[tuple[object, ...]]] = {
    "workspaces": [
        ("w1", "Größe 東京", 1, 2, 3, 4, 1736937000000),
        ("w2", "other", 1 << 60, 2, 3, 4, 1736937000001),
    ],
    "api_keys": [
        ("hash1", "prefix1", "w1", "somewhere", 1736937000000, None),
        ("hash2", "prefix2", "w2", "elsewhere", 1736937000000, 1736937000500),
    ],
    "messages": [
        (1, 1, "reply", "11", "Alice", "discord", "We are on it.", "reply", 10),
        (2, 2, "note", "11", "Alice", "discord", "Seen\x00 him 😀", "note", 11),
        (9, 3, "reply", "12", "Bob", "somewhere", " ", "after a gap", 12),
    ],
    "outbox": [
        (1, 1, "post", "discord", 2, "n1", None, "done", 1, 5, None, 2, 50, None, 5, 6),
        (2, 1, "thread", "discord", 2, "n2", None, "done", 2, 5, "away", 2, None, 50, 5, 7),
        (
            3,
            1,
            "post_message",
            "discord",
            2,
            "n3",
            1,
            "pending",
            1,
            9,
            "Discord is away",
            None,
            None,
            None,
            5,
            None,
        ),
        (4, 1, "send_to_game", "game", 2, "n4", 1, "pending", 0, 9, None, None, None, None, 5, None),
        (7, 2, "post", "discord", 3, "n7", None, "pending", 0, 5, None, None, None, None, 5, None),
        (8, 2, "update_post", "discord", 3, "n8", None, "pending", 0, 5, None, None, None, None, 5, None),
        (
            9,
            3,
            "private_thread",
            "discord",
            99,
            "n9",
            None,
            "dead_letter",
            3,
            5,
            "no",
            None,
            None,
            None,
            5,
            8,
        ),
        (11, 3, "post_message", "discord", 99, "n11", 9, "pending", 0, 5, None, None, None, None, 5, None),
    ],
}


def make(path: Path) -> None:
    """Create the tables of version 1, empty."""
    number, script = migrations()[0]
    with raw(path) as db:
        db.executescript(script)
        db.execute(f"PRAGMA user_version = {number}")


def make_filled(path: Path) -> None:
    """Ticket 1 has a reply, ticket 2 is a game report with a note, ticket 3 private, claimed and closed."""
    make(path)
    with raw(path) as db:
        for row in _tickets():
            db.execute(f"INSERT INTO tickets VALUES ({_marks(row)})", row)  # noqa: S608  # ours
        for table, rows in _ROWS.items():
            for values in rows:
                db.execute(f"INSERT INTO {table} VALUES ({_marks(values)})", values)  # noqa: S608  # ours


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows, in the columns of version 1, by table, in the order of their ids."""
    with raw(path) as db:
        return {
            table: db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1").fetchall()  # noqa: S608
            for table, columns in _columns().items()
        }


def _columns() -> dict[str, list[str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(migrations()[0][1])
        return {
            table: [name for _, name, *_ in db.execute(f"PRAGMA table_info ({table})")] for table in TABLES
        }


def _tickets() -> list[tuple[object, ...]]:
    facts = json.dumps([["Place", "1", "https://d"], ["Tags", "a, b", None]])
    first = ("It broke ✗", "Quite\nbadly.", "bug", "general", "normal", "in-progress", "7", _REY)
    report = ("',;--", "'); DROP TABLE tickets;", "player", "general", "urgent", "open", "7", _REY)
    private = ("", "Hello", "", "general", "low", "closed", None, '[null,"rey",null,null,null]')
    plain, post = ("[]", "[]", "{}", None, None, None), (2, 50, 50, 3, 5, 8)
    noted = (
        '["8","kylo",null,null,null]',
        facts,
        '["<rey> hi"]',
        '{"é":"\\u0000"}',
        "11",
        "Alice",
        "discord",
    )
    ended = (None, "[]", "[]", "{}", "12", "Bob", "somewhere")
    return [
        (1, "a" * 24, "BUG-1", "w1", "somewhere", 0, 0, *first, None, *plain, *post),
        (2, "b" * 24, "GAME-1", "w1", "somewhere", 1, 0, *report, *noted, None, None, None, 1, 5, 5),
        (3, "c" * 24, "T-1", "w2", "discord", 0, 1, *private, *ended, 99, None, 70, 0, 5, 5),
    ]


def _marks(row: tuple[object, ...]) -> str:
    return ", ".join("?" * len(row))
