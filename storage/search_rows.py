"""Rows of tickets that fit what somebody looks for. Never commits."""

from collections.abc import Sequence

import aiosqlite

from bot.tickets import NewTicket, Scope, Search, Status, Ticket
from storage.ticket_rows import dump, many, ticket_of


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
    """Among the newest 1,000 tickets, those whose id or subject holds the text; for autocomplete."""
    return await many(
        db,
        """
        SELECT * FROM (
            SELECT * FROM kept_tickets
            WHERE workspace_id IN (SELECT value FROM json_each(:workspaces))
            ORDER BY id DESC LIMIT 1000
        )
        WHERE holds(public_id, :text) OR holds(subject, :text)
        ORDER BY id DESC LIMIT :limit
        """,
        {"text": text, "workspaces": dump(workspace_ids), "limit": limit},
    )


async def named(db: aiosqlite.Connection, scope: Scope, names: Sequence[str]) -> dict[str, Ticket]:
    """The tickets of a scope that have these public ids or uids, by the names asked for."""
    tickets = await many(
        db,
        """
        SELECT * FROM kept_tickets
        WHERE workspace_id = :workspace AND source = :source
          AND id IN (
            SELECT id FROM tickets WHERE public_id IN (SELECT value FROM json_each(:names))
            UNION SELECT id FROM tickets WHERE uid IN (SELECT value FROM json_each(:names))
          )
        """,
        {"workspace": scope.workspace_id, "source": scope.source, "names": dump(names)},
    )
    return {name: ticket for ticket in tickets for name in (ticket.public_id, ticket.uid) if name in names}


async def search(db: aiosqlite.Connection, scope: Scope, search: Search) -> tuple[list[Ticket], int]:
    """One page of the tickets of a scope that fit, newest first; and how many fit, on all pages."""
    rows = list(await db.execute_fetchall(_SEARCH, _conditions(scope, search)))
    return [ticket_of(row) for row in rows if row["id"] is not None], int(rows[0]["total"])


# The left joins leave one row, with the total, for a page on which nothing is.
_SEARCH = """
    WITH fits AS MATERIALIZED (
        SELECT id FROM tickets
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
    )
    SELECT tickets.*, counted.total
    FROM (SELECT count(*) AS total FROM fits) AS counted
    LEFT JOIN (SELECT id FROM fits ORDER BY id DESC LIMIT :limit OFFSET :offset) AS page
    LEFT JOIN kept_tickets AS tickets ON tickets.id = page.id
    ORDER BY tickets.id DESC
"""


def _conditions(scope: Scope, search: Search) -> dict[str, object]:
    return {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "statuses": _dump_if_given(search.statuses),
        "categories": _dump_if_given(search.categories),
        "departments": _dump_if_given(search.departments),
        "hidden": dump(search.hidden_departments),
        "reporter": search.reporter_id,
        "reported": search.reported_id,
        "text": search.text,
        "limit": search.limit,
        "offset": search.offset,
    }


async def count_open(
    db: aiosqlite.Connection, workspace_id: str, new: NewTicket, statuses: Sequence[Status]
) -> int:
    """How many tickets in these statuses the reporter of a new one has in its category; no game reports."""
    (row,) = await db.execute_fetchall(
        """
        SELECT count(*) FROM tickets
        WHERE source = :source AND reporter_id = :reporter AND workspace_id = :workspace
          AND category = :category AND view_only = 0
          AND status IN (SELECT value FROM json_each(:statuses))
        """,
        {
            "source": new.source,
            "reporter": new.reporter.id,
            "workspace": workspace_id,
            "category": new.category,
            "statuses": dump(statuses),
        },
    )
    return int(row[0])


def _dump_if_given(values: Sequence[str] | None) -> str | None:
    return None if values is None else dump(values)
