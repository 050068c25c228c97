"""Selects the next deliveries: first in, first out, or digests by priority for a channel with many posts."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import Delivery, Destination
from storage.mapping import delivery_from_row, from_ms, to_ms

DIGEST_THRESHOLD = 15  # pending posts of one channel; with more than these, posts are sent in digests
PRIORITY_DIGEST_THRESHOLD = 3  # due posts of one high rank; with more than these, they too form a digest
DIGEST_SIZE = 10  # posts in one message: Discord's limit of embeds
RECENT_DIGESTS = 20  # of all channels; posts that waited while one of them was sent form digests too


async def due_channels(
    db: aiosqlite.Connection, destination: Destination, in_flight: Collection[int], now: datetime, limit: int
) -> list[tuple[int, bool]]:
    """Channels with due deliveries that are not in flight, oldest first; and whether each is in digest mode.

    Digest mode begins above DIGEST_THRESHOLD posts and ends when all posts that waited with them are sent:
    the last fifteen of a thousand would otherwise need more messages than a hundred and fifty before them.
    """
    if not await _any_pending(db, in_flight):
        return []
    rows = await db.execute_fetchall(
        """
        WITH latest AS (
            SELECT channel_id, last_begun_at FROM outbox
            WHERE lead_id IS NOT NULL ORDER BY lead_id DESC LIMIT :posts
        ),
        lately AS (SELECT channel_id, max(last_begun_at) AS left_at FROM latest GROUP BY channel_id)
        SELECT channel_id, sum(kind = 'post') > :crowd
                           OR coalesce(min(iif(kind = 'post', created_at, NULL)) <= left_at, 0) AS crowded
        FROM outbox_heads LEFT JOIN lately USING (channel_id)
        WHERE lane = :lane AND due_at <= :now AND channel_id NOT IN (SELECT value FROM json_each(:busy))
        GROUP BY channel_id ORDER BY min(id) LIMIT :limit
        """,
        {
            "lane": destination.value,
            "now": to_ms(now),
            "busy": json.dumps(list(in_flight)),
            "crowd": DIGEST_THRESHOLD,
            "posts": RECENT_DIGESTS * DIGEST_SIZE,
            "limit": limit,
        },
    )
    return [(row["channel_id"], bool(row["crowded"])) for row in rows]


async def next_fifo(
    db: aiosqlite.Connection, destination: Destination, channel_id: int, now: datetime
) -> list[Delivery]:
    """The oldest due delivery of a channel, with the others of its digest."""
    return await _with_digest(
        db,
        await db.execute_fetchall(
            """
            SELECT * FROM outbox_heads
            WHERE lane = :lane AND channel_id = :channel AND due_at <= :now ORDER BY id LIMIT 1
            """,
            {"lane": destination.value, "channel": channel_id, "now": to_ms(now)},
        ),
    )


async def next_by_priority(
    db: aiosqlite.Connection, destination: Destination, channel_id: int, now: datetime
) -> list[Delivery]:
    """The next deliveries of a channel in digest mode: one, or the posts of one digest.

    By rank: deliveries attempted before, whose outcome may be unknown; urgent posts; all that is no post
    (replies and updates that people wait for); high-priority and private posts; all other posts. Up to
    DIGEST_SIZE posts of one rank form a digest; above the last rank, only if more than
    PRIORITY_DIGEST_THRESHOLD are due.
    """
    rows = list(
        await db.execute_fetchall(
            """
            SELECT heads.*, tickets.view_only, tickets.priority IN ('low', 'normal') AS can_wait,
                   heads.kind = 'post' AND tickets.private = 0 AND heads.attempts = 0 AS may_share,
                   CASE WHEN heads.attempts > 0 THEN 1
                        WHEN heads.kind = 'post' AND tickets.priority = 'urgent' THEN 2
                        WHEN heads.kind <> 'post' THEN 3
                        WHEN tickets.priority = 'high' OR tickets.private THEN 4
                        ELSE 5 END AS rank
            FROM outbox_heads AS heads JOIN tickets ON tickets.id = heads.ticket_id
            WHERE heads.lane = :lane AND heads.channel_id = :channel AND heads.due_at <= :now
            ORDER BY rank, heads.id LIMIT :most
            """,
            {"lane": destination.value, "channel": channel_id, "now": to_ms(now), "most": 4 * DIGEST_SIZE},
        )
    )
    digest = _digest_of_first(rows)
    return [delivery_from_row(row) for row in digest] or await _with_digest(db, rows[:1])


def _digest_of_first(rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
    """The first row and those that join its digest, DIGEST_SIZE at most; empty to send the first alone."""
    if not rows or not rows[0]["may_share"]:
        return []
    alike = [row for row in rows if row["may_share"] and _digest_group(row) == _digest_group(rows[0])]
    return alike[:DIGEST_SIZE] if rows[0]["can_wait"] or len(alike) > PRIORITY_DIGEST_THRESHOLD else []


def _digest_group(row: sqlite3.Row) -> tuple[int, int]:
    """What the posts of a digest have in common: their rank, and whether they are game reports."""
    return row["rank"], row["view_only"]


async def next_due(
    db: aiosqlite.Connection, destination: Destination, in_flight: Collection[int]
) -> datetime | None:
    """When the next delivery to a channel that is not in flight is due; None if none is pending."""
    if not await _any_pending(db, in_flight):
        return None
    rows = await db.execute_fetchall(
        """
        SELECT min(due_at) AS due_at FROM outbox_heads
        WHERE lane = :lane AND channel_id NOT IN (SELECT value FROM json_each(:busy))
        """,
        {"lane": destination.value, "busy": json.dumps(list(in_flight))},
    )
    return next((from_ms(row["due_at"]) for row in rows if row["due_at"] is not None), None)


async def _any_pending(db: aiosqlite.Connection, in_flight: Collection[int]) -> bool:
    """Whether a channel that is not in flight has pending deliveries, due or not.

    During a burst every commit asks this, while the channel is in flight. Stepping from channel to channel in
    the index takes the same time however many deliveries are pending.
    """
    rows = await db.execute_fetchall(
        """
        WITH RECURSIVE waiting (channel_id) AS (
            SELECT min(channel_id) FROM outbox WHERE state = 'pending'
            UNION ALL
            SELECT (SELECT min(channel_id) FROM outbox
                    WHERE state = 'pending' AND outbox.channel_id > waiting.channel_id)
            FROM waiting WHERE channel_id IS NOT NULL
        )
        SELECT 1 FROM waiting
        WHERE channel_id IS NOT NULL AND channel_id NOT IN (SELECT value FROM json_each(:busy)) LIMIT 1
        """,
        {"busy": json.dumps(list(in_flight))},
    )
    return bool(list(rows))


async def pending_by_nonce(db: aiosqlite.Connection, nonce: str) -> list[Delivery]:
    """The pending deliveries of the message with a nonce; the lead of a digest may be dropped by now."""
    return await _with_digest(
        db,
        await db.execute_fetchall(
            "SELECT * FROM outbox WHERE nonce = :nonce AND (state = 'pending' OR lead_id IS NOT NULL)",
            {"nonce": nonce},
        ),
    )


async def _with_digest(db: aiosqlite.Connection, heads: Iterable[sqlite3.Row]) -> list[Delivery]:
    head = next(iter(heads), None)
    if head is None or head["lead_id"] is None:
        return [] if head is None else [delivery_from_row(head)]
    rows = await db.execute_fetchall(
        """
        SELECT outbox.*, leads.nonce AS nonce_of_lead
        FROM outbox JOIN outbox AS leads ON leads.id = outbox.lead_id
        WHERE outbox.lead_id = :lead AND outbox.state = 'pending' ORDER BY outbox.id
        """,
        {"lead": head["lead_id"]},
    )
    return [replace(delivery_from_row(row), nonce=row["nonce_of_lead"]) for row in rows]
