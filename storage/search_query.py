"""Rows of tickets that fit conditions, found by whichever index leaves the fewest. Never commits.

In the thread of the reader's connection, within one transaction: the parts must tell of the same moment.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from typing import TypeVar

import aiosqlite

from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Ticket
from storage.connection import run_in_thread
from storage.mapping import dump, ticket_of
from storage.trigrams import questions

_NEWEST = 1000  # tickets that fit all else, in which a text is looked for
_WORDED = 1000  # tickets that have its words, in which it is looked for as well
_PATIENCE = 0.02  # seconds; what the words have not told of by then is not found
_AT_ONCE = 200  # tickets of one sort that are read together

Values = Mapping[str, object]


Seen = TypeVar("Seen")


async def search(db: aiosqlite.Connection, scope: Scope, search: TicketQuery) -> tuple[list[Ticket], int]:
    """One page of the tickets of a scope that fit, newest first; and how many fit, on all pages."""

    def look(thread: sqlite3.Connection) -> tuple[list[Ticket], int]:
        fits = fitting(thread, scope, search)
        page = fits.newest(search.limit, search.offset) if search.offset < fits.total else ()
        return [ticket_of(row) for row in thread.execute(_PAGE, {"ids": dump(page)})], fits.total

    return await run_in_thread(db, lambda thread: at_one_moment(thread, look))


_PAGE = """
    SELECT tickets.* FROM json_each(:ids) CROSS JOIN kept_tickets AS tickets ON tickets.id = json_each.value
    ORDER BY tickets.id DESC
"""


def at_one_moment(db: sqlite3.Connection, look: Callable[[sqlite3.Connection], Seen]) -> Seen:
    """What is seen by several statements, as if they were one."""
    db.execute("BEGIN")
    try:
        return look(db)
    finally:
        db.rollback()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """The ids of tickets that fit, without all being read."""

    total: int
    newest: Callable[[int, int], Sequence[int]]  # so many, after so many were left out


def fitting(db: sqlite3.Connection, scope: Scope, search: TicketQuery) -> Fitting:
    """What fits a search, newest first."""
    values = _values(scope, search)
    if search.text:
        return _found(_holding(db, values, scope, search.text))
    return _fitting(db, values)


def newest_of(db: sqlite3.Connection, workspace_ids: Sequence[str], limit: int) -> list[int]:
    """The newest tickets of workspaces."""
    values = {"workspaces": dump(workspace_ids)}
    late = _ids(db, _LATE_OF_WORKSPACES, values)
    sorts = [_of_sort(db, sort, newest) for sort, newest in db.execute(_SORTS_OF_WORKSPACES, values)]
    return _page(late, sorts, limit, 0)


def _fitting(db: sqlite3.Connection, values: Values) -> Fitting:
    """Whatever the text."""
    values = {**values, "text": None}
    if values["reporter"] is not None:
        return _found(_fit(db, _ids(db, _OF_REPORTER, values), values))
    if values["reported"] is not None:
        return _found(_fit(db, _ids(db, _OF_REPORTED, values), values))
    late = _fit(db, _ids(db, _LATE, values), values)
    sorts = db.execute(_SORTS, values).fetchall()
    return Fitting(
        total=len(late) + sum(number for _, number, _ in sorts),
        newest=lambda limit, offset: _page(
            late, [_of_sort(db, sort, newest) for sort, _, newest in sorts], limit, offset
        ),
    )


def _found(ids: Sequence[int]) -> Fitting:
    return Fitting(total=len(ids), newest=lambda limit, offset: ids[offset : offset + limit])


def _page(late: Sequence[int], sorts: Iterable[Iterator[int]], limit: int, offset: int) -> list[int]:
    """Of those that are not sorted yet, which are the newest, and then of all these sorts together."""
    return list(islice(chain(late, merge(*sorts, reverse=True)), offset, offset + limit))


def _of_sort(db: sqlite3.Connection, sort: int, newest: int) -> Iterator[int]:
    """The tickets of a sort, newest first. Of most few are asked for, so each read is of twice as many."""
    some = [newest]
    while some:
        yield from some
        some = _ids(db, _OF_SORT, {"sort": sort, "before": some[-1], "limit": min(2 * len(some), _AT_ONCE)})


def _holding(db: sqlite3.Connection, values: Values, scope: Scope, text: str) -> list[int]:
    """Those with the text among the newest that fit all else, and among the newest that have its words."""
    fitting = _fitting(db, values)
    looked_at = set(fitting.newest(_NEWEST, 0))
    if fitting.total > _NEWEST:
        looked_at.update(_ids(db, _RENAMED, {"limit": _WORDED}))
        looked_at.update(_with_words(db, scope, text))
    return _fit(db, looked_at, values)


def _with_words(db: sqlite3.Connection, scope: Scope, text: str) -> list[int]:
    """The newest whose words may hold a text, among those that are indexed."""
    (newest,) = db.execute("SELECT searched_to FROM indexed").fetchone()
    deadline = time.perf_counter() + _PATIENCE
    found: list[int] = []
    for question in questions(scope.workspace_id, scope.source, text, newest):
        found += _ids(db, _WITH_WORDS, {"question": question, "limit": _WORDED - len(found)})
        if len(found) == _WORDED or time.perf_counter() > deadline:
            break
    return found


def _fit(db: sqlite3.Connection, ids: Iterable[int], values: Values) -> list[int]:
    """Those of them that fit, newest first."""
    return _ids(db, _FIT, {**values, "ids": dump(list(ids))})


def _ids(db: sqlite3.Connection, sql: str, values: Values) -> list[int]:
    return [number for (number,) in db.execute(sql, values)]


# CROSS JOIN: from the ids to their tickets, never the other way round.
_FIT = """
    SELECT tickets.id FROM json_each(:ids) CROSS JOIN tickets ON tickets.id = json_each.value
    WHERE workspace_id = :workspace AND source = :source
      AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
      AND (:categories IS NULL OR category IN (SELECT value FROM json_each(:categories)))
      AND (:departments IS NULL OR department IN (SELECT value FROM json_each(:departments)))
      AND department NOT IN (SELECT value FROM json_each(:hidden))
      AND (:reporter IS NULL OR reporter_id = :reporter)
      AND (:reported IS NULL OR json_extract(reported_player, '$[0]') = :reported)
      AND (
        :text IS NULL OR holds(subject, :text)
        OR holds(json_extract(reporter, '$[1]'), :text) OR holds(json_extract(reporter, '$[2]'), :text)
      )
    ORDER BY tickets.id DESC
"""
_SORTS = """
    SELECT id, number, (SELECT max(ticket_id) FROM sorted_tickets WHERE sort_id = sorts.id) FROM sorts
    WHERE workspace_id = :workspace AND source = :source AND number > 0
      AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
      AND (:categories IS NULL OR category IN (SELECT value FROM json_each(:categories)))
      AND (:departments IS NULL OR department IN (SELECT value FROM json_each(:departments)))
      AND department NOT IN (SELECT value FROM json_each(:hidden))
"""
_SORTS_OF_WORKSPACES = """
    SELECT id, (SELECT max(ticket_id) FROM sorted_tickets WHERE sort_id = sorts.id) FROM sorts
    WHERE workspace_id IN (SELECT value FROM json_each(:workspaces)) AND number > 0
"""
_OF_SORT = """
    SELECT ticket_id FROM sorted_tickets WHERE sort_id = :sort AND ticket_id < :before
    ORDER BY ticket_id DESC LIMIT :limit
"""
_OF_REPORTER = """
    SELECT id FROM tickets WHERE source = :source AND reporter_id = :reporter ORDER BY id DESC
"""
_OF_REPORTED = """
    SELECT ticket_id FROM reported_tickets WHERE reported_id = :reported
    UNION SELECT id FROM tickets WHERE id > (SELECT sorted_to FROM indexed)
"""
_LATE = "SELECT id FROM tickets WHERE id > (SELECT sorted_to FROM indexed)"
_LATE_OF_WORKSPACES = """
    SELECT id FROM tickets
    WHERE id > (SELECT sorted_to FROM indexed) AND workspace_id IN (SELECT value FROM json_each(:workspaces))
    ORDER BY id DESC
"""
_WITH_WORDS = """
    SELECT rowid FROM search_words
    WHERE search_words MATCH :question ORDER BY rowid DESC LIMIT :limit
"""
_RENAMED = "SELECT ticket_id FROM renamed_tickets ORDER BY ticket_id DESC LIMIT :limit"


def _values(scope: Scope, search: TicketQuery) -> dict[str, object]:
    return {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "statuses": _dump_if_given(search.statuses),
        "categories": _dump_if_given(search.categories),
        "departments": _dump_if_given(search.departments),
        "hidden": dump(search.hidden_departments),
        "reporter": search.reporter_id,
        "reported": search.reported_id,
        "text": search.text or None,
    }


def _dump_if_given(values: Sequence[str] | None) -> str | None:
    return None if values is None else dump(values)
