"""Translates the common subset of SQL into SQLite's, and runs it on a connection."""

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter

from storage.db import Params, Topic

_NO_PARAMS: Params = {}
_REWRITES = (
    (re.compile(r"= ANY\(:(\w+)\)"), r"IN (SELECT value FROM json_each(:\1))"),
    (re.compile(r"<> ALL\(:(\w+)\)"), r"NOT IN (SELECT value FROM json_each(:\1))"),
    (re.compile(r"\beach_(?:number|text)\(:(\w+)\)"), r"json_each(:\1)"),
    (re.compile(r"\bJOIN FIRST\b"), "CROSS JOIN"),  # SQLite reorders no CROSS JOIN
    (re.compile(r"\bFOR (?:UPDATE|SHARE)\b"), ""),  # a transaction that writes is alone
)
_LIST = re.compile(r"json_each\(:(\w+)\)")
_PARAMETER = re.compile(r":(\w+)")


@lru_cache(maxsize=1000)
def translate(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return the statement in SQLite's words, and the names of its parameters that are lists."""
    for pattern, replacement in _REWRITES:
        sql = pattern.sub(replacement, sql)
    return sql, tuple(dict.fromkeys(_LIST.findall(sql)))


@lru_cache(maxsize=1000)
def by_position(sql: str) -> tuple[str, Callable[[Params], Sequence[object]]]:
    """Return a translated statement with `?` for its parameters, and a function that puts values in order.

    sqlite3 binds those in half the time that it takes to look up names.
    """
    names = _PARAMETER.findall(sql)
    if len(names) == 1:
        return _PARAMETER.sub("?", sql), lambda row: (row[names[0]],)
    return _PARAMETER.sub("?", sql), itemgetter(*names)


class SqliteDb:
    """A connection within a transaction. Belongs to the connection's thread."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw
        self.topics: set[Topic] = set()  # to notify after the commit

    def all(self, sql: str, params: Params = _NO_PARAMS, /) -> list[sqlite3.Row]:
        return self._execute(sql, params).fetchall()

    def one(self, sql: str, params: Params = _NO_PARAMS, /) -> sqlite3.Row | None:
        rows = self._execute(sql, params).fetchall()  # all: a statement that is not finished changes nothing
        return rows[0] if rows else None

    def run(self, sql: str, params: Params = _NO_PARAMS, /) -> int:
        return self._execute(sql, params).rowcount

    def run_many(self, sql: str, rows: Sequence[Params], /) -> int:
        if not rows:
            return 0
        statement, values = by_position(translate(sql)[0])
        return self.raw.executemany(statement, map(values, rows)).rowcount

    def next_ids(self, table: str, count: int, /) -> range:
        (newest,) = self.raw.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608 - ours
        return range(newest + 1, newest + 1 + count)

    def notify(self, topic: Topic, /) -> None:
        self.topics.add(topic)

    def _execute(self, sql: str, params: Params) -> sqlite3.Cursor:
        statement, lists = translate(sql)
        return self.raw.execute(statement, _with_lists(params, lists) if lists else params)


def _with_lists(params: Params, lists: Sequence[str]) -> dict[str, object]:
    """The parameters, with lists as JSON; None stays None."""
    encoded = {name: None if params[name] is None else json.dumps(list(params[name])) for name in lists}  # type: ignore[call-overload]  # lists by their place in the statement
    return {**params, **encoded}
