"""Rows of the outbox for who looks after it: what is not done, and what becomes of it. Never commits."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

import aiosqlite

from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import DeliveryState, OutboxEntry
from storage.outbox_rows import fields_of
from storage.times import from_ms, to_ms


async def undelivered(db: aiosqlite.Connection, limit: int) -> list[OutboxEntry]:
    """What is set aside, then what waits and has been tried, then what has not; the oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT outbox.*, public_id
        FROM (
            SELECT id FROM outbox WHERE state = 'pending' AND lane = 'discord'
            UNION ALL SELECT id FROM outbox WHERE state = 'dead_letter' AND lane = 'discord'
        ) AS left_over
        JOIN outbox ON outbox.id = left_over.id JOIN tickets ON tickets.id = ticket_id
        ORDER BY state = 'pending', attempts = 0, outbox.id LIMIT :limit
        """,
        {"limit": limit},
    )
    return [_undelivered(row) for row in rows]


async def set_aside(
    db: aiosqlite.Connection, workspace_ids: Collection[str], limit: int
) -> DeadLetterSummary:
    """What is set aside of these workspaces."""
    return _set_aside(
        await db.execute_fetchall(
            """
            SELECT outbox.*, public_id, count(*) OVER () AS total, max(settled_at) OVER () AS until
            FROM outbox JOIN tickets ON tickets.id = ticket_id
            WHERE state = 'dead_letter' AND lane = 'discord'
              AND workspace_id IN (SELECT value FROM json_each(:workspaces))
            ORDER BY outbox.id LIMIT :limit
            """,
            {"workspaces": json.dumps(list(workspace_ids)), "limit": limit},
        )
    )


async def untold(db: aiosqlite.Connection, workspace_id: str, limit: int) -> DeadLetterSummary:
    """The same of one workspace, without what it was told of; what was set aside again is new."""
    return _set_aside(
        await db.execute_fetchall(
            """
            SELECT outbox.*, public_id, count(*) OVER () AS total, max(settled_at) OVER () AS until
            FROM outbox JOIN tickets ON tickets.id = ticket_id
            WHERE state = 'dead_letter' AND lane = 'discord' AND workspace_id = :workspace
              AND told_at IS NOT settled_at
            ORDER BY outbox.id LIMIT :limit
            """,
            {"workspace": workspace_id, "limit": limit},
        )
    )


async def note_told(db: aiosqlite.Connection, workspace_id: str, until: datetime) -> None:
    """The workspace was told of all that was set aside up to then."""
    await db.execute(
        """
        UPDATE outbox SET told_at = settled_at
        WHERE state = 'dead_letter' AND lane = 'discord' AND settled_at <= :until
          AND EXISTS (SELECT 1 FROM tickets WHERE id = ticket_id AND workspace_id = :workspace)
        """,
        {"workspace": workspace_id, "until": to_ms(until)},
    )


async def belongs_to(db: aiosqlite.Connection, delivery_id: int, workspace_ids: Collection[str]) -> bool:
    """Whether it is of one of these workspaces' tickets."""
    async with db.execute(
        """
        SELECT 1 FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE outbox.id = :id AND workspace_id IN (SELECT value FROM json_each(:workspaces))
        """,
        {"id": delivery_id, "workspaces": json.dumps(list(workspace_ids))},
    ) as cursor:
        return await cursor.fetchone() is not None


async def retry(db: aiosqlite.Connection, delivery_id: int, now: datetime) -> bool:
    """Whether there is such a delivery that is not done; it is due now, its tries not forgotten."""
    async with db.execute(
        """
        UPDATE outbox SET state = 'pending', due_at = :now, settled_at = NULL
        WHERE id = :id AND state IN ('pending', 'dead_letter')
        RETURNING id
        """,
        {"id": delivery_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def drop(db: aiosqlite.Connection, delivery_id: int, now: datetime) -> bool:
    """Whether there was such a delivery that is not done; it never will be."""
    async with db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE id = :id AND state IN ('pending', 'dead_letter')
        RETURNING id
        """,
        {"id": delivery_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def buried(db: aiosqlite.Connection) -> list[int]:
    """The ids of all that is set aside, oldest first."""
    rows = await db.execute_fetchall("SELECT id FROM outbox WHERE state = 'dead_letter' ORDER BY id")
    return [row["id"] for row in rows]


def _set_aside(found: Iterable[sqlite3.Row]) -> DeadLetterSummary:
    rows = list(found)
    return DeadLetterSummary(
        sample=tuple(_undelivered(row) for row in rows),
        count=rows[0]["total"] if rows else 0,
        newest_at=from_ms(rows[0]["until"]) if rows else None,
    )


def _undelivered(row: sqlite3.Row) -> OutboxEntry:
    return OutboxEntry(
        ticket=row["public_id"],
        state=DeliveryState(row["state"]),
        due_at=from_ms(row["due_at"]),
        last_error=row["last_error"],
        **fields_of(row),
    )
