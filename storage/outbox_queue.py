"""Selects the next deliveries: first in, first out, or digests by priority for a channel with many posts."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bot.tickets.outbox import MAX_WAIT, Delivery, Destination
from storage.db import Db, Params, Row
from storage.mapping import delivery_from_row, optional_from_ms, to_ms

DIGEST_THRESHOLD = 15  # pending posts of one channel; with more than these, posts are sent in digests
PRIORITY_DIGEST_THRESHOLD = 3  # due posts of one high rank; with more than these, they too form a digest
DIGEST_SIZE = 10  # posts in one message: Discord's limit of embeds
RECENT_DIGESTS = 20  # of all channels; posts that waited while one of them was sent form digests too


def due_deliveries(
    db: Db, destination: Destination, in_flight: Collection[int], now: datetime, limit: int
) -> list[list[Delivery]]:
    """The next deliveries of each channel that is not in flight: one, or the posts of one digest."""
    due = []
    for channel_id, in_digest_mode in _due_channels(db, destination, in_flight, now, limit):
        choose = _next_by_priority if in_digest_mode else _next_fifo
        due.append(choose(db, destination, channel_id, now))
    return [deliveries for deliveries in due if deliveries]


def _due_channels(
    db: Db, destination: Destination, in_flight: Collection[int], now: datetime, limit: int
) -> list[tuple[int, bool]]:
    """Channels with due deliveries that are not in flight, oldest first; and whether each is in digest mode.

    Digest mode begins above DIGEST_THRESHOLD posts and ends when all posts that waited with them are sent:
    the last fifteen of a thousand would otherwise need more messages than a hundred and fifty before them.
    """
    if not _any_pending(db, destination, in_flight):
        return []
    rows = db.all(
        """
        WITH latest AS (
            SELECT channel_id, last_attempt_at FROM outbox
            WHERE digest_lead_id IS NOT NULL ORDER BY digest_lead_id DESC LIMIT :posts
        ),
        lately AS (SELECT channel_id, max(last_attempt_at) AS left_at FROM latest GROUP BY channel_id)
        SELECT outbox_next.channel_id, count(*) FILTER (WHERE kind = 'post') AS posts,
               min(created_at) FILTER (WHERE kind = 'post') AS oldest_post, max(left_at) AS left_at
        FROM outbox_next LEFT JOIN lately ON lately.channel_id = outbox_next.channel_id
        WHERE destination = :destination AND outbox_next.channel_id <> ALL(:busy)
          AND (attempts = 0 OR due_at <= :now OR due_at > :latest)
        GROUP BY outbox_next.channel_id ORDER BY min(id) LIMIT :limit
        """,
        {
            "destination": destination.value,
            **_times(now),
            "busy": in_flight,
            "posts": RECENT_DIGESTS * DIGEST_SIZE,
            "limit": limit,
        },
    )
    return [(row["channel_id"], _is_crowded(row)) for row in rows]


def _times(now: datetime) -> Params:
    """A delivery is due at its time; if that is later than any wait, the clock was set back since."""
    return {"now": to_ms(now), "latest": to_ms(now + MAX_WAIT)}


def _is_crowded(row: Row) -> bool:
    """Whether many posts wait for a channel, or some that waited while a digest was sent."""
    if row["posts"] > DIGEST_THRESHOLD:
        return True
    return row["posts"] > 0 and row["left_at"] is not None and row["oldest_post"] <= row["left_at"]


def _next_fifo(db: Db, destination: Destination, channel_id: int, now: datetime) -> list[Delivery]:
    """The oldest due delivery of a channel, with the others of its digest."""
    head = db.one(
        """
        SELECT * FROM outbox_next
        WHERE destination = :destination AND channel_id = :channel
          AND (attempts = 0 OR due_at <= :now OR due_at > :latest)
        ORDER BY id LIMIT 1
        """,
        {"destination": destination.value, "channel": channel_id, **_times(now)},
    )
    return [] if head is None else with_digest(db, head)


def _next_by_priority(db: Db, destination: Destination, channel_id: int, now: datetime) -> list[Delivery]:
    """The next deliveries of a channel in digest mode: one, or the posts of one digest.

    By rank: deliveries attempted before, whose outcome may be unknown; urgent posts; all that is no post
    (replies and updates that people wait for); high-priority and private posts; all other posts. Up to
    DIGEST_SIZE posts of one rank form a digest; above the last rank, only if more than
    PRIORITY_DIGEST_THRESHOLD are due.
    """
    rows = db.all(
        """
        SELECT heads.*, tickets.view_only,
               CASE WHEN tickets.priority IN ('low', 'normal') THEN 1 ELSE 0 END AS can_wait,
               CASE WHEN heads.kind = 'post' AND tickets.is_private = 0 AND heads.attempts = 0
                    THEN 1 ELSE 0 END AS may_share,
               CASE WHEN heads.attempts > 0 THEN 1
                    WHEN heads.kind = 'post' AND tickets.priority = 'urgent' THEN 2
                    WHEN heads.kind <> 'post' THEN 3
                    WHEN tickets.priority = 'high' OR tickets.is_private = 1 THEN 4
                    ELSE 5 END AS rank
        FROM outbox_next AS heads JOIN tickets ON tickets.id = heads.ticket_id
        WHERE heads.destination = :destination AND heads.channel_id = :channel
          AND (heads.attempts = 0 OR heads.due_at <= :now OR heads.due_at > :latest)
        ORDER BY rank, heads.id LIMIT :most
        """,
        {
            "destination": destination.value,
            "channel": channel_id,
            **_times(now),
            "most": 4 * DIGEST_SIZE,
        },
    )
    digest = _digest_of_first(rows)
    if digest or not rows:
        return [delivery_from_row(row) for row in digest]
    return with_digest(db, rows[0])


def _digest_of_first(rows: Sequence[Row]) -> list[Row]:
    """The first row and those that join its digest, DIGEST_SIZE at most; empty to send the first alone."""
    if not rows or not rows[0]["may_share"]:
        return []
    alike = [row for row in rows if row["may_share"] and _digest_group(row) == _digest_group(rows[0])]
    return alike[:DIGEST_SIZE] if rows[0]["can_wait"] or len(alike) > PRIORITY_DIGEST_THRESHOLD else []


def _digest_group(row: Row) -> tuple[int, int]:
    """What the posts of a digest have in common: their rank, and whether they are game reports."""
    return row["rank"], row["view_only"]


def next_due(db: Db, destination: Destination, in_flight: Collection[int], now: datetime) -> datetime | None:
    """When the next delivery to a channel that is not in flight is due; None if none is pending."""
    if not _any_pending(db, destination, in_flight):
        return None
    row = db.one(
        """
        SELECT min(CASE WHEN attempts = 0 OR due_at > :latest THEN :now ELSE due_at END) AS due_at
        FROM outbox_next WHERE destination = :destination AND channel_id <> ALL(:busy)
        """,
        {"destination": destination.value, "busy": in_flight, **_times(now)},
    )
    return optional_from_ms(row["due_at"]) if row else None


def _any_pending(db: Db, destination: Destination, in_flight: Collection[int]) -> bool:
    """Whether a channel that is not in flight has pending deliveries, due or not.

    During a burst every commit asks this, while the channel is in flight. Stepping from queue to queue in the
    index takes the same time however many deliveries are pending.
    """
    row = db.one(
        """
        WITH RECURSIVE waiting (queue) AS (
            SELECT min(queue) FROM outbox WHERE state = 'pending' AND destination = :destination
            UNION ALL
            SELECT (SELECT min(queue) FROM outbox
                    WHERE state = 'pending' AND destination = :destination AND outbox.queue > waiting.queue)
            FROM waiting WHERE queue IS NOT NULL
        )
        SELECT 1 FROM waiting
        WHERE queue IS NOT NULL AND (
            SELECT channel_id FROM outbox
            WHERE state = 'pending' AND destination = :destination AND outbox.queue = waiting.queue LIMIT 1
        ) <> ALL(:busy) LIMIT 1
        """,
        {"destination": destination.value, "busy": in_flight},
    )
    return row is not None


def with_digest(db: Db, head: Row) -> list[Delivery]:
    """A delivery, with the others of its digest."""
    if head["digest_lead_id"] is None:
        return [delivery_from_row(head)]
    rows = db.all(
        """
        SELECT outbox.*, leads.nonce AS nonce_of_lead
        FROM outbox JOIN outbox AS leads ON leads.id = outbox.digest_lead_id
        WHERE outbox.digest_lead_id = :lead AND outbox.state = 'pending' ORDER BY outbox.id
        """,
        {"lead": head["digest_lead_id"]},
    )
    return [replace(delivery_from_row(row), nonce=row["nonce_of_lead"]) for row in rows]
