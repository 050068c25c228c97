"""The store's memory of how far people were listened to."""

import json
from collections.abc import Collection, Mapping

import aiosqlite

from storage.database import Database


class ReadMarkStore(Database):
    """Every method is one transaction. Places are Discord's ids of channels and threads."""

    async def read_marks(self, channel_ids: Collection[int]) -> dict[int, int]:
        """The last message that was seen to, with all before it, by place; none for a place never heard."""
        async with self._read() as db:
            return await select_marks(db, channel_ids)

    async def latest_read_mark(self) -> int:
        """The newest message anywhere that was seen to; 0 if nobody was ever heard."""
        async with self._read() as db:
            return await select_latest(db)

    async def save_read_marks(self, marks: Mapping[int, int]) -> None:
        """Remember message ids by place; one that is behind what is known changes nothing."""
        async with self._write() as db:
            for place_id, message_id in marks.items():
                await upsert(db, place_id, message_id)

    async def ticket_channels(self, channel_ids: Collection[int]) -> set[int]:
        """Those of them in which something typed may be about a ticket."""
        async with self._read() as db:
            return await select_ticket_channels(db, channel_ids)


async def select_marks(db: aiosqlite.Connection, place_ids: Collection[int]) -> dict[int, int]:
    """The last message seen to, by place; a place never listened to is not among them."""
    rows = await db.execute_fetchall(
        """
        SELECT place_id, message_id FROM heard
        WHERE place_id IN (SELECT value FROM json_each(:places))
        """,
        {"places": json.dumps(list(place_ids))},
    )
    return {row["place_id"]: row["message_id"] for row in rows}


async def select_latest(db: aiosqlite.Connection) -> int:
    """The highest mark of all; 0 if nobody was ever heard."""
    (row,) = await db.execute_fetchall("SELECT coalesce(max(message_id), 0) AS newest FROM heard")
    return int(row["newest"])


async def upsert(db: aiosqlite.Connection, place_id: int, message_id: int) -> None:
    """A mark only ever goes forward."""
    await db.execute(
        """
        INSERT INTO heard (place_id, message_id) VALUES (:place, :message)
        ON CONFLICT (place_id) DO UPDATE SET message_id = max(message_id, excluded.message_id)
        """,
        {"place": place_id, "message": message_id},
    )


async def select_ticket_channels(db: aiosqlite.Connection, place_ids: Collection[int]) -> set[int]:
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
