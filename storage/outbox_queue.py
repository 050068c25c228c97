"""Selects the next deliveries: first in, first out, or digests by priority for a queue with many posts."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bot.tickets.outbox import MAX_HELD, MAX_WAIT, Delivery
from storage.db import Db, Params, Row
from storage.mapping import delivery_from_row, optional_from_ms, to_ms

DIGEST_THRESHOLD = 15  # pending posts of one channel; with more than these, posts are sent in digests
PRIORITY_DIGEST_THRESHOLD = 3  # due posts of one high rank; with more than these, they too form a digest
DIGEST_SIZE = 10  # posts in one message: Discord's limit of embeds
RECENT_DIGESTS = 20  # of all channels; posts that waited while one of them was sent form digests too
# The first ones go first.
QUEUES = ("posts", "threads", "messages", "direct_messages", "edits", "message_edits")
QUEUE_RANKS = {name: rank for rank, name in enumerate(QUEUES)}


def due_deliveries(db: Db, in_flight: Collection[str], now: datetime, limit: int) -> list[list[Delivery]]:
    """The next deliveries of each queue that is not in flight, for up to `limit` queues.

    One delivery of each, or the posts of one digest, or the redraws of one post. By queue, as QUEUES
    has them; the ones that wait longest first.
    """
    due: list[list[Delivery]] = []
    for queue in _waiting_queues(db, in_flight):
        if len(due) == limit:
            break
        deliveries = _next_of_queue(db, queue, now)
        if deliveries:
            due.append(deliveries)
    return due


def _waiting_queues(db: Db, in_flight: Collection[str]) -> list[str]:
    """The queues with pending deliveries, due or not, that are not in flight.

    During a burst every commit asks this, while the queue of posts is in flight. Stepping from queue to queue
    in the index takes the same time however many deliveries are pending.
    """
    rows = db.all(
        """
        WITH RECURSIVE waiting (queue) AS (
            SELECT min(queue) FROM outbox WHERE state = 'pending'
            UNION ALL
            SELECT (SELECT min(queue) FROM outbox
                    WHERE state = 'pending' AND outbox.queue > waiting.queue)
            FROM waiting WHERE queue IS NOT NULL
        )
        SELECT queue, (SELECT min(id) FROM outbox
                       WHERE state = 'pending'
                         AND outbox.queue = waiting.queue) AS first_id
        FROM waiting WHERE queue IS NOT NULL AND queue <> ALL(:busy)
        """,
        {"busy": in_flight},
    )
    ordered = sorted(rows, key=lambda row: (QUEUE_RANKS[_name(row["queue"])], row["first_id"]))
    return [row["queue"] for row in ordered]


def _name(queue: str) -> str:
    return queue.partition(":")[0]


def _next_of_queue(db: Db, queue: str, now: datetime) -> list[Delivery]:
    params = {"queue": queue, **_times(now)}
    if _name(queue) == "posts" and _is_crowded(db, params):
        return _next_by_priority(db, params)
    head = db.one(_FIRST_DUE, params)
    if head is None:
        return []
    return _with_redraws(db, head) if head["kind"] == "update_post" else with_digest(db, head)


def _times(now: datetime) -> Params:
    """A delivery is due at its time; if that is later than any wait, the clock was set back since."""
    return {"now": to_ms(now), "latest": to_ms(now + MAX_WAIT)}


_FIRST_DUE = """
    SELECT * FROM outbox_next
    WHERE queue = :queue
      AND (attempts = 0 OR due_at <= :now OR due_at > :latest)
    ORDER BY id LIMIT 1
"""


def _is_crowded(db: Db, params: Params) -> bool:
    """Whether digests are sent: many posts wait, or some that waited while a digest was sent.

    Digests begin above DIGEST_THRESHOLD posts and end when all posts that waited with them are sent: the last
    fifteen of a thousand would otherwise need more messages than a hundred and fifty before them.
    """
    row = db.one(
        """
        WITH posts AS (
            SELECT id, created_at FROM outbox_next
            WHERE queue = :queue AND kind = 'post'
              AND (attempts = 0 OR due_at <= :now OR due_at > :latest)
            ORDER BY id LIMIT :enough
        ), digests AS (
            SELECT queue, last_attempt_at FROM outbox
            WHERE digest_lead_id IS NOT NULL ORDER BY digest_lead_id DESC LIMIT :recent
        )
        SELECT count(*) AS posts, min(created_at) AS oldest,
               (SELECT max(last_attempt_at) FROM digests WHERE queue = :queue) AS left_at
        FROM posts
        """,
        {**params, "enough": DIGEST_THRESHOLD + 1, "recent": RECENT_DIGESTS * DIGEST_SIZE},
    )
    if row is None or not row["posts"]:
        return False
    has_waited = row["left_at"] is not None and row["oldest"] <= row["left_at"]
    return bool(has_waited or row["posts"] > DIGEST_THRESHOLD)


def _next_by_priority(db: Db, params: Params) -> list[Delivery]:
    """The next deliveries of a queue in digest mode: one, or the posts of one digest.

    By rank: deliveries attempted before, whose outcome may be unknown; urgent posts; what is no post of a
    ticket (private threads and pointers); high-priority and private posts; all other posts. Up to DIGEST_SIZE
    posts of one rank form a digest; above the last rank, only if more than PRIORITY_DIGEST_THRESHOLD are due.
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
        WHERE heads.queue = :queue
          AND (heads.attempts = 0 OR heads.due_at <= :now OR heads.due_at > :latest)
        ORDER BY rank, heads.id LIMIT :most
        """,
        {**params, "most": 4 * DIGEST_SIZE},
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


def next_due(db: Db, in_flight: Collection[str], now: datetime) -> datetime | None:
    """When the next delivery that waits for its time is due, or is no longer held.

    In a queue that is not in flight.
    """
    row = db.one(
        """
        SELECT min(due_at) AS due_at FROM (
            SELECT min(due_at) AS due_at FROM outbox_next
            WHERE attempts > 0 AND due_at > :now AND due_at <= :latest
              AND queue <> ALL(:busy)
            UNION ALL
            SELECT min(due_at) AS due_at FROM outbox
            WHERE state = 'held' AND due_at > :now AND due_at <= :latest_held
        ) AS next
        """,
        {"busy": in_flight, **_times(now), **_held_times(now)},
    )
    return optional_from_ms(row["due_at"]) if row else None


def has_released(db: Db, now: datetime) -> bool:
    """Whether a delivery that was held is to be made now."""
    row = db.one(
        """
        SELECT 1 FROM outbox WHERE state = 'held' AND due_at <= :now
        UNION ALL SELECT 1 FROM outbox WHERE state = 'held' AND due_at > :latest_held
        LIMIT 1
        """,
        _held_times(now),
    )
    return row is not None


def release_held(db: Db, now: datetime) -> None:
    """Make what was held until now pending."""
    db.run(
        """
        UPDATE outbox SET state = 'pending'
        WHERE state = 'held' AND (due_at <= :now OR due_at > :latest_held)
        """,
        _held_times(now),
    )


def _held_times(now: datetime) -> Params:
    """One that is held for longer than any quiet hours was held by another clock."""
    return {"now": to_ms(now), "latest_held": to_ms(now + MAX_HELD)}


def _with_redraws(db: Db, head: Row) -> list[Delivery]:
    """A redraw, with all others of the same post that wait: one edit shows what they were made for.

    A digest is the post of several tickets. A redraw that waits for a post is left out: that post is another.
    """
    rows = db.all(
        """
        SELECT * FROM outbox
        WHERE state = 'pending' AND queue = :queue AND kind = 'update_post'
          AND id <> :id
          AND (ticket_id = :ticket OR ticket_id IN (
              SELECT id FROM tickets WHERE digest_message_id = (
                  SELECT digest_message_id FROM tickets WHERE id = :ticket)))
          AND NOT EXISTS (
              SELECT 1 FROM outbox AS earlier
              WHERE earlier.ticket_id = outbox.ticket_id AND earlier.state = 'pending'
                AND earlier.id < outbox.id AND earlier.kind IN ('post', 'private_thread'))
        ORDER BY id
        """,
        {"queue": head["queue"], "id": head["id"], "ticket": head["ticket_id"]},
    )
    return [delivery_from_row(row) for row in [head, *rows]]


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
