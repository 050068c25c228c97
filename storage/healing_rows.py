"""Rows around what was deleted in Discord: posts, threads and channels that are gone. Never commits."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import DeliveryKind, Destination
from bot.tickets.ticket import Ticket
from storage import ticket_rows
from storage.times import to_ms


async def note_gone(db: aiosqlite.Connection, discord_id: int, now: datetime) -> bool:
    """Whether it was not known before that this channel or role was deleted. Its id never comes back."""
    async with db.execute(
        "INSERT INTO gone (discord_id, found_at) VALUES (:id, :now) ON CONFLICT DO NOTHING RETURNING 1",
        {"id": discord_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def is_gone(db: aiosqlite.Connection, discord_id: int) -> bool:
    async with db.execute("SELECT 1 FROM gone WHERE discord_id = :id", {"id": discord_id}) as cursor:
        return await cursor.fetchone() is not None


async def shown_by(db: aiosqlite.Connection, message_id: int) -> list[Ticket]:
    """The tickets whose post this message is: one, or those of a digest, oldest first."""
    return await ticket_rows.many(
        db,
        """
        SELECT * FROM kept_tickets WHERE post_message_id = :id
        UNION SELECT * FROM kept_tickets WHERE digest_message_id = :id
        ORDER BY id
        """,
        {"id": message_id},
    )


async def in_thread(db: aiosqlite.Connection, thread_id: int) -> Ticket | None:
    found = await ticket_rows.many(db, "SELECT * FROM kept_tickets WHERE thread_id = :id", {"id": thread_id})
    return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A ticket that has its post in some channel."""

    ticket_id: int
    workspace_id: str
    is_wanted: bool  # it is not over, or has something left to show


async def shown_in(db: aiosqlite.Connection, channel_id: int, limit: int) -> list[Shown]:
    """Tickets that have their post in that channel, oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT id, workspace_id, status IN ('open', 'in-progress') OR EXISTS (
            SELECT 1 FROM outbox
            WHERE lane = 'discord' AND ticket_id = tickets.id
              AND state = 'pending' AND kind IN ('post', 'post_message')
        ) AS is_wanted
        FROM tickets WHERE post_channel_id = :id ORDER BY id LIMIT :limit
        """,
        {"id": channel_id, "limit": limit},
    )
    return [
        Shown(ticket_id=row["id"], workspace_id=row["workspace_id"], is_wanted=bool(row["is_wanted"]))
        for row in rows
    ]


async def forget_post(db: aiosqlite.Connection, ticket_id: int) -> None:
    """It has no post any more; its thread, if it has one, stays."""
    await db.execute(
        "UPDATE tickets SET post_message_id = NULL, digest_message_id = NULL WHERE id = :id",
        {"id": ticket_id},
    )


async def forget_thread(db: aiosqlite.Connection, ticket_id: int) -> None:
    """It has no thread any more; a post that stood in it is gone as well."""
    await db.execute(
        """
        UPDATE tickets SET thread_id = NULL,
                           post_message_id = CASE private WHEN 1 THEN NULL ELSE post_message_id END
        WHERE id = :id
        """,
        {"id": ticket_id},
    )


async def forget_places(db: aiosqlite.Connection, ticket_ids: Sequence[int]) -> None:
    """Whatever was posted of these tickets is shown nowhere any more."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = NULL, post_message_id = NULL, thread_id = NULL,
                           digest_message_id = NULL
        WHERE id IN (SELECT value FROM json_each(:ids))
        """,
        {"ids": ticket_rows.dump(ticket_ids)},
    )


async def drop_openings(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    """Posts and threads of a ticket that were set aside: others take their place."""
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND state = 'dead_letter' AND kind IN ('post', 'thread', 'private_thread')
        """,
        {"id": ticket_id, "now": to_ms(now)},
    )


async def drop_waiting(db: aiosqlite.Connection, ticket_id: int, lane: Destination, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND lane = :lane AND state = 'pending'
        """,
        {"id": ticket_id, "lane": lane.value, "now": to_ms(now)},
    )


async def newest_delivery(db: aiosqlite.Connection) -> int:
    """Its id; every delivery that is put in the outbox later has a higher one."""
    (row,) = await db.execute_fetchall("SELECT coalesce(max(id), 0) AS id FROM outbox")
    return int(row["id"])


async def stranded(db: aiosqlite.Connection, workspace_id: str) -> list[tuple[int, DeliveryKind, Ticket]]:
    """What waits for a channel that is gone: delivery ids, their kinds and tickets, in order."""
    rows = list(
        await db.execute_fetchall(
            """
            SELECT outbox.id AS delivery_id, kind, kept_tickets.*
            FROM gone
            JOIN outbox ON outbox.channel_id = gone.discord_id AND outbox.state = 'pending'
            JOIN kept_tickets ON kept_tickets.id = outbox.ticket_id
            WHERE lane = 'discord' AND workspace_id = :workspace
            ORDER BY outbox.id
            """,
            {"workspace": workspace_id},
        )
    )
    return [_stranded(row) for row in rows]


def _stranded(row: sqlite3.Row) -> tuple[int, DeliveryKind, Ticket]:
    return row["delivery_id"], DeliveryKind(row["kind"]), ticket_rows.ticket_of(row)


async def move(db: aiosqlite.Connection, delivery_id: int, channel_id: int, nonce: str) -> None:
    """Bind it for another channel, as if it had never been tried."""
    await db.execute(
        """
        UPDATE outbox SET channel_id = :channel, nonce = :nonce, attempts = 0, begun_at = NULL,
                          last_begun_at = NULL, last_error = NULL, lead_id = NULL, due_at = created_at
        WHERE id = :id AND state = 'pending'
        """,
        {"id": delivery_id, "channel": channel_id, "nonce": nonce},
    )


async def channels_in_use(db: aiosqlite.Connection) -> list[int]:
    """Channels that hold posts, or that something waits for."""
    # From one channel to the next: DISTINCT would go through all tickets.
    rows = await db.execute_fetchall(
        """
        WITH RECURSIVE held (channel_id) AS (
            SELECT min(post_channel_id) FROM tickets WHERE post_channel_id IS NOT NULL
            UNION ALL
            SELECT (SELECT min(post_channel_id) FROM tickets WHERE post_channel_id > held.channel_id)
            FROM held WHERE channel_id IS NOT NULL
        )
        SELECT channel_id FROM held WHERE channel_id IS NOT NULL
        UNION SELECT channel_id FROM outbox WHERE state = 'pending' AND lane = 'discord'
        """
    )
    return [row["channel_id"] for row in rows]
