"""Read marks: per channel or thread, the last Discord message that was processed."""

from collections.abc import Collection, Mapping

from storage.db import Db
from storage.engine import Engine


class ReadMarkRepository:
    """Every method is one transaction. Channel ids are those of threads too."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, channel_ids: Collection[int]) -> dict[int, int]:
        """The last processed message by channel; a channel without a mark is left out."""
        rows = await self._engine.read(
            lambda db: db.all(
                "SELECT channel_id, message_id FROM read_marks WHERE channel_id = ANY(:channels)",
                {"channels": channel_ids},
            )
        )
        return {row["channel_id"]: row["message_id"] for row in rows}

    async def latest(self) -> int:
        """The newest processed message of all channels; 0 if there is none."""
        return await self._engine.read(_latest)

    async def save(self, marks: Mapping[int, int]) -> None:
        """Store message ids by channel; a mark never moves back."""
        rows = [{"channel": channel, "message": message} for channel, message in marks.items()]
        await self._engine.write(lambda db: db.run_many(_UPSERT, rows))

    async def ticket_channels(self, channel_ids: Collection[int]) -> set[int]:
        """Those that contain posts, are a ticket's thread, or a thread on a post or digest."""
        rows = await self._engine.read(lambda db: db.all(_TICKET_CHANNELS, {"channels": channel_ids}))
        return {row["channel_id"] for row in rows}


def _latest(db: Db) -> int:
    row = db.one("SELECT coalesce(max(message_id), 0) AS newest FROM read_marks")
    return int(row["newest"]) if row else 0


_UPSERT = """
    INSERT INTO read_marks (channel_id, message_id) VALUES (:channel, :message)
    ON CONFLICT (channel_id) DO UPDATE SET message_id = excluded.message_id
    WHERE read_marks.message_id < excluded.message_id
"""
_TICKET_CHANNELS = """
    SELECT one.value AS channel_id FROM each_number(:channels) AS one
    WHERE EXISTS (SELECT 1 FROM tickets WHERE post_channel_id = one.value)
       OR EXISTS (SELECT 1 FROM tickets WHERE thread_id = one.value)
       OR EXISTS (SELECT 1 FROM tickets WHERE post_message_id = one.value)
       OR EXISTS (SELECT 1 FROM tickets WHERE digest_message_id = one.value)
"""
