"""Rows around what was deleted in Discord: posts, threads and channels that are gone. Never commits."""

import sqlite3
from datetime import datetime

import aiosqlite

from bot.tickets import Kind, Lane, Ticket
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


async def posts_in(db: aiosqlite.Connection, channel_id: int) -> dict[str, int]:
    """How many tickets have their post in that channel, by workspace."""
    rows = await db.execute_fetchall(
        """
        SELECT workspace_id, count(*) AS posts FROM tickets WHERE post_channel_id = :id GROUP BY workspace_id
        """,
        {"id": channel_id},
    )
    return {row["workspace_id"]: row["posts"] for row in rows}


async def wanted_in(db: aiosqlite.Connection, channel_id: int) -> list[int]:
    """Of those, the ids of the ones that are not over or have something left to show, oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT id FROM tickets
        WHERE post_channel_id = :id
          AND (status IN ('open', 'in-progress') OR EXISTS (
              SELECT 1 FROM outbox
              WHERE ticket_id = tickets.id AND state = 'pending' AND kind IN ('post', 'show')
          ))
        ORDER BY id
        """,
        {"id": channel_id},
    )
    return [row["id"] for row in rows]


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


async def forget_place(db: aiosqlite.Connection, channel_id: int) -> None:
    """Whatever was posted in that channel is shown nowhere any more."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = NULL, post_message_id = NULL, thread_id = NULL,
                           digest_message_id = NULL
        WHERE post_channel_id = :id
        """,
        {"id": channel_id},
    )


async def drop_openings(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    """Posts and threads of a ticket that were set aside: others take their place."""
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND state = 'buried' AND kind IN ('post', 'thread', 'private-thread')
        """,
        {"id": ticket_id, "now": to_ms(now)},
    )


async def drop_waiting(db: aiosqlite.Connection, ticket_id: int, lane: Lane, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND lane = :lane AND state = 'pending'
        """,
        {"id": ticket_id, "lane": lane.value, "now": to_ms(now)},
    )


async def count(db: aiosqlite.Connection, ticket_id: int) -> int:
    """How many deliveries a ticket ever had."""
    (row,) = await db.execute_fetchall(
        "SELECT count(*) AS number FROM outbox WHERE ticket_id = :id", {"id": ticket_id}
    )
    return int(row["number"])


async def stranded(db: aiosqlite.Connection, workspace_id: str) -> list[tuple[int, Kind, Ticket]]:
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


def _stranded(row: sqlite3.Row) -> tuple[int, Kind, Ticket]:
    return row["delivery_id"], Kind(row["kind"]), ticket_rows.ticket_of(row)


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
    """Channels that hold posts of tickets that are not over, or that something waits for."""
    rows = await db.execute_fetchall(
        """
        SELECT post_channel_id AS channel_id FROM tickets
        WHERE post_channel_id IS NOT NULL AND status IN ('open', 'in-progress')
        UNION SELECT channel_id FROM outbox WHERE state = 'pending' AND lane = 'discord'
        """
    )
    return [row["channel_id"] for row in rows]
