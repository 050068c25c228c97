"""Rows of the outbox: first in, first out per ticket and lane. Never commits."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiosqlite

from bot.tickets import Backlog, Delivery, Kind, Lane, Receipt, State, Ticket, Undelivered, nonce_of
from storage.times import from_ms, to_ms

CROWD = 15  # posts waiting for one channel, from which on they share messages
DIGEST = 10  # posts in one message: as many embeds as Discord takes


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


async def channels_due(
    db: aiosqlite.Connection, lane: Lane, busy: Collection[int], now: datetime, limit: int
) -> list[tuple[int, bool]]:
    """Each channel that is not busy and has something due, by its oldest; and whether posts crowd it."""
    rows = await db.execute_fetchall(
        """
        SELECT channel_id, sum(kind = 'post') > :crowd AS crowded FROM outbox_heads
        WHERE lane = :lane AND due_at <= :now AND channel_id NOT IN (SELECT value FROM json_each(:busy))
        GROUP BY channel_id ORDER BY min(id) LIMIT :limit
        """,
        {
            "lane": lane.value,
            "now": to_ms(now),
            "busy": json.dumps(list(busy)),
            "crowd": CROWD,
            "limit": limit,
        },
    )
    return [(row["channel_id"], bool(row["crowded"])) for row in rows]


async def oldest_due(db: aiosqlite.Connection, lane: Lane, channel_id: int, now: datetime) -> list[Delivery]:
    """The delivery of a channel that was due first, with those it shares its message with."""
    return await _with_its_digest(
        db,
        await db.execute_fetchall(
            """
            SELECT * FROM outbox_heads
            WHERE lane = :lane AND channel_id = :channel AND due_at <= :now ORDER BY id LIMIT 1
            """,
            {"lane": lane.value, "channel": channel_id, "now": to_ms(now)},
        ),
    )


async def next_of_crowd(
    db: aiosqlite.Connection, lane: Lane, channel_id: int, now: datetime
) -> list[Delivery]:
    """What a channel in which posts queue up is to be given next.

    What was begun comes first, for it may have happened; then what is urgent, what somebody waits for (a
    reply, a change), and what is of high priority; then up to ten posts for one message.
    """
    rows = list(
        await db.execute_fetchall(
            """
            SELECT heads.*, tickets.view_only,
                   heads.kind = 'post' AND tickets.private = 0 AND heads.attempts = 0
                   AND tickets.priority IN ('low', 'normal') AS may_share
            FROM outbox_heads AS heads JOIN tickets ON tickets.id = heads.ticket_id
            WHERE heads.lane = :lane AND heads.channel_id = :channel AND heads.due_at <= :now
            ORDER BY heads.attempts = 0, may_share, tickets.priority != 'urgent', heads.kind = 'post',
                     heads.id
            LIMIT :most
            """,
            {"lane": lane.value, "channel": channel_id, "now": to_ms(now), "most": 4 * DIGEST},
        )
    )
    if not rows or not rows[0]["may_share"]:
        return await _with_its_digest(db, rows[:1])
    alike = [row for row in rows if row["may_share"] and row["view_only"] == rows[0]["view_only"]]
    return [_delivery(row) for row in alike[:DIGEST]]


async def _with_its_digest(db: aiosqlite.Connection, heads: Iterable[sqlite3.Row]) -> list[Delivery]:
    head = next(iter(heads), None)
    if head is None or head["lead_id"] is None:
        return [] if head is None else [_delivery(head)]
    rows = await db.execute_fetchall(
        """
        SELECT outbox.*, leads.nonce AS nonce_of_lead
        FROM outbox JOIN outbox AS leads ON leads.id = outbox.lead_id
        WHERE outbox.lead_id = :lead AND outbox.state = 'pending' ORDER BY outbox.id
        """,
        {"lead": head["lead_id"]},
    )
    return [replace(_delivery(row), nonce=row["nonce_of_lead"]) for row in rows]


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


async def separate(db: aiosqlite.Connection, delivery_id: int) -> None:
    """From now on it leaves in a message of its own."""
    await db.execute(
        "UPDATE outbox SET lead_id = NULL WHERE id = :id AND state = 'pending'", {"id": delivery_id}
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


async def pending_with(db: aiosqlite.Connection, nonce: str) -> list[Delivery]:
    """What leaves in the message with this nonce and is not done."""
    return await _with_its_digest(
        db,
        await db.execute_fetchall(
            "SELECT * FROM outbox WHERE nonce = :nonce AND state = 'pending'", {"nonce": nonce}
        ),
    )


async def backlogs(db: aiosqlite.Connection, lane: Lane) -> list[Backlog]:
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
        Backlog(
            workspace_id=row["workspace_id"],
            channel_id=row["channel_id"],
            waiting=row["waiting"],
            oldest=from_ms(row["oldest"]),
        )
        for row in rows
    ]


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
        "begun_at": None if row["begun_at"] is None else from_ms(row["begun_at"]),
        "last_begun_at": None if row["last_begun_at"] is None else from_ms(row["last_begun_at"]),
        "lead_id": row["lead_id"],
    }
