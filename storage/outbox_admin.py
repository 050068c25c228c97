"""Outbox administration: lists undelivered deliveries, retries and drops them, reports dead letters."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

import aiosqlite

from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import DeliveryState, OutboxEntry
from storage.errors import UnknownDelivery
from storage.mapping import delivery_fields, from_ms, to_ms
from storage.sqlite.engine import Database

_NO_DELIVERY = "There is no undelivered {id} in the outbox. `ticketbridge outbox list` shows what there is."


class OutboxAdminStore(Database):
    """Every method is one transaction. With `workspace_ids`, deliveries of other workspaces are unknown."""

    async def list_undelivered(self, limit: int) -> list[OutboxEntry]:
        """Dead letters and pending deliveries to Discord: dead letters first, then those attempted before."""
        async with self._read() as db:
            return await select_undelivered(db, limit)

    async def dead_letter_summary(self, workspace_ids: Collection[str], limit: int) -> DeadLetterSummary:
        """Dead letters of workspaces: their count, and the first `limit` as a sample."""
        async with self._read() as db:
            return await select_dead_letters(db, workspace_ids, limit)

    async def unreported_dead_letters(self, workspace_id: str, limit: int) -> DeadLetterSummary:
        """Dead letters of a workspace that were not reported to it yet."""
        async with self._read() as db:
            return await select_unreported(db, workspace_id, limit)

    async def mark_dead_letters_reported(self, workspace_id: str, until: datetime) -> None:
        """Mark the dead letters of a workspace up to that time as reported."""
        async with self._write() as db:
            await update_reported(db, workspace_id, until)

    async def retry(
        self, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None = None
    ) -> None:
        """Make a pending delivery or dead letter due now. Raises UnknownDelivery."""
        async with self._write() as db:
            await _require_delivery(db, delivery_id, workspace_ids)
            if not await set_pending(db, delivery_id, now):
                raise UnknownDelivery(_NO_DELIVERY.format(id=delivery_id))
        self._notify_outbox()

    async def retry_all_dead_letters(self, now: datetime) -> int:
        """Make all dead letters due now; return how many there were."""
        async with self._write() as db:
            ids = await select_dead_letter_ids(db)
            for delivery_id in ids:
                await set_pending(db, delivery_id, now)
        self._notify_outbox()
        return len(ids)

    async def drop(
        self, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None = None
    ) -> None:
        """Never deliver it, so that later ones of its ticket are sent. Raises UnknownDelivery."""
        async with self._write() as db:
            await _require_delivery(db, delivery_id, workspace_ids)
            if not await set_dropped(db, delivery_id, now):
                raise UnknownDelivery(_NO_DELIVERY.format(id=delivery_id))
        self._notify_outbox()


async def _require_delivery(
    db: aiosqlite.Connection, delivery_id: int, workspace_ids: Collection[str] | None
) -> None:
    if workspace_ids is not None and not await belongs_to(db, delivery_id, workspace_ids):
        raise UnknownDelivery(_NO_DELIVERY.format(id=delivery_id))


async def select_undelivered(db: aiosqlite.Connection, limit: int) -> list[OutboxEntry]:
    """Dead letters, then pending deliveries attempted before, then all others; each oldest first."""
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
    return [_entry_from_row(row) for row in rows]


async def select_dead_letters(
    db: aiosqlite.Connection, workspace_ids: Collection[str], limit: int
) -> DeadLetterSummary:
    """Dead letters of workspaces, oldest first."""
    return _dead_letter_summary(
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


async def select_unreported(db: aiosqlite.Connection, workspace_id: str, limit: int) -> DeadLetterSummary:
    """Unreported dead letters of a workspace; one that failed again after a retry counts as unreported."""
    return _dead_letter_summary(
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


async def update_reported(db: aiosqlite.Connection, workspace_id: str, until: datetime) -> None:
    """Mark the dead letters of a workspace up to that time as reported."""
    await db.execute(
        """
        UPDATE outbox SET told_at = settled_at
        WHERE state = 'dead_letter' AND lane = 'discord' AND settled_at <= :until
          AND EXISTS (SELECT 1 FROM tickets WHERE id = ticket_id AND workspace_id = :workspace)
        """,
        {"workspace": workspace_id, "until": to_ms(until)},
    )


async def belongs_to(db: aiosqlite.Connection, delivery_id: int, workspace_ids: Collection[str]) -> bool:
    """Whether a delivery is of a ticket of these workspaces."""
    async with db.execute(
        """
        SELECT 1 FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE outbox.id = :id AND workspace_id IN (SELECT value FROM json_each(:workspaces))
        """,
        {"id": delivery_id, "workspaces": json.dumps(list(workspace_ids))},
    ) as cursor:
        return await cursor.fetchone() is not None


async def set_pending(db: aiosqlite.Connection, delivery_id: int, now: datetime) -> bool:
    """Make an undelivered delivery due now, its attempts still counted; return whether there is one."""
    async with db.execute(
        """
        UPDATE outbox SET state = 'pending', due_at = :now, settled_at = NULL
        WHERE id = :id AND state IN ('pending', 'dead_letter')
        RETURNING id
        """,
        {"id": delivery_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def set_dropped(db: aiosqlite.Connection, delivery_id: int, now: datetime) -> bool:
    """Drop an undelivered delivery; return whether there is one."""
    async with db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE id = :id AND state IN ('pending', 'dead_letter')
        RETURNING id
        """,
        {"id": delivery_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def select_dead_letter_ids(db: aiosqlite.Connection) -> list[int]:
    """The ids of all dead letters, oldest first."""
    rows = await db.execute_fetchall("SELECT id FROM outbox WHERE state = 'dead_letter' ORDER BY id")
    return [row["id"] for row in rows]


def _dead_letter_summary(selected: Iterable[sqlite3.Row]) -> DeadLetterSummary:
    rows = list(selected)
    return DeadLetterSummary(
        sample=tuple(_entry_from_row(row) for row in rows),
        count=rows[0]["total"] if rows else 0,
        newest_at=from_ms(rows[0]["until"]) if rows else None,
    )


def _entry_from_row(row: sqlite3.Row) -> OutboxEntry:
    return OutboxEntry(
        ticket=row["public_id"],
        state=DeliveryState(row["state"]),
        due_at=from_ms(row["due_at"]),
        last_error=row["last_error"],
        **delivery_fields(row),
    )
