"""Rows of how far each channel and thread was listened to. Never commits."""

import json
from collections.abc import Collection

import aiosqlite


async def marks(db: aiosqlite.Connection, place_ids: Collection[int]) -> dict[int, int]:
    """The last message seen to, by place; a place never listened to is not among them."""
    rows = await db.execute_fetchall(
        """
        SELECT place_id, message_id FROM heard
        WHERE place_id IN (SELECT value FROM json_each(:places))
        """,
        {"places": json.dumps(list(place_ids))},
    )
    return {row["place_id"]: row["message_id"] for row in rows}


async def newest(db: aiosqlite.Connection) -> int:
    """The highest mark of all; 0 if nobody was ever heard."""
    (row,) = await db.execute_fetchall("SELECT coalesce(max(message_id), 0) AS newest FROM heard")
    return int(row["newest"])


async def keep(db: aiosqlite.Connection, place_id: int, message_id: int) -> None:
    """A mark only ever goes forward."""
    await db.execute(
        """
        INSERT INTO heard (place_id, message_id) VALUES (:place, :message)
        ON CONFLICT (place_id) DO UPDATE SET message_id = max(message_id, excluded.message_id)
        """,
        {"place": place_id, "message": message_id},
    )


async def places_of_tickets(db: aiosqlite.Connection, place_ids: Collection[int]) -> set[int]:
    """Those of them that hold posts, are a ticket's thread, or a thread on a post or a digest."""
    rows = await db.execute_fetchall(
        """
        SELECT value AS place_id FROM json_each(:places) AS places
        WHERE EXISTS (SELECT 1 FROM tickets WHERE post_channel_id = places.value)
           OR EXISTS (SELECT 1 FROM tickets WHERE thread_id = places.value)
           OR EXISTS (SELECT 1 FROM tickets WHERE post_message_id = places.value)
           OR EXISTS (SELECT 1 FROM tickets WHERE digest_message_id = places.value)
        """,
        {"places": json.dumps(list(place_ids))},
    )
    return {row["place_id"] for row in rows}
