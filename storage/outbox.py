"""The outbox: deliveries per ticket, first in, first out, with their attempts and results."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bot.tickets.outbox import (
    ChannelBacklog,
    Delivery,
    DeliveryKind,
    Receipt,
    SentPointer,
    delivery_id_of,
    make_nonce,
    queue_key,
)
from bot.tickets.ticket import DiscordPost, Ticket
from bot.tickets.workspace import Workspace
from storage import outbox_queue
from storage.db import Db, Params, Row, Topic
from storage.engine import Engine
from storage.mapping import delivery_from_row, from_ms, ticket_from_row, to_ms


class OutboxRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def due(self, in_flight: Collection[str], now: datetime, limit: int = 50) -> list[list[Delivery]]:
        """The next deliveries of each queue that is not in flight.

        One, the posts of one digest, or the redraws of one post. What was held until now is made pending;
        those who wait for the outbox are told.
        """

        def select(db: Db) -> tuple[list[list[Delivery]], bool]:
            due = outbox_queue.due_deliveries(db, in_flight, now, limit)
            return due, outbox_queue.has_released(db, now)

        due, has_released = await self._engine.read(select)
        if has_released:
            await self._engine.write(lambda db: _release_held(db, now))
        return due

    async def next_due(self, in_flight: Collection[str], now: datetime) -> datetime | None:
        """When the next delivery that waits for its time or is held is due, in a queue that is not in flight.

        None if none waits. Those that are due now do not count.
        """
        return await self._engine.read(lambda db: outbox_queue.next_due(db, in_flight, now))

    async def pending_for_ticket(self, ticket_id: int) -> list[Delivery]:
        """The pending deliveries of a ticket, oldest first."""
        return await self._engine.read(lambda db: pending_for_ticket(db, ticket_id))

    async def start_attempt(self, deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
        """Record an attempt before it is made: if no result follows, its outcome is unknown.

        Several posts form one digest, now and in every later attempt. Returns them with its lead id and
        nonce, otherwise as they were before this attempt.
        """
        first = deliveries[0]
        if first.kind is not DeliveryKind.POST:
            rows = [{"id": delivery.id, "now": to_ms(now), "lead": None} for delivery in deliveries]
            await self._engine.write(lambda db: db.run_many(_START_ATTEMPT, rows))
            return list(deliveries)
        lead_id = first.digest_lead_id or (first.id if len(deliveries) > 1 else None)
        rows = [{"id": delivery.id, "now": to_ms(now), "lead": lead_id} for delivery in deliveries]
        await self._engine.write(lambda db: db.run_many(_START_ATTEMPT, rows))
        return [replace(delivery, digest_lead_id=lead_id, nonce=first.nonce) for delivery in deliveries]

    async def mark_delivered(self, deliveries: Sequence[Delivery], receipt: Receipt, now: datetime) -> None:
        """Mark deliveries as done, and store the Discord ids of posts and threads on their tickets."""
        await self._engine.write(lambda db: _mark_delivered(db, deliveries, receipt, now))

    async def split_digest(self, deliveries: Sequence[Delivery]) -> None:
        """Send each in its own message from now on: Discord rejected the digest."""
        rows = [{"id": delivery.id} for delivery in deliveries]
        await self._engine.write(lambda db: db.run_many(_CLEAR_DIGEST_LEAD, rows))

    async def confirm_by_nonce(self, nonce: str, message_id: int, now: datetime, *, channel_id: int) -> None:
        """Mark as delivered what has this nonce: Discord sent the message's event before the response.

        `channel_id` is the channel or thread that the message is in.
        """
        deliveries = await self._engine.read(lambda db: _pending_by_nonce(db, nonce))
        if deliveries:
            is_message = deliveries[0].kind in (
                DeliveryKind.POST_MESSAGE,
                DeliveryKind.POST_EVENT,
                DeliveryKind.DIRECT_MESSAGE,
            )
            place = channel_id if is_message else deliveries[0].channel_id  # a private post is in a thread
            receipt = Receipt(channel_id=place, message_id=message_id)
            await self.mark_delivered(deliveries, receipt, now)

    async def digest_lead(self, message_id: int) -> int | None:
        """The lead delivery of a digest, by its Discord message; None if it is no digest."""
        row = await self._engine.read(lambda db: db.one(_DIGEST_LEAD, {"id": message_id}))
        return None if row is None else int(row["digest_lead_id"])

    async def sent_pointers(self, ticket_id: int) -> list[SentPointer]:
        """The links to a ticket's post that were sent to other channels."""
        rows = await self._engine.read(lambda db: db.all(_SENT_POINTERS, {"ticket": ticket_id}))
        return [
            SentPointer(
                delivery_id=row["id"], channel_id=row["receipt_channel"], message_id=row["receipt_message"]
            )
            for row in rows
        ]

    async def retry_later(self, deliveries: Sequence[Delivery], until: datetime, reason: str) -> None:
        """Retry deliveries later; later ones of the same ticket and queue wait for them."""
        rows = [{"id": delivery.id, "until": to_ms(until), "reason": reason} for delivery in deliveries]
        await self._engine.write(lambda db: db.run_many(_RETRY_LATER, rows))

    async def hold(self, deliveries: Sequence[Delivery], until: datetime) -> None:
        """Do not attempt deliveries before that time, and wait for nothing of them until then."""
        rows = [{"id": delivery.id, "until": to_ms(until)} for delivery in deliveries]
        await self._engine.write(lambda db: db.run_many(_HOLD, rows))

    async def record_error(self, deliveries: Sequence[Delivery], reason: str) -> None:
        """Store why deliveries were not delivered; they stay due when they are."""
        rows = [{"id": delivery.id, "reason": reason} for delivery in deliveries]
        await self._engine.write(lambda db: db.run_many(_RECORD_ERROR, rows))

    async def dead_letter(self, deliveries: Sequence[Delivery], reason: str, now: datetime) -> None:
        """Give up deliveries that cannot succeed, so that later ones of their tickets are sent.

        Of several redraws of one post, one is a dead letter: to retry it shows what all were made for.
        """
        first, *others = deliveries

        def settle(db: Db) -> None:
            db.run(_DEAD_LETTER, {"id": first.id, "reason": reason, "now": to_ms(now)})
            db.run_many(_DROP, [{"id": other.id, "reason": reason, "now": to_ms(now)} for other in others])
            db.notify(Topic.OUTBOX)

        await self._engine.write(settle)

    async def backlogs(self) -> list[ChannelBacklog]:
        """Pending deliveries counted by workspace and channel, the longest waiting first.

        Direct messages are counted together, as of the channel DIRECT_MESSAGES. Edits of messages and lines
        about events are left out: no ticket and no reply is late because of them.
        """
        rows = await self._engine.read(lambda db: db.all(_BACKLOGS))
        return [
            ChannelBacklog(
                workspace_id=row["workspace_id"],
                channel_id=row["place"],
                waiting=row["waiting"],
                oldest=from_ms(row["oldest"]),
                reason=row["last_error"],
            )
            for row in rows
        ]


_SENT_POINTERS = """
    SELECT id, receipt_channel, receipt_message FROM outbox
    WHERE ticket_id = :ticket AND kind = 'post_pointer' AND receipt_message IS NOT NULL
"""
_START_ATTEMPT = """
    UPDATE outbox SET attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, :now),
                      last_attempt_at = :now, digest_lead_id = :lead
    WHERE id = :id
"""
_CLEAR_DIGEST_LEAD = "UPDATE outbox SET digest_lead_id = NULL WHERE id = :id AND state = 'pending'"
_RETRY_LATER = "UPDATE outbox SET due_at = :until, last_error = :reason WHERE id = :id AND state = 'pending'"
_HOLD = "UPDATE outbox SET state = 'held', due_at = :until WHERE id = :id AND state = 'pending'"
_RECORD_ERROR = "UPDATE outbox SET last_error = :reason WHERE id = :id AND state = 'pending'"
_DEAD_LETTER = """
    UPDATE outbox SET state = 'dead_letter', settled_at = :now, last_error = :reason
    WHERE id = :id AND state = 'pending'
"""
_DROP = """
    UPDATE outbox SET state = 'dropped', settled_at = :now, last_error = :reason
    WHERE id = :id AND state = 'pending'
"""
# Of several digests of a ticket, the latest: one that was deleted may have been replaced.
_DIGEST_LEAD = """
    SELECT digest_lead_id FROM tickets JOIN outbox ON outbox.ticket_id = tickets.id
    WHERE digest_message_id = :id AND digest_lead_id IS NOT NULL
    ORDER BY outbox.id DESC LIMIT 1
"""
_BACKLOGS = """
    WITH waiting AS (
        SELECT workspace_id, CASE kind WHEN 'direct_message' THEN 0 ELSE outbox.channel_id END AS place,
               count(*) AS waiting, min(outbox.created_at) AS oldest, min(outbox.id) AS first_id
        FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE state = 'pending' AND kind NOT IN ('update_message', 'post_event')
        GROUP BY workspace_id, place
    )
    SELECT waiting.*, last_error FROM waiting JOIN outbox ON outbox.id = first_id ORDER BY oldest
"""


def _mark_delivered(db: Db, deliveries: Sequence[Delivery], receipt: Receipt, now: datetime) -> None:
    for delivery in deliveries:
        if delivery.kind is DeliveryKind.UPDATE_POST:
            db.run(_DROP_REFUSED_REDRAWS, {"ticket": delivery.ticket_id, "now": to_ms(now)})
        lead = None if receipt.digest_message_id is None else delivery.id
        db.run(_DELIVERED, {"id": delivery.id, "now": to_ms(now), "lead": lead, **_receipt_params(receipt)})
        if delivery.kind is DeliveryKind.POST_MESSAGE:
            db.run(_SET_SHOWN, {"id": delivery.message_id, **_receipt_params(receipt)})
        post = _post_of(delivery, receipt)
        if post is not None:
            db.run(
                _SET_POST,
                {
                    "id": delivery.ticket_id,
                    "channel": post.channel_id,
                    "message": post.message_id,
                    "thread": post.thread_id,
                    "digest": post.digest_message_id,
                },
            )


def _receipt_params(receipt: Receipt) -> Params:
    return {"channel": receipt.channel_id, "message": receipt.message_id, "thread": receipt.thread_id}


def _post_of(delivery: Delivery, receipt: Receipt) -> DiscordPost | None:
    """What the receipt says about the ticket's post; None if it says nothing."""
    digest_id = receipt.message_id if delivery.digest_lead_id is not None else receipt.digest_message_id
    if digest_id is not None:
        return DiscordPost(channel_id=receipt.channel_id, digest_message_id=digest_id)
    if delivery.kind in (DeliveryKind.POST, DeliveryKind.THREAD, DeliveryKind.PRIVATE_THREAD):
        return DiscordPost(
            channel_id=receipt.channel_id, message_id=receipt.message_id, thread_id=receipt.thread_id
        )
    return None


# A redraw that was refused is not needed any more: its post shows the ticket as it is.
_DROP_REFUSED_REDRAWS = """
    UPDATE outbox SET state = 'dropped', settled_at = :now
    WHERE state = 'dead_letter' AND ticket_id = :ticket AND kind = 'update_post'
"""
_DELIVERED = """
    UPDATE outbox SET state = 'done', settled_at = :now, last_error = NULL, receipt_channel = :channel,
                      receipt_message = :message, receipt_thread = :thread,
                      digest_lead_id = coalesce(digest_lead_id, :lead)
    WHERE id = :id AND state = 'pending'
"""
_SET_SHOWN = """
    UPDATE messages SET shown_channel = :channel, shown_message = :message, shown_typed = 0 WHERE id = :id
"""
# A None changes nothing.
_SET_POST = """
    UPDATE tickets SET post_channel_id = coalesce(:channel, post_channel_id),
                       post_message_id = coalesce(:message, post_message_id),
                       thread_id = coalesce(:thread, thread_id),
                       digest_message_id = coalesce(:digest, digest_message_id)
    WHERE id = :id
"""


def _pending_by_nonce(db: Db, nonce: str) -> list[Delivery]:
    """The pending deliveries of the message with a nonce; the lead of a digest may be dropped by now."""
    head = db.one(
        """
        SELECT * FROM outbox
        WHERE id = :id AND nonce = :nonce AND (state = 'pending' OR digest_lead_id IS NOT NULL)
        """,
        {"id": delivery_id_of(nonce), "nonce": nonce},
    )
    return [] if head is None else outbox_queue.with_digest(db, head)


# Everything below runs within a transaction of the caller.


def insert_deliveries(
    db: Db,
    workspace: Workspace,
    ticket: Ticket,
    kinds: Sequence[DeliveryKind],
    channel_id: int,
    now: datetime,
    *,
    message_id: int | None = None,
) -> None:
    """Queue deliveries of a ticket, in this order."""
    ids, now_ms = db.next_ids("outbox", len(kinds)), to_ms(now)
    rows = [
        delivery_params(delivery_id, workspace, ticket, kind, channel_id, now_ms, message_id)
        for delivery_id, kind in zip(ids, kinds, strict=True)
    ]
    db.run_many(INSERT, rows)
    db.notify(Topic.OUTBOX)


def insert_direct_message(
    db: Db,
    workspace: Workspace,
    ticket: Ticket,
    member_id: int,
    now: datetime,
    *,
    message_id: int | None,
    held_until: datetime | None,
) -> None:
    """Queue a direct message about a ticket: of a reply, or without one that it is closed."""
    (delivery_id,) = db.next_ids("outbox", 1)
    kind = DeliveryKind.DIRECT_MESSAGE
    db.run(INSERT, delivery_params(delivery_id, workspace, ticket, kind, member_id, to_ms(now), message_id))
    if held_until is not None:
        db.run(_HOLD, {"id": delivery_id, "until": to_ms(held_until)})
    db.notify(Topic.OUTBOX)


def hold_until(db: Db, queue: str, until: datetime) -> None:
    """Hold what is held in a queue until another time."""
    db.run(
        "UPDATE outbox SET due_at = :until WHERE state = 'held' AND queue = :queue",
        {"queue": queue, "until": to_ms(until)},
    )
    db.notify(Topic.OUTBOX)


def _release_held(db: Db, now: datetime) -> None:
    outbox_queue.release_held(db, now)
    db.notify(Topic.OUTBOX)


def insert_message_updates(
    db: Db, workspace: Workspace, messages: Sequence[tuple[Ticket, int]], now: datetime
) -> None:
    """Queue edits of shown messages: tickets with the ids of their messages."""
    ids, now_ms = db.next_ids("outbox", len(messages)), to_ms(now)
    rows = [
        delivery_params(
            delivery_id,
            workspace,
            ticket,
            DeliveryKind.UPDATE_MESSAGE,
            ticket.post.channel_id or configured_channel(workspace, ticket),
            now_ms,
            message_id,
        )
        for delivery_id, (ticket, message_id) in zip(ids, messages, strict=True)
    ]
    db.run_many(INSERT, rows)
    db.notify(Topic.OUTBOX)


INSERT = """
    INSERT INTO outbox (
        id, ticket_id, guild_id, kind, queue, channel_id, nonce, message_id, due_at, created_at
    ) VALUES (
        :id, :ticket_id, :guild_id, :kind, :queue, :channel_id, :nonce, :message_id, :now, :now
    )
"""


def delivery_params(
    delivery_id: int,
    workspace: Workspace,
    ticket: Ticket,
    kind: DeliveryKind,
    channel_id: int,
    now_ms: int,
    message_id: int | None = None,
) -> Params:
    """The parameters of INSERT."""
    return {
        "id": delivery_id,
        "kind": kind.value,
        "ticket_id": ticket.id,
        "guild_id": workspace.guild_id,
        "queue": queue_key(kind, channel_id, ticket.id),
        "channel_id": channel_id,
        "nonce": make_nonce(delivery_id, ticket.uid, channel_id),
        "message_id": message_id,
        "now": now_ms,
    }


def has_unstarted(db: Db, ticket_id: int, kind: DeliveryKind) -> bool:
    """Whether a delivery of this kind is pending that was never attempted."""
    row = db.one(
        """
        SELECT 1 FROM outbox
        WHERE ticket_id = :ticket_id AND kind = :kind AND state = 'pending' AND attempts = 0
        FOR UPDATE
        """,
        {"ticket_id": ticket_id, "kind": kind.value},
    )
    return row is not None


def is_pending(db: Db, ticket_id: int, kind: DeliveryKind) -> bool:
    """Whether a delivery of this kind is pending."""
    row = db.one(
        "SELECT 1 FROM outbox WHERE ticket_id = :ticket_id AND state = 'pending' AND kind = :kind",
        {"ticket_id": ticket_id, "kind": kind.value},
    )
    return row is not None


def pending_post_channel(db: Db, ticket_id: int) -> int | None:
    """The channel of a ticket's pending post; None if none is pending."""
    row = db.one(
        "SELECT channel_id FROM outbox WHERE ticket_id = :ticket_id AND state = 'pending' AND kind = 'post'",
        {"ticket_id": ticket_id},
    )
    return None if row is None else int(row["channel_id"])


def pending_for_ticket(db: Db, ticket_id: int) -> list[Delivery]:
    """The pending deliveries of a ticket, oldest first."""
    rows = db.all(
        """
        SELECT * FROM outbox
        WHERE ticket_id = :id AND state = 'pending' ORDER BY id
        """,
        {"id": ticket_id},
    )
    return [delivery_from_row(row) for row in rows]


def reroute_stranded(db: Db, workspace: Workspace) -> int:
    """Move pending deliveries of deleted channels to the channel their workspace names now.

    Returns how many stay, because the workspace still names a deleted channel; the next change that names
    another moves them. Deliveries of a channel not recorded as deleted never move: an earlier attempt may
    have succeeded there.
    """
    left = 0
    for delivery_id, kind, ticket in _select_stranded(db, workspace.id):
        channel = configured_channel(workspace, ticket)
        if is_deleted(db, channel):
            left += 1
            continue
        db.run(
            _MOVE,
            {
                "id": delivery_id,
                "channel": channel,
                "queue": queue_key(kind, channel, ticket.id),
                "nonce": make_nonce(delivery_id, ticket.uid, channel),
            },
        )
        db.notify(Topic.OUTBOX)
    return left


def configured_channel(workspace: Workspace, ticket: Ticket) -> int:
    """The channel that the workspace names for a ticket."""
    return workspace.channel_for(ticket, ticket.department)


def is_deleted(db: Db, discord_id: int) -> bool:
    found = db.one("SELECT 1 FROM deleted_discord_objects WHERE discord_id = :id", {"id": discord_id})
    return found is not None


def _select_stranded(db: Db, workspace_id: str) -> list[tuple[int, DeliveryKind, Ticket]]:
    """Pending deliveries of deleted channels: their ids, kinds and tickets, oldest first."""
    rows = db.all(
        """
        SELECT outbox.id AS delivery_id, kind, tickets_without_body.*
        FROM outbox JOIN tickets_without_body ON tickets_without_body.id = outbox.ticket_id
        WHERE outbox.state = 'pending' AND workspace_id = :workspace
          AND EXISTS (SELECT 1 FROM deleted_discord_objects WHERE discord_id = outbox.channel_id)
        """,
        {"workspace": workspace_id},
    )
    # Ordered here: SQLite would read the whole table to have them in the order of its rows.
    return sorted((_stranded_from_row(row) for row in rows), key=lambda stranded: stranded[0])


def _stranded_from_row(row: Row) -> tuple[int, DeliveryKind, Ticket]:
    return row["delivery_id"], DeliveryKind(row["kind"]), ticket_from_row(row)


# As if it had never been attempted.
_MOVE = """
    UPDATE outbox SET channel_id = :channel, queue = :queue, nonce = :nonce, attempts = 0,
                      first_attempt_at = NULL, last_attempt_at = NULL, last_error = NULL,
                      digest_lead_id = NULL, due_at = created_at
    WHERE id = :id AND state = 'pending'
"""
