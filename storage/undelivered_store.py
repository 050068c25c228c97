"""The store's outbox as who looks after it sees it: what is not done, and what was told of it."""

from collections.abc import Collection
from datetime import datetime

import aiosqlite

from bot.tickets.alerts import AlertMessage, DeadLetterSummary
from bot.tickets.outbox import OutboxEntry
from storage import notice_rows, undelivered_rows
from storage.errors import UnknownDelivery
from storage.transactions import Transactions

_UNKNOWN = "There is no undelivered {id} in the outbox. `ticketbridge outbox list` shows what there is."


class UndeliveredStore(Transactions):
    """Every method is one transaction. `of` are ids of workspaces; a delivery of others is unknown then."""

    async def list_undelivered(self, limit: int) -> list[OutboxEntry]:
        """What waits for Discord or is set aside: first what is set aside, then what has been tried."""
        async with self._read() as db:
            return await undelivered_rows.undelivered(db, limit)

    async def dead_letter_summary(self, workspace_ids: Collection[str], limit: int) -> DeadLetterSummary:
        """What is set aside of these workspaces, the first `limit` of it."""
        async with self._read() as db:
            return await undelivered_rows.set_aside(db, workspace_ids, limit)

    async def unreported_dead_letters(self, workspace_id: str, limit: int) -> DeadLetterSummary:
        """What is set aside of a workspace that it was not told of."""
        async with self._read() as db:
            return await undelivered_rows.untold(db, workspace_id, limit)

    async def mark_dead_letters_reported(self, workspace_id: str, until: datetime) -> None:
        """It was told of all that was set aside up to then."""
        async with self._write() as db:
            await undelivered_rows.note_told(db, workspace_id, until)

    async def retry(
        self, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None = None
    ) -> None:
        """Deliver it now, also if it was set aside. Raises UnknownDelivery."""
        async with self._write() as db:
            await _check(db, delivery_id, workspace_ids)
            if not await undelivered_rows.retry(db, delivery_id, now):
                raise UnknownDelivery(_UNKNOWN.format(id=delivery_id))
        self._notify_outbox()

    async def retry_all_dead_letters(self, now: datetime) -> int:
        """The same for all that is set aside; how many there were."""
        async with self._write() as db:
            ids = await undelivered_rows.buried(db)
            for delivery_id in ids:
                await undelivered_rows.retry(db, delivery_id, now)
        self._notify_outbox()
        return len(ids)

    async def drop(
        self, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None = None
    ) -> None:
        """Never deliver it; what stands behind it goes on. Raises UnknownDelivery."""
        async with self._write() as db:
            await _check(db, delivery_id, workspace_ids)
            if not await undelivered_rows.drop(db, delivery_id, now):
                raise UnknownDelivery(_UNKNOWN.format(id=delivery_id))
        self._notify_outbox()

    async def alert_messages(self) -> list[AlertMessage]:
        """Every notice whose trouble was not seen to end."""
        async with self._read() as db:
            return await notice_rows.every(db)

    async def save_alert_message(self, alert_message: AlertMessage) -> None:
        """In the place of an earlier one about the same channel."""
        async with self._write() as db:
            await notice_rows.keep(db, alert_message)

    async def delete_alert_message(self, workspace_id: str, channel_id: int) -> None:
        """Its trouble is over, and whoever is to know was told."""
        async with self._write() as db:
            await notice_rows.forget(db, workspace_id, channel_id)


async def _check(db: aiosqlite.Connection, delivery_id: int, of: Collection[str] | None) -> None:
    if of is not None and not await undelivered_rows.belongs_to(db, delivery_id, of):
        raise UnknownDelivery(_UNKNOWN.format(id=delivery_id))
