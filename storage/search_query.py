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
from storage.mapping import ticket_from_row, to_json
from storage.trigrams import match_queries

_NEWEST_SCANNED = 1000  # tickets that fit all else, in which a text is looked for
_INDEXED_SCANNED = 1000  # tickets that have its words, in which it is looked for as well
_INDEX_TIMEOUT = 0.02  # seconds; what the words have not told of by then is not found
_READ_SIZE = 200  # tickets of one sort that are read together

Params = Mapping[str, object]


Result = TypeVar("Result")


async def search(db: aiosqlite.Connection, scope: Scope, search: TicketQuery) -> tuple[list[Ticket], int]:
    """One page of the tickets of a scope that fit, newest first; and how many fit, on all pages."""

    def look(thread: sqlite3.Connection) -> tuple[list[Ticket], int]:
        fits = match_tickets(thread, scope, search)
        page = fits.newest(search.limit, search.offset) if search.offset < fits.total else ()
        return [ticket_from_row(row) for row in thread.execute(_PAGE, {"ids": to_json(page)})], fits.total

    return await run_in_thread(db, lambda thread: in_snapshot(thread, look))


_PAGE = """
    SELECT tickets.* FROM json_each(:ids) CROSS JOIN kept_tickets AS tickets ON tickets.id = json_each.value
    ORDER BY tickets.id DESC
"""


def in_snapshot(db: sqlite3.Connection, look: Callable[[sqlite3.Connection], Result]) -> Result:
    """What is seen by several statements, as if they were one."""
    db.execute("BEGIN")
    try:
        return look(db)
    finally:
        db.rollback()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The ids of tickets that fit, without all being read."""

    total: int
    newest: Callable[[int, int], Sequence[int]]  # so many, after so many were left out


def match_tickets(db: sqlite3.Connection, scope: Scope, search: TicketQuery) -> Matches:
    """What fits a search, newest first."""
    values = _params(scope, search)
    if search.text:
        return _matches_of(_match_text(db, values, scope, search.text))
    return _match_filters(db, values)


def recent_ids(db: sqlite3.Connection, workspace_ids: Sequence[str], limit: int) -> list[int]:
    """The newest tickets of workspaces."""
    values = {"workspaces": to_json(workspace_ids)}
    late = _select_ids(db, _UNINDEXED_OF_WORKSPACES, values)
    sorts = [_ids_in_group(db, sort, newest) for sort, newest in db.execute(_GROUPS_OF_WORKSPACES, values)]
    return _merged_page(late, sorts, limit, 0)


def _match_filters(db: sqlite3.Connection, values: Params) -> Matches:
    """Whatever the text."""
    values = {**values, "text": None}
    if values["reporter"] is not None:
        return _matches_of(_filter(db, _select_ids(db, _BY_REPORTER, values), values))
    if values["reported"] is not None:
        return _matches_of(_filter(db, _select_ids(db, _BY_REPORTED, values), values))
    late = _filter(db, _select_ids(db, _UNINDEXED, values), values)
    sorts = db.execute(_GROUPS, values).fetchall()
    return Matches(
        total=len(late) + sum(number for _, number, _ in sorts),
        newest=lambda limit, offset: _merged_page(
            late, [_ids_in_group(db, sort, newest) for sort, _, newest in sorts], limit, offset
        ),
    )


def _matches_of(ids: Sequence[int]) -> Matches:
    return Matches(total=len(ids), newest=lambda limit, offset: ids[offset : offset + limit])


def _merged_page(late: Sequence[int], sorts: Iterable[Iterator[int]], limit: int, offset: int) -> list[int]:
    """Of those that are not sorted yet, which are the newest, and then of all these sorts together."""
    return list(islice(chain(late, merge(*sorts, reverse=True)), offset, offset + limit))


def _ids_in_group(db: sqlite3.Connection, sort: int, newest: int) -> Iterator[int]:
    """The tickets of a sort, newest first. Of most few are asked for, so each read is of twice as many."""
    some = [newest]
    while some:
        yield from some
        some = _select_ids(
            db, _IN_GROUP, {"sort": sort, "before": some[-1], "limit": min(2 * len(some), _READ_SIZE)}
        )


def _match_text(db: sqlite3.Connection, values: Params, scope: Scope, text: str) -> list[int]:
    """Those with the text among the newest that fit all else, and among the newest that have its words."""
    fitting = _match_filters(db, values)
    looked_at = set(fitting.newest(_NEWEST_SCANNED, 0))
    if fitting.total > _NEWEST_SCANNED:
        looked_at.update(_select_ids(db, _RENAMED, {"limit": _INDEXED_SCANNED}))
        looked_at.update(_ids_by_trigrams(db, scope, text))
    return _filter(db, looked_at, values)


def _ids_by_trigrams(db: sqlite3.Connection, scope: Scope, text: str) -> list[int]:
    """The newest whose words may hold a text, among those that are indexed."""
    (newest,) = db.execute("SELECT searched_to FROM indexed").fetchone()
    deadline = time.perf_counter() + _INDEX_TIMEOUT
    found: list[int] = []
    for question in match_queries(scope.workspace_id, scope.source, text, newest):
        found += _select_ids(db, _BY_TRIGRAMS, {"question": question, "limit": _INDEXED_SCANNED - len(found)})
        if len(found) == _INDEXED_SCANNED or time.perf_counter() > deadline:
            break
    return found


def _filter(db: sqlite3.Connection, ids: Iterable[int], values: Params) -> list[int]:
    """Those of them that fit, newest first."""
    return _select_ids(db, _FILTER, {**values, "ids": to_json(list(ids))})


def _select_ids(db: sqlite3.Connection, sql: str, values: Params) -> list[int]:
    return [number for (number,) in db.execute(sql, values)]


# CROSS JOIN: from the ids to their tickets, never the other way round.
_FILTER = """
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
_GROUPS = """
    SELECT id, number, (SELECT max(ticket_id) FROM sorted_tickets WHERE sort_id = sorts.id) FROM sorts
    WHERE workspace_id = :workspace AND source = :source AND number > 0
      AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
      AND (:categories IS NULL OR category IN (SELECT value FROM json_each(:categories)))
      AND (:departments IS NULL OR department IN (SELECT value FROM json_each(:departments)))
      AND department NOT IN (SELECT value FROM json_each(:hidden))
"""
_GROUPS_OF_WORKSPACES = """
    SELECT id, (SELECT max(ticket_id) FROM sorted_tickets WHERE sort_id = sorts.id) FROM sorts
    WHERE workspace_id IN (SELECT value FROM json_each(:workspaces)) AND number > 0
"""
_IN_GROUP = """
    SELECT ticket_id FROM sorted_tickets WHERE sort_id = :sort AND ticket_id < :before
    ORDER BY ticket_id DESC LIMIT :limit
"""
_BY_REPORTER = """
    SELECT id FROM tickets WHERE source = :source AND reporter_id = :reporter ORDER BY id DESC
"""
_BY_REPORTED = """
    SELECT ticket_id FROM reported_tickets WHERE reported_id = :reported
    UNION SELECT id FROM tickets WHERE id > (SELECT sorted_to FROM indexed)
"""
_UNINDEXED = "SELECT id FROM tickets WHERE id > (SELECT sorted_to FROM indexed)"
_UNINDEXED_OF_WORKSPACES = """
    SELECT id FROM tickets
    WHERE id > (SELECT sorted_to FROM indexed) AND workspace_id IN (SELECT value FROM json_each(:workspaces))
    ORDER BY id DESC
"""
_BY_TRIGRAMS = """
    SELECT rowid FROM search_words
    WHERE search_words MATCH :question ORDER BY rowid DESC LIMIT :limit
"""
_RENAMED = "SELECT ticket_id FROM renamed_tickets ORDER BY ticket_id DESC LIMIT :limit"


def _params(scope: Scope, search: TicketQuery) -> dict[str, object]:
    return {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "statuses": _to_json_or_none(search.statuses),
        "categories": _to_json_or_none(search.categories),
        "departments": _to_json_or_none(search.departments),
        "hidden": to_json(search.hidden_departments),
        "reporter": search.reporter_id,
        "reported": search.reported_id,
        "text": search.text or None,
    }


def _to_json_or_none(values: Sequence[str] | None) -> str | None:
    return None if values is None else to_json(values)
