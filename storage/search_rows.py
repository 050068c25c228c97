"""Rows of tickets that fit what somebody looks for. Never commits."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import aiosqlite

from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Ticket
from storage.connection import run_in_thread
from storage.fitting_rows import fitting, newest_of
from storage.ticket_rows import dump, many, ticket_of

Seen = TypeVar("Seen")

_RECENT = 1000  # tickets that autocomplete looks through


async def of_reporter(
    db: aiosqlite.Connection, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int
) -> list[Ticket]:
    """The newest tickets of one reporter, newest first."""
    return await many(
        db,
        """
        SELECT * FROM kept_tickets
        WHERE source = :source AND reporter_id = :reporter_id
          AND workspace_id IN (SELECT value FROM json_each(:workspaces))
        ORDER BY id DESC LIMIT :limit
        """,
        {
            "source": source,
            "reporter_id": reporter_id,
            "workspaces": dump(workspace_ids),
            "limit": limit,
        },
    )


async def like(db: aiosqlite.Connection, text: str, workspace_ids: Sequence[str], limit: int) -> list[Ticket]:
    """Among the newest tickets, those whose id or subject holds the text; for autocomplete."""

    def look(thread: sqlite3.Connection) -> list[Ticket]:
        newest = newest_of(thread, workspace_ids, _RECENT)
        found = thread.execute(_LIKE, {"text": text, "ids": dump(newest), "limit": limit})
        return [ticket_of(row) for row in found]

    return await run_in_thread(db, lambda thread: _at_one_moment(thread, look))


_LIKE = """
    SELECT tickets.* FROM json_each(:ids) CROSS JOIN kept_tickets AS tickets ON tickets.id = json_each.value
    WHERE holds(public_id, :text) OR holds(subject, :text)
    ORDER BY tickets.id DESC LIMIT :limit
"""


async def named(db: aiosqlite.Connection, scope: Scope, names: Sequence[str]) -> dict[str, Ticket]:
    """The tickets of a scope that have these public ids or uids, by the names asked for."""
    # CROSS JOIN: by name first. SQLite would go through all tickets of the source instead.
    tickets = await many(
        db,
        """
        SELECT kept_tickets.* FROM (
            SELECT id FROM tickets WHERE public_id IN (SELECT value FROM json_each(:names))
            UNION SELECT id FROM tickets WHERE uid IN (SELECT value FROM json_each(:names))
        ) AS named
        CROSS JOIN kept_tickets USING (id)
        WHERE workspace_id = :workspace AND source = :source
        """,
        {"workspace": scope.workspace_id, "source": scope.source, "names": dump(names)},
    )
    return {name: ticket for ticket in tickets for name in (ticket.public_id, ticket.uid) if name in names}


async def search(db: aiosqlite.Connection, scope: Scope, search: TicketQuery) -> tuple[list[Ticket], int]:
    """One page of the tickets of a scope that fit, newest first; and how many fit, on all pages."""

    def look(thread: sqlite3.Connection) -> tuple[list[Ticket], int]:
        fits = fitting(thread, scope, search)
        page = fits.newest(search.limit, search.offset) if search.offset < fits.total else ()
        return [ticket_of(row) for row in thread.execute(_PAGE, {"ids": dump(page)})], fits.total

    return await run_in_thread(db, lambda thread: _at_one_moment(thread, look))


_PAGE = """
    SELECT tickets.* FROM json_each(:ids) CROSS JOIN kept_tickets AS tickets ON tickets.id = json_each.value
    ORDER BY tickets.id DESC
"""


def _at_one_moment(db: sqlite3.Connection, look: Callable[[sqlite3.Connection], Seen]) -> Seen:
    """What is seen by several statements, as if they were one."""
    db.execute("BEGIN")
    try:
        return look(db)
    finally:
        db.rollback()
