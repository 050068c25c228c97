"""Rows of the outbox: first in, first out per ticket and lane. Never commits."""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

import aiosqlite

from bot.tickets import Delivery, Kind, Lane, Receipt, State, Ticket, Undelivered, nonce_of
from storage.times import from_ms, to_ms


async def insert(
    db: aiosqlite.Connection,
    ticket: Ticket,
    kind: Kind,
    channel_id: int,
    now: datetime,
    *,
    message_id: int | None = None,
    part: str = "",
) -> None:
    """Put one delivery at the end of its ticket's lane. `part` tells apart deliveries of one kind."""
    await db.execute(
        """
        INSERT INTO outbox (ticket_id, kind, lane, channel_id, nonce, message_id, due_at, created_at)
        VALUES (:ticket_id, :kind, :lane, :channel_id, :nonce, :message_id, :now, :now)
        """,
        {
            "ticket_id": ticket.id,
            "kind": kind.value,
            "lane": kind.lane.value,
            "channel_id": channel_id,
            "nonce": nonce_of(ticket.uid, kind, part, channel_id),
            "message_id": message_id,
            "now": to_ms(now),
        },
    )


async def has_untouched(db: aiosqlite.Connection, ticket_id: int, kind: Kind) -> bool:
    """Whether such a delivery waits that nobody has begun."""
    async with db.execute(
        """
        SELECT 1 FROM outbox
        WHERE ticket_id = :ticket_id AND kind = :kind AND lane = :lane AND state = 'pending' AND attempts = 0
        """,
        {"ticket_id": ticket_id, "kind": kind.value, "lane": kind.lane.value},
    ) as cursor:
        return await cursor.fetchone() is not None


async def channel_of_post(db: aiosqlite.Connection, ticket_id: int) -> int | None:
    """The channel a ticket's post waits to be made in; None if it does not wait."""
    rows = await db.execute_fetchall(
        """
        SELECT channel_id FROM outbox
        WHERE ticket_id = :ticket_id AND lane = :lane AND state = 'pending' AND kind = :kind
        """,
        {"ticket_id": ticket_id, "lane": Kind.POST.lane.value, "kind": Kind.POST.value},
    )
    return next((row["channel_id"] for row in rows), None)


async def due(
    db: aiosqlite.Connection, lane: Lane, busy: Collection[int], now: datetime, limit: int
) -> list[Delivery]:
    """For each channel that is not busy, its oldest delivery that is due; oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT *, min(id) FROM outbox_heads
        WHERE lane = :lane AND due_at <= :now AND channel_id NOT IN (SELECT value FROM json_each(:busy))
        GROUP BY channel_id ORDER BY id LIMIT :limit
        """,
        {"lane": lane.value, "now": to_ms(now), "busy": json.dumps(list(busy)), "limit": limit},
    )
    return [_delivery(row) for row in rows]


async def next_due(db: aiosqlite.Connection, lane: Lane, busy: Collection[int]) -> datetime | None:
    """When the next delivery to a channel that is not busy is due; None if none waits."""
    rows = await db.execute_fetchall(
        """
        SELECT min(due_at) AS due_at FROM outbox_heads
        WHERE lane = :lane AND channel_id NOT IN (SELECT value FROM json_each(:busy))
        """,
        {"lane": lane.value, "busy": json.dumps(list(busy))},
    )
    return next((from_ms(row["due_at"]) for row in rows if row["due_at"] is not None), None)


async def begin(db: aiosqlite.Connection, delivery_id: int) -> None:
    await db.execute("UPDATE outbox SET attempts = attempts + 1 WHERE id = :id", {"id": delivery_id})


async def settle(db: aiosqlite.Connection, delivery_id: int, receipt: Receipt, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'done', settled_at = :now, last_error = NULL, receipt_channel = :channel,
                          receipt_message = :message, receipt_thread = :thread
        WHERE id = :id AND state = 'pending'
        """,
        {
            "id": delivery_id,
            "channel": receipt.channel_id,
            "message": receipt.message_id,
            "thread": receipt.thread_id,
            "now": to_ms(now),
        },
    )


async def postpone(db: aiosqlite.Connection, delivery_id: int, until: datetime, reason: str) -> None:
    await db.execute(
        "UPDATE outbox SET due_at = :until, last_error = :reason WHERE id = :id AND state = 'pending'",
        {"id": delivery_id, "until": to_ms(until), "reason": reason},
    )


async def bury(db: aiosqlite.Connection, delivery_id: int, reason: str, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'buried', settled_at = :now, last_error = :reason
        WHERE id = :id AND state = 'pending'
        """,
        {"id": delivery_id, "reason": reason, "now": to_ms(now)},
    )


async def pending(db: aiosqlite.Connection, ticket_id: int, lane: Lane) -> list[Delivery]:
    """What still waits for one ticket in one lane, first in first."""
    rows = await db.execute_fetchall(
        "SELECT * FROM outbox WHERE ticket_id = :id AND lane = :lane AND state = 'pending' ORDER BY id",
        {"id": ticket_id, "lane": lane.value},
    )
    return [_delivery(row) for row in rows]


async def pending_with(db: aiosqlite.Connection, nonce: str) -> Delivery | None:
    """The delivery with this nonce, if it is not done."""
    rows = await db.execute_fetchall(
        "SELECT * FROM outbox WHERE nonce = :nonce AND state = 'pending'", {"nonce": nonce}
    )
    return next((_delivery(row) for row in rows), None)


async def undelivered(db: aiosqlite.Connection, limit: int) -> list[Undelivered]:
    """What is set aside, then what waits and has been tried, then what has not; the oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT outbox.*, public_id FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE state IN ('pending', 'buried') AND lane = 'discord'
        ORDER BY state = 'pending', attempts = 0, outbox.id LIMIT :limit
        """,
        {"limit": limit},
    )
    return [
        Undelivered(
            ticket=row["public_id"],
            state=State(row["state"]),
            due_at=from_ms(row["due_at"]),
            last_error=row["last_error"],
            **_fields(row),
        )
        for row in rows
    ]


async def retry(db: aiosqlite.Connection, delivery_id: int, now: datetime) -> bool:
    """Whether there is such a delivery that is not done; it is due now, its tries not forgotten."""
    async with db.execute(
        """
        UPDATE outbox SET state = 'pending', due_at = :now, settled_at = NULL
        WHERE id = :id AND state IN ('pending', 'buried')
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
        WHERE id = :id AND state IN ('pending', 'buried')
        RETURNING id
        """,
        {"id": delivery_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def buried(db: aiosqlite.Connection) -> list[int]:
    """The ids of all that is set aside, oldest first."""
    rows = await db.execute_fetchall("SELECT id FROM outbox WHERE state = 'buried' ORDER BY id")
    return [row["id"] for row in rows]


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(**_fields(row))


def _fields(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "ticket_id": row["ticket_id"],
        "kind": Kind(row["kind"]),
        "channel_id": row["channel_id"],
        "nonce": row["nonce"],
        "message_id": row["message_id"],
        "attempts": row["attempts"],
        "created_at": from_ms(row["created_at"]),
    }
