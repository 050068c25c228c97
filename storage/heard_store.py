"""The store's memory of how far people were listened to."""

from collections.abc import Collection, Mapping

from storage import heard_rows
from storage.transactions import Transactions


class HeardStore(Transactions):
    """Every method is one transaction. Places are Discord's ids of channels and threads."""

    async def read_marks(self, channel_ids: Collection[int]) -> dict[int, int]:
        """The last message that was seen to, with all before it, by place; none for a place never heard."""
        async with self._read() as db:
            return await heard_rows.marks(db, channel_ids)

    async def latest_read_mark(self) -> int:
        """The newest message anywhere that was seen to; 0 if nobody was ever heard."""
        async with self._read() as db:
            return await heard_rows.newest(db)

    async def save_read_marks(self, marks: Mapping[int, int]) -> None:
        """Remember message ids by place; one that is behind what is known changes nothing."""
        async with self._write() as db:
            for place_id, message_id in marks.items():
                await heard_rows.keep(db, place_id, message_id)

    async def ticket_channels(self, channel_ids: Collection[int]) -> set[int]:
        """Those of them in which something typed may be about a ticket."""
        async with self._read() as db:
            return await heard_rows.places_of_tickets(db, channel_ids)
