"""Deleted posts, threads and channels: clears their ids, and queues again what open tickets need."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage.db import Db
from storage.engine import Engine
from storage.mapping import to_ms
from storage.outbox import configured_channel, insert_deliveries, pending_for_ticket, reroute_stranded
from storage.tickets import get_ticket, lock_ticket, select_tickets
from storage.workspaces import get_workspace, select_workspaces

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


class DeletedChannelRepository:
    """Every method is one transaction, unless it says otherwise."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cleanup_lock = asyncio.Lock()

    async def record_post_deleted(self, message_id: int) -> list[Ticket]:
        """Record that a Discord message was deleted; return the tickets whose post it was."""
        posted = await self._engine.read(lambda db: _tickets_by_message(db, message_id))
        if not posted:  # the usual case, without a write transaction
            return []
        return await self._engine.write(lambda db: _clear_post(db, message_id))

    async def record_thread_deleted(self, thread_id: int, now: datetime) -> Ticket | None:
        """Record that a thread was deleted; return the ticket it belonged to, or None.

        Later messages go below the post. A private ticket had its post in the thread: if it is open or has
        pending deliveries, both are queued again.
        """
        return await self._engine.write(lambda db: _clear_thread(db, thread_id, now))

    async def record_channel_deleted(self, channel_id: int, now: datetime) -> list[ChannelDeletion]:
        """Record that a channel was deleted, with its threads; return one result per affected workspace.

        Open tickets and those with pending deliveries are queued again for the channel that their workspace
        names now, and pending deliveries are rerouted to it. Runs in many transactions so that others can
        write meanwhile; if it is interrupted, the next call finishes it and still reports it as new.
        """
        posts: Counter[str] = Counter()
        reposted: Counter[str] = Counter()
        async with self._cleanup_lock:  # a second call for the same channel finds nothing left to report
            while cleared := await self._engine.write(lambda db: _clear_some_posts(db, channel_id, now)):
                posts.update(ticket.workspace_id for ticket in cleared)
                reposted.update(ticket.workspace_id for ticket in cleared if ticket.needs_repost)
            return await self._engine.write(
                lambda db: _record_channel(db, channel_id, now, posts=posts, reposted=reposted)
            )

    async def repost(self, ticket_id: int, now: datetime) -> bool:
        """Queue the post of a ticket that has none; False if it has one, or one is pending.

        Raises UnknownTicket.
        """

        def repost(db: Db) -> bool:
            ticket = lock_ticket(db, ticket_id)
            pending = pending_for_ticket(db, ticket_id)
            is_posted = ticket.post.message_id is not None or ticket.post.digest_message_id is not None
            if is_posted or any(delivery.kind is DeliveryKind.POST for delivery in pending):
                return False
            _requeue(db, ticket_id, now)
            return True

        return await self._engine.write(repost)

    async def mark_deleted(self, discord_id: int, now: datetime) -> bool:
        """Record that a role was deleted; return whether that is new."""
        return await self._engine.write(lambda db: _insert_deleted(db, discord_id, now))

    async def channels_in_use(self) -> list[int]:
        """Channels with posts or pending deliveries."""
        rows = await self._engine.read(lambda db: db.all(_CHANNELS_IN_USE))
        return [row["channel_id"] for row in rows]


def _record_channel(
    db: Db, channel_id: int, now: datetime, *, posts: Counter[str], reposted: Counter[str]
) -> list[ChannelDeletion]:
    is_new = _insert_deleted(db, channel_id, now)
    deletions = []
    for workspace in select_workspaces(db):
        stranded = reroute_stranded(db, workspace)
        if workspace.id in posts or stranded or channel_id in workspace.channel_ids:
            deletion = ChannelDeletion(
                workspace=workspace,
                is_new=is_new,
                posts=posts[workspace.id],
                reposted=reposted[workspace.id],
                stranded=stranded,
            )
            deletions.append(deletion)
    return deletions


def _clear_post(db: Db, message_id: int) -> list[Ticket]:
    """Clear the ids of the post of tickets; their threads stay."""
    posted = _tickets_by_message(db, message_id)
    db.run(
        "UPDATE tickets SET post_message_id = NULL, digest_message_id = NULL WHERE id = ANY(:ids)",
        {"ids": [ticket.id for ticket in posted]},
    )
    return [get_ticket(db, ticket.id) for ticket in posted]


def _clear_thread(db: Db, thread_id: int, now: datetime) -> Ticket | None:
    """Clear the id of a ticket's thread, and of a private ticket's post, which was in it."""
    row = db.one(
        """
        UPDATE tickets SET thread_id = NULL,
                           post_message_id = CASE is_private WHEN 1 THEN NULL ELSE post_message_id END
        WHERE thread_id = :id RETURNING id
        """,
        {"id": thread_id},
    )
    if row is None:
        return None
    ticket = get_ticket(db, row["id"])
    if ticket.is_private and _needs_repost(db, ticket):
        _requeue(db, ticket.id, now)
    elif ticket.is_private:
        _drop_pending(db, ticket.id, now)
    return ticket


def _clear_some_posts(db: Db, channel_id: int, now: datetime) -> list[PostedTicket]:
    """Clear the posts of the next tickets of a channel, and return these; empty if none is left."""
    posted = _posted_in_channel(db, channel_id, _BATCH_SIZE)
    db.run(
        """
        UPDATE tickets SET post_channel_id = NULL, post_message_id = NULL, thread_id = NULL,
                           digest_message_id = NULL
        WHERE id = ANY(:ids)
        """,
        {"ids": [ticket.ticket_id for ticket in posted]},
    )
    for ticket in posted:
        if ticket.needs_repost:
            _requeue(db, ticket.ticket_id, now)
    return posted


def _needs_repost(db: Db, ticket: Ticket) -> bool:
    """Whether a ticket is open, or has pending posts or messages."""
    pending = pending_for_ticket(db, ticket.id)
    return not ticket.status.is_closed or any(
        delivery.kind in (DeliveryKind.POST, DeliveryKind.POST_MESSAGE) for delivery in pending
    )


def _requeue(db: Db, ticket_id: int, now: datetime) -> None:
    ticket = get_ticket(db, ticket_id)
    requeue_post(db, get_workspace(db, ticket.workspace_id), ticket, now)


def requeue_post(db: Db, workspace: Workspace, ticket: Ticket, now: datetime) -> None:
    """Queue the post and thread that a ticket has lost, with new nonces.

    If nothing of the ticket is left in Discord, pending messages are queued again behind its post; otherwise
    they keep their place, for an attempt may be under way. A private ticket stays in its channel, which its
    reporter can see.
    """
    pending = pending_for_ticket(db, ticket.id)
    _drop_dead_posts(db, ticket.id, now)
    nothing_left = ticket.post.thread_id is None and (ticket.is_private or ticket.post.channel_id is None)
    if nothing_left:
        _drop_pending(db, ticket.id, now)
    channel = (ticket.post.channel_id if ticket.is_private else None) or configured_channel(workspace, ticket)
    lost = [
        kind
        for kind in ticket.initial_deliveries
        if kind is DeliveryKind.POST or ticket.post.thread_id is None
    ]
    insert_deliveries(db, workspace, ticket, lost, channel, now)
    for old in pending if nothing_left else ():
        if old.kind in (DeliveryKind.POST_MESSAGE, DeliveryKind.POST_POINTER):
            insert_deliveries(db, workspace, ticket, [old.kind], channel, now, message_id=old.message_id)


def _insert_deleted(db: Db, discord_id: int, now: datetime) -> bool:
    """Record a deleted channel or role; return whether that is new. Discord never reuses an id."""
    inserted = db.run(
        """
        INSERT INTO deleted_discord_objects (discord_id, found_at) VALUES (:id, :now)
        ON CONFLICT (discord_id) DO NOTHING
        """,
        {"id": discord_id, "now": to_ms(now)},
    )
    return inserted == 1


def _tickets_by_message(db: Db, message_id: int) -> list[Ticket]:
    """The tickets whose post or digest a message is, oldest first."""
    return select_tickets(
        db,
        """
        SELECT * FROM tickets_without_body WHERE post_message_id = :id
        UNION ALL
        SELECT * FROM tickets_without_body
        WHERE digest_message_id = :id AND coalesce(post_message_id, 0) <> :id
        ORDER BY id
        """,
        {"id": message_id},
    )


def _posted_in_channel(db: Db, channel_id: int, limit: int) -> list[PostedTicket]:
    """Tickets that have their post in a channel, oldest first."""
    rows = db.all(
        """
        SELECT id, workspace_id,
               CASE WHEN status NOT IN ('resolved', 'closed') OR EXISTS (
                        SELECT 1 FROM outbox
                        WHERE ticket_id = tickets.id AND state = 'pending'
                          AND kind IN ('post', 'post_message')
                    ) THEN 1 ELSE 0 END AS is_wanted
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


def _drop_dead_posts(db: Db, ticket_id: int, now: datetime) -> None:
    """Drop the dead-letter posts and threads of a ticket: new ones replace them."""
    db.run(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE state = 'dead_letter' AND ticket_id = :id AND kind IN ('post', 'thread', 'private_thread')
        """,
        {"id": ticket_id, "now": to_ms(now)},
    )


def _drop_pending(db: Db, ticket_id: int, now: datetime) -> None:
    db.run(
        """
        UPDATE outbox SET state = 'dropped', settled_at = :now
        WHERE ticket_id = :id AND state = 'pending' AND kind <> 'direct_message'
        """,
        {"id": ticket_id, "now": to_ms(now)},
    )


# Steps from channel to channel in the index; DISTINCT would scan all tickets.
_CHANNELS_IN_USE = """
    WITH RECURSIVE held (channel_id) AS (
        SELECT min(post_channel_id) FROM tickets WHERE post_channel_id IS NOT NULL
        UNION ALL
        SELECT (SELECT min(post_channel_id) FROM tickets WHERE post_channel_id > held.channel_id)
        FROM held WHERE channel_id IS NOT NULL
    )
    SELECT channel_id FROM held WHERE channel_id IS NOT NULL
    UNION SELECT channel_id FROM outbox WHERE state = 'pending' AND kind <> 'direct_message'
"""
