"""The store's answer to what is deleted in Discord: nothing waits for it, and what matters is posted anew."""

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
from storage.connection import BUSY_TIMEOUT
from storage.database import Database
from storage.mapping import to_json, to_ms
from storage.outbox import configured_channel, reroute_stranded
from storage.tickets import fetch_all, require_ticket
from storage.workspaces import require_workspace

_BATCH_SIZE = 100  # tickets of a deleted channel, in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDeletion:
    """What one workspace lost with a channel."""

    workspace: Workspace
    is_new: bool  # whether nobody knew before that the channel is gone
    posts: int  # tickets that were shown in it
    reposted: int  # of those, the ones that are not over or have something waiting
    stranded: int  # deliveries that wait until the workspace names another channel


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedTicket:
    """A ticket that has its post in some channel."""

    ticket_id: int
    workspace_id: str
    needs_repost: bool  # it is not over, or has something left to show


class DiscordCleanupStore(Database):
    """Every method is one transaction, unless it says otherwise. All ids are Discord's but a ticket's."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        super().__init__(writer, reader, patience=patience)
        self._cleanup_lock = asyncio.Lock()

    async def record_post_deleted(self, message_id: int) -> list[Ticket]:
        """That message was deleted. The tickets it showed, as they are now; none if it showed none."""
        async with self._read() as db:
            shown = await tickets_by_message(db, message_id)
        if not shown:  # as for nearly every message people delete: nothing to write
            return []
        async with self._write() as db:
            for ticket in shown:
                await clear_post(db, ticket.id)
            return [await require_ticket(db, ticket.id) for ticket in shown]

    async def record_thread_deleted(self, thread_id: int, now: datetime) -> Ticket | None:
        """That thread was deleted. The ticket it belonged to, as it is now; None if there is none.

        What is said next stands under the post. A private ticket had its post in there: if it is not over,
        or something waits for it, both are made anew.
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
        """That channel was deleted, with its threads. What it meant to each workspace it meant anything to.

        Tickets that were shown in it are posted again where their workspace says now, unless they are over
        and nothing waits for them; what waited for it is bound for that channel too. This is many
        transactions, so that others can write meanwhile. Cut short, it is still to be done, and is news.
        """
        posts: Counter[str] = Counter()
        again: Counter[str] = Counter()
        async with self._cleanup_lock:  # who asks for the same channel finds nothing left, and tells nothing
            while shown := await self._clear_some_posts(channel_id, now):
                posts.update(one.workspace_id for one in shown)
                again.update(one.workspace_id for one in shown if one.needs_repost)
            async with self._write() as db:
                is_news = await insert_deleted(db, channel_id, now)
                losses = []
                for workspace in await workspaces.select_all(db):
                    stranded = await reroute_stranded(db, workspace)
                    if workspace.id in posts or stranded or channel_id in workspace.channel_ids:
                        loss = ChannelDeletion(
                            workspace=workspace,
                            is_new=is_news,
                            posts=posts[workspace.id],
                            reposted=again[workspace.id],
                            stranded=stranded,
                        )
                        losses.append(loss)
        self._notify_outbox()
        return losses

    async def _clear_some_posts(self, channel_id: int, now: datetime) -> list[PostedTicket]:
        """The next tickets that were shown there, and are so no more; none if none are left."""
        async with self._write() as db:
            shown = await posted_in_channel(db, channel_id, _BATCH_SIZE)
            await clear_posts(db, [one.ticket_id for one in shown])
            for one in shown:
                if one.needs_repost:
                    await _requeue(db, one.ticket_id, now)
        self._notify_outbox()
        return shown

    async def repost(self, ticket_id: int, now: datetime) -> bool:
        """Show a ticket once more that has no post; False if it has one, or one is on its way.

        Raises UnknownTicket.
        """
        async with self._write() as db:
            ticket = await require_ticket(db, ticket_id)
            waiting = await outbox.select_pending(db, ticket_id, Destination.DISCORD)
            is_shown = ticket.post.message_id is not None or ticket.post.digest_message_id is not None
            if is_shown or any(one.kind is DeliveryKind.POST for one in waiting):
                return False
            await _requeue(db, ticket_id, now)
        self._notify_outbox()
        return True

    async def mark_deleted(self, discord_id: int, now: datetime) -> bool:
        """A role was deleted. Whether that was not known before."""
        async with self._write() as db:
            return await insert_deleted(db, discord_id, now)

    async def channels_in_use(self) -> list[int]:
        """Channels that hold posts, or that something waits for."""
        async with self._read() as db:
            return await select_channels_in_use(db)


async def _requeue(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    ticket = await require_ticket(db, ticket_id)
    workspace = await require_workspace(db, ticket.workspace_id)
    await requeue_post(db, workspace, ticket, now)


async def _needs_repost(db: aiosqlite.Connection, ticket: Ticket) -> bool:
    """Whether work on it goes on, or something about it still has to be shown."""
    waiting = await outbox.select_pending(db, ticket.id, Destination.DISCORD)
    return not ticket.status.is_closed or any(
        one.kind in (DeliveryKind.POST, DeliveryKind.POST_MESSAGE) for one in waiting
    )


async def requeue_post(db: aiosqlite.Connection, workspace: Workspace, ticket: Ticket, now: datetime) -> None:
    """Queue what shows a ticket once more, as far as it is missing, each under a nonce of its own.

    What waits for a place that is no longer there goes behind it; what has a place keeps its turn, for it
    may be on its way. A private ticket stays in the channel its reporter can see.
    """
    waiting = await outbox.select_pending(db, ticket.id, Destination.DISCORD)
    await drop_dead_posts(db, ticket.id, now)
    nowhere = ticket.post.thread_id is None and (ticket.is_private or ticket.post.channel_id is None)
    if nowhere:
        await drop_pending(db, ticket.id, Destination.DISCORD, now)
    channel = (ticket.post.channel_id if ticket.is_private else None) or configured_channel(workspace, ticket)
    part = f"again {await max_delivery_id(db)}"
    for kind in ticket.initial_deliveries:
        if kind is DeliveryKind.POST or ticket.post.thread_id is None:
            await outbox.insert(db, ticket, kind, channel, now, part=part)
    for one in waiting if nowhere else ():
        if one.kind in (DeliveryKind.POST_MESSAGE, DeliveryKind.POST_POINTER):
            again, said = f"{part} {one.id}", one.message_id
            await outbox.insert(db, ticket, one.kind, channel, now, message_id=said, part=again)


async def insert_deleted(db: aiosqlite.Connection, discord_id: int, now: datetime) -> bool:
    """Whether it was not known before that this channel or role was deleted. Its id never comes back."""
    async with db.execute(
        "INSERT INTO gone (discord_id, found_at) VALUES (:id, :now) ON CONFLICT DO NOTHING RETURNING 1",
        {"id": discord_id, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


async def tickets_by_message(db: aiosqlite.Connection, message_id: int) -> list[Ticket]:
    """The tickets whose post this message is: one, or those of a digest, oldest first."""
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
    """Tickets that have their post in that channel, oldest first."""
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
    """It has no post any more; its thread, if it has one, stays."""
    await db.execute(
        "UPDATE tickets SET post_message_id = NULL, digest_message_id = NULL WHERE id = :id",
        {"id": ticket_id},
    )


async def clear_thread(db: aiosqlite.Connection, ticket_id: int) -> None:
    """It has no thread any more; a post that stood in it is gone as well."""
    await db.execute(
        """
        UPDATE tickets SET thread_id = NULL,
                           post_message_id = CASE private WHEN 1 THEN NULL ELSE post_message_id END
        WHERE id = :id
        """,
        {"id": ticket_id},
    )


async def clear_posts(db: aiosqlite.Connection, ticket_ids: Sequence[int]) -> None:
    """Whatever was posted of these tickets is shown nowhere any more."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = NULL, post_message_id = NULL, thread_id = NULL,
                           digest_message_id = NULL
        WHERE id IN (SELECT value FROM json_each(:ids))
        """,
        {"ids": to_json(ticket_ids)},
    )


async def drop_dead_posts(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    """Posts and threads of a ticket that were set aside: others take their place."""
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND state = 'dead_letter' AND kind IN ('post', 'thread', 'private_thread')
        """,
        {"id": ticket_id, "now": to_ms(now)},
    )


async def drop_pending(db: aiosqlite.Connection, ticket_id: int, lane: Destination, now: datetime) -> None:
    await db.execute(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND lane = :lane AND state = 'pending'
        """,
        {"id": ticket_id, "lane": lane.value, "now": to_ms(now)},
    )


async def max_delivery_id(db: aiosqlite.Connection) -> int:
    """Its id; every delivery that is put in the outbox later has a higher one."""
    (row,) = await db.execute_fetchall("SELECT coalesce(max(id), 0) AS id FROM outbox")
    return int(row["id"])


async def select_channels_in_use(db: aiosqlite.Connection) -> list[int]:
    """Channels that hold posts, or that something waits for."""
    # From one channel to the next: DISTINCT would go through all tickets.
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
