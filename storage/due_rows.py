"""What of the outbox leaves next: in a queue by age, in a crowd by what matters. Never commits."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import aiosqlite

from bot.tickets import Delivery, Lane
from storage.outbox_rows import delivery_of
from storage.times import from_ms, to_ms

CROWD = 15  # posts; once more than these wait for one channel, they share messages
DIGEST = 10  # posts in one message: as many embeds as Discord takes


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

    What was begun comes first, for it may have happened; then urgent posts, what is no post (a reply, a
    change: somebody waits for it), and posts of high priority; then up to ten posts for one message.
    """
    rows = list(
        await db.execute_fetchall(
            """
            SELECT heads.*, tickets.view_only,
                   heads.kind = 'post' AND tickets.private = 0 AND heads.attempts = 0
                   AND tickets.priority IN ('low', 'normal') AS may_share
            FROM outbox_heads AS heads JOIN tickets ON tickets.id = heads.ticket_id
            WHERE heads.lane = :lane AND heads.channel_id = :channel AND heads.due_at <= :now
            ORDER BY heads.attempts = 0, may_share, NOT (heads.kind = 'post' AND tickets.priority = 'urgent'),
                     heads.kind = 'post', heads.id
            LIMIT :most
            """,
            {"lane": lane.value, "channel": channel_id, "now": to_ms(now), "most": 4 * DIGEST},
        )
    )
    if not rows or not rows[0]["may_share"]:
        return await _with_its_digest(db, rows[:1])
    alike = [row for row in rows if row["may_share"] and row["view_only"] == rows[0]["view_only"]]
    return [delivery_of(row) for row in alike[:DIGEST]]


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


async def pending_with(db: aiosqlite.Connection, nonce: str) -> list[Delivery]:
    """What leaves in the message with this nonce and is not done: a digest's first may be dropped by now."""
    return await _with_its_digest(
        db,
        await db.execute_fetchall(
            "SELECT * FROM outbox WHERE nonce = :nonce AND (state = 'pending' OR lead_id IS NOT NULL)",
            {"nonce": nonce},
        ),
    )


async def _with_its_digest(db: aiosqlite.Connection, heads: Iterable[sqlite3.Row]) -> list[Delivery]:
    head = next(iter(heads), None)
    if head is None or head["lead_id"] is None:
        return [] if head is None else [delivery_of(head)]
    rows = await db.execute_fetchall(
        """
        SELECT outbox.*, leads.nonce AS nonce_of_lead
        FROM outbox JOIN outbox AS leads ON leads.id = outbox.lead_id
        WHERE outbox.lead_id = :lead AND outbox.state = 'pending' ORDER BY outbox.id
        """,
        {"lead": head["lead_id"]},
    )
    return [replace(delivery_of(row), nonce=row["nonce_of_lead"]) for row in rows]
