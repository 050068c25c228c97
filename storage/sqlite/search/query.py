"""Ticket search: filters, text search by trigrams, and pages, by the index that leaves the fewest rows.

Runs in the thread of the reader's connection, within one snapshot. A group is the tickets of one workspace,
source, status, category and department (table `sorts`), counted by the search index.
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
from storage.mapping import ticket_from_row, to_json
from storage.sqlite.connection import run_in_thread
from storage.sqlite.search.trigrams import match_queries

_NEWEST_SCANNED = 1000  # newest tickets that match all filters, searched for a text
_INDEXED_SCANNED = 1000  # tickets that contain its trigrams, searched as well
_INDEX_TIMEOUT = 0.02  # seconds; what the trigram index has not found by then is left out
_READ_SIZE = 200  # ids of one group per read

Params = Mapping[str, object]
Result = TypeVar("Result")


async def search(db: aiosqlite.Connection, scope: Scope, query: TicketQuery) -> tuple[list[Ticket], int]:
    """One page of the matching tickets of a scope, newest first; and how many match in all."""

    def read(raw: sqlite3.Connection) -> tuple[list[Ticket], int]:
        matches = match_tickets(raw, scope, query)
        page = matches.newest(query.limit, query.offset) if query.offset < matches.total else ()
        return [ticket_from_row(row) for row in raw.execute(_PAGE, {"ids": to_json(page)})], matches.total

    return await run_in_thread(db, lambda raw: in_snapshot(raw, read))


_PAGE = """
    SELECT tickets.* FROM json_each(:ids) CROSS JOIN kept_tickets AS tickets ON tickets.id = json_each.value
    ORDER BY tickets.id DESC
"""


def in_snapshot(db: sqlite3.Connection, read: Callable[[sqlite3.Connection], Result]) -> Result:
    """Call `read` in a read transaction: all its statements see the same snapshot."""
    db.execute("BEGIN")
    try:
        return read(db)
    finally:
        db.rollback()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The ids of the matching tickets, read only as far as a page needs them."""

    total: int
    newest: Callable[[int, int], Sequence[int]]  # limit and offset -> ids


def match_tickets(db: sqlite3.Connection, scope: Scope, query: TicketQuery) -> Matches:
    """The tickets that match a query, newest first."""
    params = _params(scope, query)
    if query.text:
        return _matches_of(_match_text(db, params, scope, query.text))
    return _match_filters(db, params)


def recent_ids(db: sqlite3.Connection, workspace_ids: Sequence[str], limit: int) -> list[int]:
    """The ids of the newest tickets of workspaces."""
    params = {"workspaces": to_json(workspace_ids)}
    unindexed = _select_ids(db, _UNINDEXED_OF_WORKSPACES, params)
    groups = [_ids_in_group(db, group, newest) for group, newest in db.execute(_GROUPS_OF_WORKSPACES, params)]
    return _merged_page(unindexed, groups, limit, 0)


def _match_filters(db: sqlite3.Connection, params: Params) -> Matches:
    """The tickets that match all filters but the text."""
    params = {**params, "text": None}
    if params["reporter"] is not None:
        return _matches_of(_filter(db, _select_ids(db, _BY_REPORTER, params), params))
    if params["reported"] is not None:
        return _matches_of(_filter(db, _select_ids(db, _BY_REPORTED, params), params))
    unindexed = _filter(db, _select_ids(db, _UNINDEXED, params), params)
    groups = db.execute(_GROUPS, params).fetchall()
    return Matches(
        total=len(unindexed) + sum(count for _, count, _ in groups),
        newest=lambda limit, offset: _merged_page(
            unindexed, [_ids_in_group(db, group, newest) for group, _, newest in groups], limit, offset
        ),
    )


def _matches_of(ids: Sequence[int]) -> Matches:
    return Matches(total=len(ids), newest=lambda limit, offset: ids[offset : offset + limit])


def _merged_page(
    unindexed: Sequence[int], groups: Iterable[Iterator[int]], limit: int, offset: int
) -> list[int]:
    """A page of the unindexed ids, which are the newest, followed by those of all groups merged."""
    return list(islice(chain(unindexed, merge(*groups, reverse=True)), offset, offset + limit))


def _ids_in_group(db: sqlite3.Connection, group: int, newest: int) -> Iterator[int]:
    """The ids of a group, newest first. Most callers need few, so the reads start small and double."""
    ids = [newest]
    while ids:
        yield from ids
        limit = min(2 * len(ids), _READ_SIZE)
        ids = _select_ids(db, _IN_GROUP, {"sort": group, "before": ids[-1], "limit": limit})


def _match_text(db: sqlite3.Connection, params: Params, scope: Scope, text: str) -> list[int]:
    """Tickets with a text, of the newest that match the filters and the newest that contain its trigrams."""
    matches = _match_filters(db, params)
    candidates = set(matches.newest(_NEWEST_SCANNED, 0))
    if matches.total > _NEWEST_SCANNED:
        candidates.update(_select_ids(db, _RENAMED, {"limit": _INDEXED_SCANNED}))
        candidates.update(_ids_by_trigrams(db, scope, text))
    return _filter(db, candidates, params)


def _ids_by_trigrams(db: sqlite3.Connection, scope: Scope, text: str) -> list[int]:
    """The newest indexed tickets that contain all trigrams of a text, and so perhaps the text."""
    (newest,) = db.execute("SELECT searched_to FROM indexed").fetchone()
    deadline = time.perf_counter() + _INDEX_TIMEOUT
    found: list[int] = []
    for match in match_queries(scope.workspace_id, scope.source, text, newest):
        found += _select_ids(db, _BY_TRIGRAMS, {"question": match, "limit": _INDEXED_SCANNED - len(found)})
        if len(found) == _INDEXED_SCANNED or time.perf_counter() > deadline:
            break
    return found


def _filter(db: sqlite3.Connection, ids: Iterable[int], params: Params) -> list[int]:
    """The given tickets that match all parameters, newest first."""
    return _select_ids(db, _FILTER, {**params, "ids": to_json(list(ids))})


def _select_ids(db: sqlite3.Connection, sql: str, params: Params) -> list[int]:
    return [ticket_id for (ticket_id,) in db.execute(sql, params)]


# CROSS JOIN: SQLite must read the ids first, then their tickets.
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


def _params(scope: Scope, query: TicketQuery) -> dict[str, object]:
    return {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "statuses": _to_json_or_none(query.statuses),
        "categories": _to_json_or_none(query.categories),
        "departments": _to_json_or_none(query.departments),
        "hidden": to_json(query.hidden_departments),
        "reporter": query.reporter_id,
        "reported": query.reported_id,
        "text": query.text or None,
    }


def _to_json_or_none(values: Sequence[str] | None) -> str | None:
    return None if values is None else to_json(values)
