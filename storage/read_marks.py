"""Read marks: per channel or thread, the last Discord message that was processed."""

import json
from collections.abc import Collection, Mapping

import aiosqlite

from storage.sqlite.engine import Database


class ReadMarkStore(Database):
    """Every method is one transaction. Channel ids are those of threads too."""

    async def read_marks(self, channel_ids: Collection[int]) -> dict[int, int]:
        """The last processed message by channel; a channel without a mark is left out."""
        async with self._read() as db:
            return await select_marks(db, channel_ids)

    async def latest_read_mark(self) -> int:
        """The newest processed message of all channels; 0 if there is none."""
        async with self._read() as db:
            return await select_latest(db)

    async def save_read_marks(self, marks: Mapping[int, int]) -> None:
        """Store message ids by channel; a mark never moves back."""
        async with self._write() as db:
            for channel_id, message_id in marks.items():
                await upsert(db, channel_id, message_id)

    async def ticket_channels(self, channel_ids: Collection[int]) -> set[int]:
        """Those of the channels in which a message may be about a ticket."""
        async with self._read() as db:
            return await select_ticket_channels(db, channel_ids)


async def select_marks(db: aiosqlite.Connection, channel_ids: Collection[int]) -> dict[int, int]:
    rows = await db.execute_fetchall(
        """
        SELECT place_id, message_id FROM heard
        WHERE place_id IN (SELECT value FROM json_each(:places))
        """,
        {"places": json.dumps(list(channel_ids))},
    )
    return {row["place_id"]: row["message_id"] for row in rows}


async def select_latest(db: aiosqlite.Connection) -> int:
    (row,) = await db.execute_fetchall("SELECT coalesce(max(message_id), 0) AS newest FROM heard")
    return int(row["newest"])


async def upsert(db: aiosqlite.Connection, channel_id: int, message_id: int) -> None:
    """Store a mark, unless a higher one is stored."""
    await db.execute(
        """
        INSERT INTO heard (place_id, message_id) VALUES (:place, :message)
        ON CONFLICT (place_id) DO UPDATE SET message_id = max(message_id, excluded.message_id)
        """,
        {"place": channel_id, "message": message_id},
    )


async def select_ticket_channels(db: aiosqlite.Connection, channel_ids: Collection[int]) -> set[int]:
    """Those of the channels that contain posts, are a ticket's thread, or a thread on a post or digest."""
    rows = await db.execute_fetchall(
        """
        SELECT value AS place_id FROM json_each(:places) AS places
        WHERE EXISTS (SELECT 1 FROM tickets WHERE post_channel_id = places.value)
           OR EXISTS (SELECT 1 FROM tickets WHERE thread_id = places.value)
           OR EXISTS (SELECT 1 FROM tickets WHERE post_message_id = places.value)
           OR EXISTS (SELECT 1 FROM tickets WHERE digest_message_id = places.value)
        """,
        {"places": json.dumps(list(channel_ids))},
    )
    return {row["place_id"] for row in rows}
