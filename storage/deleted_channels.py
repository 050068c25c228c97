"""Deleted posts, threads and channels: clears their ids, and queues again what open tickets need."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import DeliveryKind, Destination
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import outbox, workspaces
from storage.mapping import to_json, to_ms
from storage.outbox import configured_channel, reroute_stranded
from storage.sqlite.connection import BUSY_TIMEOUT
from storage.sqlite.engine import Database
from storage.tickets import fetch_all, require_ticket
from storage.workspaces import require_workspace

_BATCH_SIZE = 100  # tickets of a deleted channel in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDeletion:
    """What the deletion of a channel means to one workspace."""

    workspace: Workspace
    is_new: bool  # the deletion was not recorded before
    posts: int  # tickets that had their post in it
    reposted: int  # of those, the open ones and those with pending deliveries
    stranded: int  # deliveries that stay pending until the workspace names another channel


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedTicket:
    """A ticket that has its post in a channel."""

    ticket_id: int
    workspace_id: str
    needs_repost: bool  # it is open, or has pending posts or messages


class DiscordCleanupStore(Database):
    """Every method is one transaction, unless it says otherwise."""

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        super().__init__(writer, reader, busy_timeout=busy_timeout)
        self._cleanup_lock = asyncio.Lock()

    async def record_post_deleted(self, message_id: int) -> list[Ticket]:
        """Record that a Discord message was deleted; return the tickets whose post it was."""
        async with self._read() as db:
            posted = await tickets_by_message(db, message_id)
        if not posted:  # the usual case, without a write transaction
            return []
        async with self._write() as db:
            for ticket in posted:
                await clear_post(db, ticket.id)
            return [await require_ticket(db, ticket.id) for ticket in posted]

    async def record_thread_deleted(self, thread_id: int, now: datetime) -> Ticket | None:
        """Record that a thread was deleted; return the ticket it belonged to, or None.

        Later messages go below the post. A private ticket had its post in the thread: if it is open or has
        pending deliveries, both are queued again.
        """
        async with self._write() as db:
            before = await ticket_by_thread(db, thread_id)
            if before is None:
                return None
            await clear_thread(db, before.id)
            ticket = await require_ticket(db, before.id)
            if ticket.is_private and await _needs_repost(db, ticket):
                await _requeue(db, ticket.id, now)
            elif ticket.is_private:
                await drop_pending(db, ticket.id, Destination.DISCORD, now)
        self._notify_outbox()
        return ticket

    async def record_channel_deleted(self, channel_id: int, now: datetime) -> list[ChannelDeletion]:
        """Record that a channel was deleted, with its threads; return one result per affected workspace.

        Open tickets and those with pending deliveries are queued again for the channel that their workspace
        names now, and pending deliveries are rerouted to it. Runs in many transactions so that others can
        write meanwhile; if it is interrupted, the next call finishes it and still reports it as new.
        """
        posts: Counter[str] = Counter()
        reposted: Counter[str] = Counter()
        async with self._cleanup_lock:  # a second call for the same channel finds nothing left to report
            while cleared := await self._clear_some_posts(channel_id, now):
                posts.update(ticket.workspace_id for ticket in cleared)
                reposted.update(ticket.workspace_id for ticket in cleared if ticket.needs_repost)
            async with self._write() as db:
                is_new = await insert_deleted(db, channel_id, now)
                deletions = []
                for workspace in await workspaces.select_all(db):
                    stranded = await reroute_stranded(db, workspace)
                    if workspace.id in posts or stranded or channel_id in workspace.channel_ids:
                        deletion = ChannelDeletion(
                            workspace=workspace,
                            is_new=is_new,
                            posts=posts[workspace.id],
                            reposted=reposted[workspace.id],
                            stranded=stranded,
                        )
                        deletions.append(deletion)
        self._notify_outbox()
        return deletions

    async def _clear_some_posts(self, channel_id: int, now: datetime) -> list[PostedTicket]:
        """Clear the posts of the next tickets of a channel, and return these; empty if none is left."""
        async with self._write() as db:
            posted = await posted_in_channel(db, channel_id, _BATCH_SIZE)
            await clear_posts(db, [ticket.ticket_id for ticket in posted])
            for ticket in posted:
                if ticket.needs_repost:
                    await _requeue(db, ticket.ticket_id, now)
        self._notify_outbox()
        return posted

    async def repost(self, ticket_id: int, now: datetime) -> bool:
        """Queue the post of a ticket that has none; False if it has one, or one is pending.

        Raises UnknownTicket.
        """
        async with self._write() as db:
            ticket = await require_ticket(db, ticket_id)
            pending = await outbox.select_pending(db, ticket_id, Destination.DISCORD)
            is_posted = ticket.post.message_id is not None or ticket.post.digest_message_id is not None
            if is_posted or any(delivery.kind is DeliveryKind.POST for delivery in pending):
                return False
            await _requeue(db, ticket_id, now)
        self._notify_outbox()
        return True

    async def mark_deleted(self, discord_id: int, now: datetime) -> bool:
        """Record that a role was deleted; return whether that is new."""
        async with self._write() as db:
            return await insert_deleted(db, discord_id, now)

    async def channels_in_use(self) -> list[int]:
        """Channels with posts or pending deliveries."""
        async with self._read() as db:
            return await select_channels_in_use(db)


async def _requeue(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    ticket = await require_ticket(db, ticket_id)
    workspace = await require_workspace(db, ticket.workspace_id)
    await requeue_post(db, workspace, ticket, now)


async def _needs_repost(db: aiosqlite.Connection, ticket: Ticket) -> bool:
    """Whether a ticket is open, or has pending posts or messages."""
    pending = await outbox.select_pending(db, ticket.id, Destination.DISCORD)
    return not ticket.status.is_closed or any(
        delivery.kind in (DeliveryKind.POST, DeliveryKind.POST_MESSAGE) for delivery in pending
    )


async def requeue_post(db: aiosqlite.Connection, workspace: Workspace, ticket: Ticket, now: datetime) -> None:
    """Queue the post and thread that a ticket has lost, with new nonces.

    If nothing of the ticket is left in Discord, pending messages are queued again behind its post; otherwise
    they keep their place, for an attempt may be under way. A private ticket stays in its channel, which its
    reporter can see.
    """
    pending = await outbox.select_pending(db, ticket.id, Destination.DISCORD)
    await drop_dead_posts(db, ticket.id, now)
    nothing_left = ticket.post.thread_id is None and (ticket.is_private or ticket.post.channel_id is None)
    if nothing_left:
        await drop_pending(db, ticket.id, Destination.DISCORD, now)
    channel = (ticket.post.channel_id if ticket.is_private else None) or configured_channel(workspace, ticket)
    part = f"again {await max_delivery_id(db)}"
    for kind in ticket.initial_deliveries:
        if kind is DeliveryKind.POST or ticket.post.thread_id is None:
            await outbox.insert(db, ticket, kind, channel, now, part=part)
    for old in pending if nothing_left else ():
        if old.kind in (DeliveryKind.POST_MESSAGE, DeliveryKind.POST_POINTER):
            await outbox.insert(
                db, ticket, old.kind, channel, now, message_id=old.message_id, part=f"{part} {old.id}"
            )


async def insert_deleted(db: aiosqlite.Connection, discord_id: int, now: datetime) -> bool:
    """Record a deleted channel or role; return whether that is new. Discord never reuses an id."""
    async with db.execute(
        "INSERT INTO gone (discord_id, found_at) VALUES (:id, :now) ON CONFLICT DO NOTHING RETURNING 1",
        {"id": discord_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def tickets_by_message(db: aiosqlite.Connection, message_id: int) -> list[Ticket]:
    """The tickets whose post or digest a message is, oldest first."""
    return await fetch_all(
        db,
        """
        SELECT * FROM kept_tickets WHERE post_message_id = :id
        UNION SELECT * FROM kept_tickets WHERE digest_message_id = :id
        ORDER BY id
        """,
        {"id": message_id},
    )


async def ticket_by_thread(db: aiosqlite.Connection, thread_id: int) -> Ticket | None:
    found = await fetch_all(db, "SELECT * FROM kept_tickets WHERE thread_id = :id", {"id": thread_id})
    return found[0] if found else None


async def posted_in_channel(db: aiosqlite.Connection, channel_id: int, limit: int) -> list[PostedTicket]:
    """Tickets that have their post in a channel, oldest first."""
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
        PostedTicket(
            ticket_id=row["id"], workspace_id=row["workspace_id"], needs_repost=bool(row["is_wanted"])
        )
        for row in rows
    ]


async def clear_post(db: aiosqlite.Connection, ticket_id: int) -> None:
    """Clear the ids of a ticket's post; its thread stays."""
    await db.execute(
        "UPDATE tickets SET post_message_id = NULL, digest_message_id = NULL WHERE id = :id",
        {"id": ticket_id},
    )


async def clear_thread(db: aiosqlite.Connection, ticket_id: int) -> None:
    """Clear the id of a ticket's thread, and of a private ticket's post, which was in it."""
    await db.execute(
        """
        UPDATE tickets SET thread_id = NULL,
                           post_message_id = CASE private WHEN 1 THEN NULL ELSE post_message_id END
        WHERE id = :id
        """,
        {"id": ticket_id},
    )


async def clear_posts(db: aiosqlite.Connection, ticket_ids: Sequence[int]) -> None:
    """Clear the ids of all that was posted of these tickets."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = NULL, post_message_id = NULL, thread_id = NULL,
                           digest_message_id = NULL
        WHERE id IN (SELECT value FROM json_each(:ids))
        """,
        {"ids": to_json(ticket_ids)},
    )


async def drop_dead_posts(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    """Drop the dead-letter posts and threads of a ticket: new ones replace them."""
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND state = 'dead_letter' AND kind IN ('post', 'thread', 'private_thread')
        """,
        {"id": ticket_id, "now": to_ms(now)},
    )


async def drop_pending(
    db: aiosqlite.Connection, ticket_id: int, destination: Destination, now: datetime
) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND lane = :lane AND state = 'pending'
        """,
        {"id": ticket_id, "lane": destination.value, "now": to_ms(now)},
    )


async def max_delivery_id(db: aiosqlite.Connection) -> int:
    """The id of the newest delivery; later ones have higher ids, which makes new nonces unique."""
    (row,) = await db.execute_fetchall("SELECT coalesce(max(id), 0) AS id FROM outbox")
    return int(row["id"])


async def select_channels_in_use(db: aiosqlite.Connection) -> list[int]:
    """Channels with posts or pending deliveries."""
    # Steps from channel to channel in the index; DISTINCT would scan all tickets.
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
