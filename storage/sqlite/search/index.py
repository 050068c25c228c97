"""Search index: counts, groups and trigrams of tickets, filled in batches after the tickets are stored."""

import sqlite3

import aiosqlite

from storage.sqlite.connection import run_in_thread
from storage.sqlite.engine import Database

BATCH_SIZE = 500  # tickets; takes some milliseconds, in which other writes wait


class SearchIndexStore(Database):
    """Every method is one transaction."""

    async def index_batch(self, limit: int = BATCH_SIZE) -> int:
        """Index the next tickets, oldest first; return how many are left. Searches find those too."""
        async with self._write() as db:
            return await run_in_thread(db, lambda raw: index_next(raw, limit))

    async def index_lag(self) -> int:
        """How many tickets are not indexed yet, or renamed since."""
        async with self._read() as db:
            return await select_lag(db)


def index_next(db: sqlite3.Connection, limit: int) -> int:
    """Index the next tickets, oldest first; return how many are left. In the thread of the writer."""
    sorted_to, searched_to = db.execute("SELECT sorted_to, searched_to FROM indexed").fetchone()
    (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM tickets").fetchone()
    group_range = {"after": sorted_to, "last": min(newest, sorted_to + limit)}
    for statement in (_UPSERT_COUNTS, _INSERT_SORTED, _INSERT_REPORTED):
        db.execute(statement, group_range)
    text_range = {"after": searched_to, "last": min(newest, searched_to + limit)}
    db.execute(_INSERT_TEXT, text_range)
    for statement in (_DELETE_OLD_TEXT, _INSERT_NEW_TEXT, _DELETE_RENAMED):
        db.execute(statement, {"limit": limit})
    db.execute(
        "UPDATE indexed SET sorted_to = :sorted, searched_to = :searched",
        {"sorted": group_range["last"], "searched": text_range["last"]},
    )
    (lag,) = db.execute(_COUNT_LAG).fetchone()
    return int(lag)


_UPSERT_COUNTS = """
    INSERT INTO sorts (workspace_id, source, status, category, department, number)
    SELECT workspace_id, source, status, category, department, count(*) FROM tickets
    WHERE id > :after AND id <= :last GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT DO UPDATE SET number = number + excluded.number
"""
_INSERT_SORTED = """
    INSERT INTO sorted_tickets
    SELECT sorts.id, tickets.id FROM tickets
    CROSS JOIN sorts USING (workspace_id, source, status, category, department)
    WHERE tickets.id > :after AND tickets.id <= :last
"""
_INSERT_REPORTED = """
    INSERT INTO reported_tickets
    SELECT json_extract(reported_player, '$[0]'), id FROM tickets
    WHERE id > :after AND id <= :last AND json_extract(reported_player, '$[0]') IS NOT NULL
"""
_INSERT_TEXT = """
    INSERT INTO search_words (rowid, words)
    SELECT id, words_of(id, workspace_id, source, subject, reporter) FROM tickets
    WHERE id > :after AND id <= :last ORDER BY id
"""
# FTS5 deletes an entry of a contentless table only by its exact old text.
_DELETE_OLD_TEXT = """
    INSERT INTO search_words (search_words, rowid, words)
    SELECT 'delete', ticket_id, words_of(ticket_id, workspace_id, source, subject, renamed.reporter)
    FROM (SELECT * FROM renamed_tickets ORDER BY ticket_id LIMIT :limit) AS renamed
    JOIN tickets ON tickets.id = ticket_id
"""
_INSERT_NEW_TEXT = """
    INSERT INTO search_words (rowid, words)
    SELECT ticket_id, words_of(ticket_id, workspace_id, source, subject, tickets.reporter)
    FROM (SELECT ticket_id FROM renamed_tickets ORDER BY ticket_id LIMIT :limit)
    JOIN tickets ON tickets.id = ticket_id
"""
_DELETE_RENAMED = """
    DELETE FROM renamed_tickets
    WHERE ticket_id IN (SELECT ticket_id FROM renamed_tickets ORDER BY ticket_id LIMIT :limit)
"""
_COUNT_LAG = """
    SELECT (SELECT coalesce(max(id), 0) FROM tickets) - searched_to + (SELECT count(*) FROM renamed_tickets)
    FROM indexed
"""


async def select_lag(db: aiosqlite.Connection) -> int:
    """How many tickets are not indexed yet, or renamed since."""
    (row,) = await db.execute_fetchall(_COUNT_LAG)
    return int(row[0])
