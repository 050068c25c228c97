"""Ticket search: filters as bitmaps, texts by trigrams, and one page of the matching tickets."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.tickets.queries import Scope, TicketQuery
from storage.db import Db, Row
from storage.mapping import to_ms
from storage.sqlite.search import index
from storage.sqlite.search.bitmap import IdSet, decode
from storage.sqlite.search.index import TEXTS, UNCLAIMED, assignee_value, facets_of, unindexed_ids
from storage.sqlite.search.trigrams import contains, match_query

_NEWEST_SCANNED = 1000  # newest tickets that match all filters, searched for a text
_INDEXED_SCANNED = 1000  # tickets that contain its trigrams, searched as well
_INDEX_TIMEOUT = 0.02  # seconds; what the trigram index has not found by then is left out
_WINDOW = 1 << 18  # ids that the trigram index looks through between two looks at the clock
_MAX_DECODED = 2048  # blocks of bitmaps in memory, 9 KB each


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The matching tickets."""

    ids: IdSet
    total: int

    def page(self, limit: int, offset: int, /) -> Sequence[int]:
        return self.ids.newest(limit, offset)


class SqliteSearchIndex:
    """Lists by bitmaps, texts by trigrams. Up to `contains`, only in transactions that read."""

    def __init__(self) -> None:
        self._decoded: dict[tuple[int, int], int] = {}  # blocks by id and version

    def match(self, db: Db, scope: Scope, query: TicketQuery) -> Matches:
        filters = Filters(db, self._decoded)
        ids = filters.match(scope, query)
        if query.text and ids:
            ids = self._containing(db, ids, query.text, filters.unindexed)
        return Matches(ids=ids, total=len(ids))

    def recent_ids(self, db: Db, workspace_ids: Sequence[str], limit: int) -> list[int]:
        return Filters(db, self._decoded).having("workspace", workspace_ids).newest(limit)

    def reporter_ids(self, db: Db, source: str, reporter_id: str) -> list[int]:
        return Filters(db, self._decoded).of_player(_BY_REPORTER, source, reporter_id)

    def contains(self, text: str | None, part: str) -> bool:
        return contains(text, part)

    def index_batch(self, db: Db, limit: int) -> int:
        return index.index_batch(db, limit)

    def lag(self, db: Db) -> int:
        return index.lag(db)

    def of_player(self, db: Db, source: str, player_id: str, *, after: int, limit: int) -> list[int]:
        return index.of_player(db, source, player_id, after=after, limit=limit)

    def forget(self, db: Db, ids: Sequence[int], player_ids: Sequence[str]) -> None:
        index.forget(db, ids, player_ids)

    def forget_former(self, db: Db, player_id: str) -> None:
        index.forget_former(db, player_id)

    def merge(self, db: Db, pages: int) -> bool:
        return index.merge(db, pages)

    def _containing(self, db: Db, ids: IdSet, text: str, unindexed: IdSet) -> IdSet:
        """Those of the newest tickets, and of the newest with the trigrams of a text, that contain it."""
        candidates = set(ids.newest(_NEWEST_SCANNED))
        if len(ids) > _NEWEST_SCANNED:
            candidates.update(_ids_by_trigrams(db, ids, text))
            candidates.update((ids & unindexed).newest(_INDEXED_SCANNED))
        folded = text.casefold()
        rows = db.all(TEXTS, {"ids": candidates})
        return IdSet.of(row["id"] for row in rows if _contains_folded(row, folded))


class Filters:
    """The filters of a query, in one transaction."""

    def __init__(self, db: Db, decoded: dict[tuple[int, int], int]) -> None:
        self._db = db
        self._decoded = decoded
        self._unindexed_ids = unindexed_ids(db)
        self._facets = facets_of(db, self._unindexed_ids) if self._unindexed_ids else {}
        self.unindexed = IdSet.of(self._unindexed_ids)

    def match(self, scope: Scope, query: TicketQuery) -> IdSet:
        """The tickets of a scope that match all of a query but its text."""
        found = self.having("workspace", [scope.workspace_id])
        for ids in self._each(scope, query):
            found &= ids
            if not found:
                return found
        hidden = query.hidden_departments
        return found - self.having("department", hidden) if hidden else found

    def _each(self, scope: Scope, query: TicketQuery) -> Iterator[IdSet]:
        if query.reporter_id is not None:
            yield IdSet.of(self.of_player(_BY_REPORTER, scope.source, query.reporter_id))
        if query.reported_id is not None:
            yield IdSet.of(self.of_player(_BY_REPORTED, scope.source, query.reported_id))
        for facet, values in _facet_filters(scope, query):
            if values is not None:
                yield self.having(facet, values)
        if query.created_before is not None:
            yield IdSet.up_to(self._last_before(to_ms(query.created_before)))

    def having(self, facet: str, values: Sequence[str]) -> IdSet:
        """The tickets with any of these values of a filter."""
        blocks: dict[int, int] = {}
        for row in self._db.all(_BLOCKS, {"facet": facet, "values": values}):
            block = row["block"]
            blocks[block] = blocks.get(block, 0) | self._decode(row["id"], row["version"])
        found = IdSet(blocks) - self.unindexed
        for value in values:
            if (facet, value) in self._facets:
                found |= self._facets[facet, value]
        return found

    def of_player(self, sql: str, source: str, player_id: str) -> list[int]:
        """The tickets of a player, newest first."""
        params = {"source": source, "player": player_id, "unindexed": self._unindexed_ids}
        return [row["id"] for row in self._db.all(sql, params)]

    def _decode(self, bitmap_id: int, version: int) -> int:
        bits = self._decoded.get((bitmap_id, version))
        if bits is None:
            (row,) = self._db.all("SELECT members FROM ticket_bitmaps WHERE id = :id", {"id": bitmap_id})
            bits = decode(row["members"])
            if len(self._decoded) >= _MAX_DECODED:
                self._decoded.clear()
            self._decoded[bitmap_id, version] = bits
        return bits

    def _last_before(self, created_at: int) -> int:
        """The last ticket created before a time, or 0: ids and times rise together, so no index is needed."""
        (newest,) = self._db.all("SELECT coalesce(max(id), 0) AS id FROM tickets")
        low, high = 0, newest["id"]
        while low < high:
            middle = (low + high + 1) // 2
            (row,) = self._db.all(_FROM_ID, {"id": middle})
            if row["created_at"] < created_at:
                low = row["id"]
            else:
                high = middle - 1
        return low


def _facet_filters(scope: Scope, query: TicketQuery) -> Iterator[tuple[str, Sequence[str] | None]]:
    yield "status", query.statuses
    yield "priority", query.priorities
    yield "category", query.categories
    yield "department", query.departments
    yield "tag", query.tags
    if query.assignee is not None:
        yield "assignee", [assignee_value(query.assignee.source, query.assignee.id)]
    if query.unclaimed:
        yield "assignee", [UNCLAIMED]
    yield "source", [scope.source]


def _contains_folded(row: Row, text: str) -> bool:
    """Whether the subject or a name contains a text, which has its case folded."""
    return (
        text in row["subject"].casefold()
        or text in (row["reporter_name"] or "").casefold()
        or text in (row["reporter_display_name"] or "").casefold()
    )


def _ids_by_trigrams(db: Db, ids: IdSet, text: str) -> list[int]:
    """The newest of the given tickets that contain all trigrams of a text, and so perhaps the text."""
    found: list[int] = []
    match = match_query(text)
    before = max(ids.newest(1)) + 1 if match else 0
    deadline = time.perf_counter() + _INDEX_TIMEOUT
    while before > 0 and len(found) < _INDEXED_SCANNED and time.perf_counter() < deadline:
        after = max(0, before - _WINDOW)
        params = {"match": match, "after": after, "before": before, "limit": _INDEXED_SCANNED}
        hits = [row["id"] for row in db.all(_BY_TRIGRAMS, params)]
        found += (IdSet.of(hits) & ids).newest(_INDEXED_SCANNED - len(found))
        before = hits[-1] if len(hits) == _INDEXED_SCANNED else after
    return found


_BLOCKS = "SELECT id, block, version FROM ticket_bitmaps WHERE facet = :facet AND value = ANY(:values)"
_FROM_ID = "SELECT id, created_at FROM tickets WHERE id >= :id ORDER BY id LIMIT 1"
# player_tickets has no source, and the players a ticket had once: its row decides.
_BY_REPORTER = """
    SELECT tickets.id FROM (
        SELECT ticket_id AS id FROM player_tickets WHERE player_id = :player
        UNION SELECT value FROM each_number(:unindexed) AS one
    ) AS candidates
    JOIN FIRST tickets ON tickets.id = candidates.id
    WHERE source = :source AND reporter_id = :player
    ORDER BY tickets.id DESC
"""
_BY_REPORTED = """
    SELECT tickets.id FROM (
        SELECT ticket_id AS id FROM player_tickets WHERE player_id = :player
        UNION SELECT value FROM each_number(:unindexed) AS one
    ) AS candidates
    JOIN FIRST tickets ON tickets.id = candidates.id
    WHERE source = :source AND reported_id = :player
    ORDER BY tickets.id DESC
"""
_BY_TRIGRAMS = """
    SELECT rowid AS id FROM search_text
    WHERE search_text MATCH :match AND rowid >= :after AND rowid < :before
    ORDER BY rowid DESC LIMIT :limit
"""
