"""The store's outbox: what is due, and what became of it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import ChannelBacklog, Delivery, DeliveryKind, Destination, Receipt
from bot.tickets.ticket import DiscordPost
from storage import due_rows, outbox_rows, ticket_rows
from storage.transactions import Transactions


class OutboxStore(Transactions):
    """Every method is one transaction."""

    async def due_deliveries(
        self, destination: Destination, in_flight: Collection[int], now: datetime, limit: int = 50
    ) -> list[list[Delivery]]:
        """For each channel that is not busy, what leaves next: one delivery, or posts for one message."""
        async with self._read() as db:
            channels = await due_rows.channels_due(db, destination, in_flight, now, limit)
            due = []
            for channel_id, crowded in channels:
                choose = due_rows.next_of_crowd if crowded else due_rows.oldest_due
                due.append(await choose(db, destination, channel_id, now))
        return [deliveries for deliveries in due if deliveries]

    async def next_due(self, destination: Destination, in_flight: Collection[int]) -> datetime | None:
        """When there will be something to deliver to a channel that is not busy."""
        async with self._read() as db:
            return await due_rows.next_due(db, destination, in_flight)

    async def pending_for_ticket(self, ticket_id: int, destination: Destination) -> list[Delivery]:
        """What has not been delivered for one ticket, first in first."""
        async with self._read() as db:
            return await outbox_rows.pending(db, ticket_id, destination)

    async def start_attempt(self, deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
        """Note that an attempt leaves now: if nothing else is ever heard of it, its outcome is unknown.

        Several leave in one message, now and in every later attempt: given back are the deliveries with its
        lead and nonce, all else as it was before this attempt.
        """
        first = deliveries[0]
        lead_id = first.digest_lead_id or (first.id if len(deliveries) > 1 else None)
        async with self._write() as db:
            for delivery in deliveries:
                await outbox_rows.begin(db, delivery.id, now, lead_id=lead_id)
        return [replace(delivery, digest_lead_id=lead_id, nonce=first.nonce) for delivery in deliveries]

    async def mark_delivered(self, deliveries: Sequence[Delivery], receipt: Receipt, now: datetime) -> None:
        """The far side has them. For tickets' own posts and threads, remember where they are."""
        async with self._write() as db:
            for delivery in deliveries:
                await _settle(db, delivery, receipt, now)

    async def split_digest(self, deliveries: Sequence[Delivery]) -> None:
        """Let each leave in a message of its own: the one for all was refused."""
        async with self._write() as db:
            for delivery in deliveries:
                await outbox_rows.separate(db, delivery.id)

    async def confirm_by_nonce(self, nonce: str, message_id: int, now: datetime) -> None:
        """The far side has shown the message with this nonce, before it answered the one who sent it."""
        async with self._read() as db:
            deliveries = await due_rows.pending_with(db, nonce)
        if deliveries:
            receipt = Receipt(channel_id=deliveries[0].channel_id, message_id=message_id)
            await self.mark_delivered(deliveries, receipt, now)

    async def digest_lead(self, message_id: int) -> int | None:
        """What the mark of a digest is made of, by its Discord message."""
        async with self._read() as db:
            return await outbox_rows.lead_of(db, message_id)

    async def retry_later(self, deliveries: Sequence[Delivery], until: datetime, reason: str) -> None:
        """Try again later; nothing behind one in its ticket's lane goes first."""
        async with self._write() as db:
            for delivery in deliveries:
                await outbox_rows.postpone(db, delivery.id, until, reason)

    async def record_error(self, deliveries: Sequence[Delivery], reason: str) -> None:
        """Note why they were not delivered; when they are due stays as it is."""
        async with self._write() as db:
            for delivery in deliveries:
                await outbox_rows.record_error(db, delivery.id, reason)

    async def dead_letter(self, delivery: Delivery, reason: str, now: datetime) -> None:
        """Set aside what can never be delivered, so that others can pass."""
        async with self._write() as db:
            await outbox_rows.bury(db, delivery.id, reason, now)

    async def backlogs(self, destination: Destination) -> list[ChannelBacklog]:
        """What waits, for each workspace and channel; the longest waiting first."""
        async with self._read() as db:
            return await outbox_rows.backlogs(db, destination)


async def _settle(db: aiosqlite.Connection, delivery: Delivery, receipt: Receipt, now: datetime) -> None:
    await outbox_rows.settle(db, delivery.id, receipt, now)
    if delivery.digest_lead_id is not None:
        post = DiscordPost(channel_id=receipt.channel_id, digest_message_id=receipt.message_id)
        await ticket_rows.keep_post(db, delivery.ticket_id, post)
    elif delivery.kind in (DeliveryKind.POST, DeliveryKind.THREAD, DeliveryKind.PRIVATE_THREAD):
        post = DiscordPost(
            channel_id=receipt.channel_id, message_id=receipt.message_id, thread_id=receipt.thread_id
        )
        await ticket_rows.keep_post(db, delivery.ticket_id, post)
