"""The outbox: deliveries per ticket and destination, first in, first out, with their attempts and results."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import ChannelBacklog, Delivery, DeliveryKind, Destination, Receipt, make_nonce
from bot.tickets.ticket import DiscordPost, Ticket
from bot.tickets.workspace import Workspace
from storage import outbox_queue
from storage.mapping import delivery_from_row, from_ms, ticket_from_row, to_ms
from storage.sqlite.engine import Database


class OutboxStore(Database):
    """Every method is one transaction."""

    async def due_deliveries(
        self, destination: Destination, in_flight: Collection[int], now: datetime, limit: int = 50
    ) -> list[list[Delivery]]:
        """The next deliveries of each channel that is not in flight: one, or the posts of one digest."""
        async with self._read() as db:
            channels = await outbox_queue.due_channels(db, destination, in_flight, now, limit)
            due = []
            for channel_id, in_digest_mode in channels:
                choose = outbox_queue.next_by_priority if in_digest_mode else outbox_queue.next_fifo
                due.append(await choose(db, destination, channel_id, now))
        return [deliveries for deliveries in due if deliveries]

    async def next_due(self, destination: Destination, in_flight: Collection[int]) -> datetime | None:
        """When the next delivery to a channel that is not in flight is due; None if none is pending."""
        async with self._read() as db:
            return await outbox_queue.next_due(db, destination, in_flight)

    async def pending_for_ticket(self, ticket_id: int, destination: Destination) -> list[Delivery]:
        """The pending deliveries of a ticket, oldest first."""
        async with self._read() as db:
            return await select_pending(db, ticket_id, destination)

    async def start_attempt(self, deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
        """Record an attempt before it is made: if no result follows, its outcome is unknown.

        Several deliveries form one digest, now and in every later attempt. Returns them with its lead id and
        nonce, otherwise as they were before this attempt.
        """
        first = deliveries[0]
        lead_id = first.digest_lead_id or (first.id if len(deliveries) > 1 else None)
        async with self._write() as db:
            for delivery in deliveries:
                await record_attempt(db, delivery.id, now, lead_id=lead_id)
        return [replace(delivery, digest_lead_id=lead_id, nonce=first.nonce) for delivery in deliveries]

    async def mark_delivered(self, deliveries: Sequence[Delivery], receipt: Receipt, now: datetime) -> None:
        """Mark deliveries as done, and store the Discord ids of posts and threads on their tickets."""
        async with self._write() as db:
            for delivery in deliveries:
                await _mark_delivered(db, delivery, receipt, now)

    async def split_digest(self, deliveries: Sequence[Delivery]) -> None:
        """Send each in its own message from now on: Discord rejected the digest."""
        async with self._write() as db:
            for delivery in deliveries:
                await clear_digest_lead(db, delivery.id)

    async def confirm_by_nonce(self, nonce: str, message_id: int, now: datetime) -> None:
        """Mark as delivered what has this nonce: Discord sent the message's event before the response."""
        async with self._read() as db:
            deliveries = await outbox_queue.pending_by_nonce(db, nonce)
        if deliveries:
            receipt = Receipt(channel_id=deliveries[0].channel_id, message_id=message_id)
            await self.mark_delivered(deliveries, receipt, now)

    async def digest_lead(self, message_id: int) -> int | None:
        """The lead delivery of a digest, by its Discord message; None if it is no digest."""
        async with self._read() as db:
            return await select_digest_lead(db, message_id)

    async def retry_later(self, deliveries: Sequence[Delivery], until: datetime, reason: str) -> None:
        """Retry deliveries later; later ones of the same ticket and destination wait for them."""
        async with self._write() as db:
            for delivery in deliveries:
                await record_retry(db, delivery.id, until, reason)

    async def record_error(self, deliveries: Sequence[Delivery], reason: str) -> None:
        """Store why deliveries were not delivered; they stay due when they are."""
        async with self._write() as db:
            for delivery in deliveries:
                await record_last_error(db, delivery.id, reason)

    async def dead_letter(self, delivery: Delivery, reason: str, now: datetime) -> None:
        """Give up a delivery that cannot succeed, so that later ones of its ticket are sent."""
        async with self._write() as db:
            await record_dead_letter(db, delivery.id, reason, now)

    async def backlogs(self, destination: Destination) -> list[ChannelBacklog]:
        """Pending deliveries counted by workspace and channel, the longest waiting first."""
        async with self._read() as db:
            return await select_backlogs(db, destination)


async def _mark_delivered(
    db: aiosqlite.Connection, delivery: Delivery, receipt: Receipt, now: datetime
) -> None:
    await record_delivered(db, delivery.id, receipt, now)
    if delivery.digest_lead_id is not None:
        post = DiscordPost(channel_id=receipt.channel_id, digest_message_id=receipt.message_id)
        await record_post(db, delivery.ticket_id, post)
    elif delivery.kind in (DeliveryKind.POST, DeliveryKind.THREAD, DeliveryKind.PRIVATE_THREAD):
        post = DiscordPost(
            channel_id=receipt.channel_id, message_id=receipt.message_id, thread_id=receipt.thread_id
        )
        await record_post(db, delivery.ticket_id, post)


async def insert(
    db: aiosqlite.Connection,
    ticket: Ticket,
    kind: DeliveryKind,
    channel_id: int,
    now: datetime,
    *,
    message_id: int | None = None,
    part: str = "",
) -> None:
    """Queue a delivery. `part` makes the nonce differ between deliveries of one kind."""
    await db.execute(INSERT, insert_params(ticket, kind, channel_id, now, message_id=message_id, part=part))


INSERT = """
    INSERT INTO outbox (ticket_id, kind, lane, channel_id, nonce, message_id, due_at, created_at)
    VALUES (:ticket_id, :kind, :lane, :channel_id, :nonce, :message_id, :now, :now)
"""


def insert_params(
    ticket: Ticket,
    kind: DeliveryKind,
    channel_id: int,
    now: datetime,
    *,
    message_id: int | None = None,
    part: str = "",
) -> dict[str, object]:
    return {
        "ticket_id": ticket.id,
        "kind": kind.value,
        "lane": kind.destination.value,
        "channel_id": channel_id,
        "nonce": make_nonce(ticket.uid, kind, part, channel_id),
        "message_id": message_id,
        "now": to_ms(now),
    }


async def has_unstarted(db: aiosqlite.Connection, ticket_id: int, kind: DeliveryKind) -> bool:
    """Whether a delivery of this kind is pending that was never attempted."""
    async with db.execute(
        """
        SELECT 1 FROM outbox
        WHERE ticket_id = :ticket_id AND kind = :kind AND lane = :lane AND state = 'pending' AND attempts = 0
        """,
        {"ticket_id": ticket_id, "kind": kind.value, "lane": kind.destination.value},
    ) as cursor:
        return await cursor.fetchone() is not None


async def pending_post_channel(db: aiosqlite.Connection, ticket_id: int) -> int | None:
    """The channel of a ticket's pending post; None if none is pending."""
    rows = await db.execute_fetchall(
        """
        SELECT channel_id FROM outbox
        WHERE ticket_id = :ticket_id AND lane = :lane AND state = 'pending' AND kind = :kind
        """,
        {
            "ticket_id": ticket_id,
            "lane": DeliveryKind.POST.destination.value,
            "kind": DeliveryKind.POST.value,
        },
    )
    return next((row["channel_id"] for row in rows), None)


async def record_attempt(
    db: aiosqlite.Connection, delivery_id: int, now: datetime, *, lead_id: int | None = None
) -> None:
    """Count an attempt. `lead_id` is the first delivery of a digest."""
    await db.execute(
        """
        UPDATE outbox SET attempts = attempts + 1, begun_at = coalesce(begun_at, :now), last_begun_at = :now,
                          lead_id = :lead
        WHERE id = :id
        """,
        {"id": delivery_id, "now": to_ms(now), "lead": lead_id},
    )


async def record_delivered(
    db: aiosqlite.Connection, delivery_id: int, receipt: Receipt, now: datetime
) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'done', settled_at = :now, last_error = NULL, receipt_channel = :channel,
                          receipt_message = :message, receipt_thread = :thread
        WHERE id = :id AND state = 'pending'
        """,
        {
            "id": delivery_id,
            "channel": receipt.channel_id,
            "message": receipt.message_id,
            "thread": receipt.thread_id,
            "now": to_ms(now),
        },
    )


async def record_post(db: aiosqlite.Connection, ticket_id: int, post: DiscordPost) -> None:
    """Store the Discord ids of a ticket's post; a None changes nothing."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = coalesce(:channel, post_channel_id),
                           post_message_id = coalesce(:message, post_message_id),
                           thread_id = coalesce(:thread, thread_id),
                           digest_message_id = coalesce(:digest, digest_message_id)
        WHERE id = :id
        """,
        {
            "id": ticket_id,
            "channel": post.channel_id,
            "message": post.message_id,
            "thread": post.thread_id,
            "digest": post.digest_message_id,
        },
    )


async def record_retry(db: aiosqlite.Connection, delivery_id: int, until: datetime, reason: str) -> None:
    await db.execute(
        "UPDATE outbox SET due_at = :until, last_error = :reason WHERE id = :id AND state = 'pending'",
        {"id": delivery_id, "until": to_ms(until), "reason": reason},
    )


async def record_last_error(db: aiosqlite.Connection, delivery_id: int, reason: str) -> None:
    await db.execute(
        "UPDATE outbox SET last_error = :reason WHERE id = :id AND state = 'pending'",
        {"id": delivery_id, "reason": reason},
    )


async def clear_digest_lead(db: aiosqlite.Connection, delivery_id: int) -> None:
    """Take a delivery out of its digest."""
    await db.execute(
        "UPDATE outbox SET lead_id = NULL WHERE id = :id AND state = 'pending'", {"id": delivery_id}
    )


async def record_dead_letter(db: aiosqlite.Connection, delivery_id: int, reason: str, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'dead_letter', settled_at = :now, last_error = :reason
        WHERE id = :id AND state = 'pending'
        """,
        {"id": delivery_id, "reason": reason, "now": to_ms(now)},
    )


async def select_pending(
    db: aiosqlite.Connection, ticket_id: int, destination: Destination
) -> list[Delivery]:
    """The pending deliveries of a ticket, oldest first."""
    rows = await db.execute_fetchall(
        "SELECT * FROM outbox WHERE ticket_id = :id AND lane = :lane AND state = 'pending' ORDER BY id",
        {"id": ticket_id, "lane": destination.value},
    )
    return [delivery_from_row(row) for row in rows]


async def select_digest_lead(db: aiosqlite.Connection, digest_id: int) -> int | None:
    """The first delivery of a digest, by its Discord message; None if it is no digest.

    Of several, the latest: a ticket whose digest was deleted may have been posted in another since.
    """
    rows = await db.execute_fetchall(
        """
        SELECT lead_id FROM tickets JOIN outbox ON outbox.ticket_id = tickets.id
        WHERE digest_message_id = :id AND lead_id IS NOT NULL
        ORDER BY outbox.id DESC LIMIT 1
        """,
        {"id": digest_id},
    )
    return next((row["lead_id"] for row in rows), None)


async def select_backlogs(db: aiosqlite.Connection, destination: Destination) -> list[ChannelBacklog]:
    """Pending deliveries counted by workspace and channel, the longest waiting first."""
    rows = await db.execute_fetchall(
        """
        SELECT workspace_id, channel_id, count(*) AS waiting, min(outbox.created_at) AS oldest
        FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE lane = :lane AND state = 'pending'
        GROUP BY workspace_id, channel_id ORDER BY oldest
        """,
        {"lane": destination.value},
    )
    return [
        ChannelBacklog(
            workspace_id=row["workspace_id"],
            channel_id=row["channel_id"],
            waiting=row["waiting"],
            oldest=from_ms(row["oldest"]),
        )
        for row in rows
    ]


async def reroute_stranded(db: aiosqlite.Connection, workspace: Workspace) -> int:
    """Move pending deliveries of deleted channels to the channel their workspace names now.

    Returns how many stay, because the workspace still names a deleted channel; the next change that names
    another moves them. Deliveries of a channel not recorded as deleted never move: an earlier attempt may
    have succeeded there.
    """
    left = 0
    for delivery_id, kind, ticket in await select_stranded(db, workspace.id):
        channel = configured_channel(workspace, ticket)
        if await is_deleted(db, channel):
            left += 1
            continue
        nonce = make_nonce(ticket.uid, kind, f"moved {delivery_id}", channel)
        await update_channel(db, delivery_id, channel, nonce)
    return left


def configured_channel(workspace: Workspace, ticket: Ticket) -> int:
    """The channel that the workspace names for a ticket."""
    return workspace.channel_for(ticket, ticket.department)


async def is_deleted(db: aiosqlite.Connection, discord_id: int) -> bool:
    async with db.execute("SELECT 1 FROM gone WHERE discord_id = :id", {"id": discord_id}) as cursor:
        return await cursor.fetchone() is not None


async def select_stranded(
    db: aiosqlite.Connection, workspace_id: str
) -> list[tuple[int, DeliveryKind, Ticket]]:
    """Pending deliveries of deleted channels: their ids, kinds and tickets, oldest first."""
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
    return [_stranded_from_row(row) for row in rows]


def _stranded_from_row(row: sqlite3.Row) -> tuple[int, DeliveryKind, Ticket]:
    return row["delivery_id"], DeliveryKind(row["kind"]), ticket_from_row(row)


async def update_channel(db: aiosqlite.Connection, delivery_id: int, channel_id: int, nonce: str) -> None:
    """Move a delivery to another channel, as if it had never been attempted."""
    await db.execute(
        """
        UPDATE outbox SET channel_id = :channel, nonce = :nonce, attempts = 0, begun_at = NULL,
                          last_begun_at = NULL, last_error = NULL, lead_id = NULL, due_at = created_at
        WHERE id = :id AND state = 'pending'
        """,
        {"id": delivery_id, "channel": channel_id, "nonce": nonce},
    )
