"""Rows of the outbox: first in, first out per ticket and lane. Never commits."""

import sqlite3
from datetime import datetime
from typing import Any

import aiosqlite

from bot.tickets.outbox import ChannelBacklog, Delivery, DeliveryKind, Destination, Receipt, make_nonce
from bot.tickets.ticket import Ticket
from storage.times import from_ms, to_ms


async def insert(
    db: aiosqlite.Connection,
    ticket: Ticket,
    kind: DeliveryKind,
    channel_id: int,
    now: datetime,
    *,
    message_id: int | None = None,
    part: str = "",
) -> None:
    """Put one delivery at the end of its ticket's lane. `part` tells apart deliveries of one kind."""
    await db.execute(INSERT, values_of(ticket, kind, channel_id, now, message_id=message_id, part=part))


INSERT = """
    INSERT INTO outbox (ticket_id, kind, lane, channel_id, nonce, message_id, due_at, created_at)
    VALUES (:ticket_id, :kind, :lane, :channel_id, :nonce, :message_id, :now, :now)
"""


def values_of(
    ticket: Ticket,
    kind: DeliveryKind,
    channel_id: int,
    now: datetime,
    *,
    message_id: int | None = None,
    part: str = "",
) -> dict[str, object]:
    return {
        "ticket_id": ticket.id,
        "kind": kind.value,
        "lane": kind.destination.value,
        "channel_id": channel_id,
        "nonce": make_nonce(ticket.uid, kind, part, channel_id),
        "message_id": message_id,
        "now": to_ms(now),
    }


async def has_untouched(db: aiosqlite.Connection, ticket_id: int, kind: DeliveryKind) -> bool:
    """Whether such a delivery waits that nobody has begun."""
    async with db.execute(
        """
        SELECT 1 FROM outbox
        WHERE ticket_id = :ticket_id AND kind = :kind AND lane = :lane AND state = 'pending' AND attempts = 0
        """,
        {"ticket_id": ticket_id, "kind": kind.value, "lane": kind.destination.value},
    ) as cursor:
        return await cursor.fetchone() is not None


async def channel_of_post(db: aiosqlite.Connection, ticket_id: int) -> int | None:
    """The channel a ticket's post waits to be made in; None if it does not wait."""
    rows = await db.execute_fetchall(
        """
        SELECT channel_id FROM outbox
        WHERE ticket_id = :ticket_id AND lane = :lane AND state = 'pending' AND kind = :kind
        """,
        {
            "ticket_id": ticket_id,
            "lane": DeliveryKind.POST.destination.value,
            "kind": DeliveryKind.POST.value,
        },
    )
    return next((row["channel_id"] for row in rows), None)


async def begin(
    db: aiosqlite.Connection, delivery_id: int, now: datetime, *, lead_id: int | None = None
) -> None:
    """One more attempt. `lead_id` is the first of several posts that leave in one message."""
    await db.execute(
        """
        UPDATE outbox SET attempts = attempts + 1, begun_at = coalesce(begun_at, :now), last_begun_at = :now,
                          lead_id = :lead
        WHERE id = :id
        """,
        {"id": delivery_id, "now": to_ms(now), "lead": lead_id},
    )


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


async def record_error(db: aiosqlite.Connection, delivery_id: int, reason: str) -> None:
    await db.execute(
        "UPDATE outbox SET last_error = :reason WHERE id = :id AND state = 'pending'",
        {"id": delivery_id, "reason": reason},
    )


async def separate(db: aiosqlite.Connection, delivery_id: int) -> None:
    """From now on it leaves in a message of its own."""
    await db.execute(
        "UPDATE outbox SET lead_id = NULL WHERE id = :id AND state = 'pending'", {"id": delivery_id}
    )


async def bury(db: aiosqlite.Connection, delivery_id: int, reason: str, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'dead_letter', settled_at = :now, last_error = :reason
        WHERE id = :id AND state = 'pending'
        """,
        {"id": delivery_id, "reason": reason, "now": to_ms(now)},
    )


async def pending(db: aiosqlite.Connection, ticket_id: int, lane: Destination) -> list[Delivery]:
    """What still waits for one ticket in one lane, first in first."""
    rows = await db.execute_fetchall(
        "SELECT * FROM outbox WHERE ticket_id = :id AND lane = :lane AND state = 'pending' ORDER BY id",
        {"id": ticket_id, "lane": lane.value},
    )
    return [delivery_of(row) for row in rows]


async def lead_of(db: aiosqlite.Connection, digest_id: int) -> int | None:
    """The first delivery of those that left in one Discord message; None if it is no digest.

    The latest that names one: a ticket whose digest was deleted may have been posted in another since.
    """
    rows = await db.execute_fetchall(
        """
        SELECT lead_id FROM tickets JOIN outbox ON outbox.ticket_id = tickets.id
        WHERE digest_message_id = :id AND lead_id IS NOT NULL
        ORDER BY outbox.id DESC LIMIT 1
        """,
        {"id": digest_id},
    )
    return next((row["lead_id"] for row in rows), None)


async def backlogs(db: aiosqlite.Connection, lane: Destination) -> list[ChannelBacklog]:
    """What waits, for each workspace and channel; the longest waiting first."""
    rows = await db.execute_fetchall(
        """
        SELECT workspace_id, channel_id, count(*) AS waiting, min(outbox.created_at) AS oldest
        FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE lane = :lane AND state = 'pending'
        GROUP BY workspace_id, channel_id ORDER BY oldest
        """,
        {"lane": lane.value},
    )
    return [
        ChannelBacklog(
            workspace_id=row["workspace_id"],
            channel_id=row["channel_id"],
            waiting=row["waiting"],
            oldest=from_ms(row["oldest"]),
        )
        for row in rows
    ]


def delivery_of(row: sqlite3.Row) -> Delivery:
    return Delivery(**fields_of(row))


def fields_of(row: sqlite3.Row) -> dict[str, Any]:
    """What every delivery has."""
    return {
        "id": row["id"],
        "ticket_id": row["ticket_id"],
        "kind": DeliveryKind(row["kind"]),
        "channel_id": row["channel_id"],
        "nonce": row["nonce"],
        "message_id": row["message_id"],
        "attempts": row["attempts"],
        "created_at": from_ms(row["created_at"]),
        "first_attempt_at": None if row["begun_at"] is None else from_ms(row["begun_at"]),
        "last_attempt_at": None if row["last_begun_at"] is None else from_ms(row["last_begun_at"]),
        "digest_lead_id": row["lead_id"],
    }
