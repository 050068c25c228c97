"""Outbox administration: lists undelivered deliveries, retries and drops them, reports dead letters."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import DeliveryKind, DeliveryState, OutboxEntry
from storage.db import Db, Row, Topic
from storage.engine import Engine
from storage.errors import UnknownDelivery
from storage.mapping import delivery_fields, from_ms, to_ms

_NO_DELIVERY = "There is no undelivered {id} in the outbox. `ticketbridge outbox list` shows what there is."


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDepth:
    """How many deliveries of one state and kind a channel has; direct messages are counted together."""

    state: DeliveryState  # pending, dead letter or held
    kind: DeliveryKind
    channel_id: int  # or DIRECT_MESSAGES
    count: int
    oldest: datetime  # when the oldest was put in the outbox


class OutboxAdminRepository:
    """Every method is one transaction. With `workspace_ids`, deliveries of other workspaces are unknown."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_undelivered(self, limit: int) -> list[OutboxEntry]:
        """Deliveries to Discord that are not made: dead letters first, then those attempted before."""
        rows = await self._engine.read(lambda db: db.all(_UNDELIVERED, {"limit": limit}))
        return [_entry_from_row(row) for row in rows]

    async def dead_letters(self, workspace_ids: Collection[str], limit: int) -> DeadLetterSummary:
        """Dead letters of workspaces: their count, and the first `limit` as a sample."""
        params = {"workspaces": workspace_ids, "limit": limit}
        return _dead_letter_summary(await self._engine.read(lambda db: db.all(_DEAD_LETTERS, params)))

    async def unreported_dead_letters(self, workspace_id: str, limit: int) -> DeadLetterSummary:
        """Dead letters of a workspace that were not reported to it yet; one that failed again is not."""
        params = {"workspace": workspace_id, "limit": limit}
        return _dead_letter_summary(await self._engine.read(lambda db: db.all(_UNREPORTED, params)))

    async def mark_reported(self, workspace_id: str, until: datetime) -> None:
        """Mark the dead letters of a workspace up to that time as reported."""
        params = {"workspace": workspace_id, "until": to_ms(until)}
        await self._engine.write(lambda db: db.run(_MARK_REPORTED, params))

    async def retry(
        self, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None = None
    ) -> None:
        """Make a pending delivery or dead letter due now. Raises UnknownDelivery."""
        await self._engine.write(
            lambda db: _change(db, _SET_PENDING, delivery_id, now, workspace_ids=workspace_ids)
        )

    async def retry_all(self, now: datetime) -> int:
        """Make all dead letters due now; return how many there were."""

        def retry_all(db: Db) -> int:
            ids = [
                row["id"] for row in db.all("SELECT id FROM outbox WHERE state = 'dead_letter' ORDER BY id")
            ]
            db.run_many(_SET_PENDING, [{"id": delivery_id, "now": to_ms(now)} for delivery_id in ids])
            db.notify(Topic.OUTBOX)
            return len(ids)

        return await self._engine.write(retry_all)

    async def drop(
        self, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None = None
    ) -> None:
        """Never deliver it, so that later ones of its ticket are sent. Raises UnknownDelivery."""
        await self._engine.write(
            lambda db: _change(db, _SET_DROPPED, delivery_id, now, workspace_ids=workspace_ids)
        )

    async def depths(self) -> list[OutboxDepth]:
        """Undelivered deliveries, counted by state, kind and channel."""
        rows = await self._engine.read(lambda db: db.all(_DEPTHS))
        return [
            OutboxDepth(
                state=DeliveryState(row["state"]),
                kind=DeliveryKind(row["kind"]),
                channel_id=row["place"],
                count=row["number"],
                oldest=from_ms(row["oldest"]),
            )
            for row in rows
        ]


_UNDELIVERED = """
    SELECT outbox.*, public_id
    FROM (
        SELECT id FROM outbox WHERE state = 'pending'
        UNION ALL SELECT id FROM outbox WHERE state = 'dead_letter'
        UNION ALL SELECT id FROM outbox WHERE state = 'held'
    ) AS left_over
    JOIN outbox ON outbox.id = left_over.id JOIN tickets ON tickets.id = ticket_id
    ORDER BY CASE WHEN state = 'dead_letter' THEN 1 WHEN state = 'held' THEN 4 WHEN attempts > 0 THEN 2
             ELSE 3 END, outbox.id
    LIMIT :limit
"""
_DEAD_LETTERS = """
    SELECT outbox.*, public_id, count(*) OVER () AS total, max(settled_at) OVER () AS until
    FROM outbox JOIN tickets ON tickets.id = ticket_id
    WHERE state = 'dead_letter' AND workspace_id = ANY(:workspaces)
    ORDER BY outbox.id LIMIT :limit
"""
_UNREPORTED = """
    SELECT outbox.*, public_id, count(*) OVER () AS total, max(settled_at) OVER () AS until
    FROM outbox JOIN tickets ON tickets.id = ticket_id
    WHERE state = 'dead_letter' AND workspace_id = :workspace
      AND coalesce(reported_at, -1) <> coalesce(settled_at, -1)
    ORDER BY outbox.id LIMIT :limit
"""
_MARK_REPORTED = """
    UPDATE outbox SET reported_at = settled_at
    WHERE state = 'dead_letter' AND settled_at <= :until
      AND EXISTS (SELECT 1 FROM tickets WHERE id = ticket_id AND workspace_id = :workspace)
"""
_SET_PENDING = """
    UPDATE outbox SET state = 'pending', due_at = :now, settled_at = NULL
    WHERE id = :id AND state IN ('pending', 'dead_letter', 'held')
"""
_SET_DROPPED = """
    UPDATE outbox SET state = 'dropped', settled_at = :now
    WHERE id = :id AND state IN ('pending', 'dead_letter', 'held')
"""
_DEPTHS = """
    SELECT state, kind, CASE kind WHEN 'direct_message' THEN 0 ELSE channel_id END AS place,
           count(*) AS number, min(created_at) AS oldest
    FROM outbox WHERE state = 'pending' GROUP BY state, kind, place
    UNION ALL
    SELECT state, kind, CASE kind WHEN 'direct_message' THEN 0 ELSE channel_id END AS place,
           count(*) AS number, min(created_at) AS oldest
    FROM outbox WHERE state = 'dead_letter' GROUP BY state, kind, place
    UNION ALL
    SELECT state, kind, 0 AS place, count(*) AS number, min(created_at) AS oldest
    FROM outbox WHERE state = 'held' GROUP BY state, kind
"""


def _change(
    db: Db, statement: str, delivery_id: int, now: datetime, *, workspace_ids: Collection[str] | None
) -> None:
    """Change an undelivered delivery. Raises UnknownDelivery."""
    is_known = workspace_ids is None or _belongs_to(db, delivery_id, workspace_ids)
    if not is_known or not db.run(statement, {"id": delivery_id, "now": to_ms(now)}):
        raise UnknownDelivery(_NO_DELIVERY.format(id=delivery_id))
    db.notify(Topic.OUTBOX)


def _belongs_to(db: Db, delivery_id: int, workspace_ids: Collection[str]) -> bool:
    """Whether a delivery is of a ticket of these workspaces."""
    row = db.one(
        """
        SELECT 1 FROM outbox JOIN tickets ON tickets.id = ticket_id
        WHERE outbox.id = :id AND workspace_id = ANY(:workspaces)
        """,
        {"id": delivery_id, "workspaces": workspace_ids},
    )
    return row is not None


def _dead_letter_summary(rows: Sequence[Row]) -> DeadLetterSummary:
    return DeadLetterSummary(
        sample=tuple(_entry_from_row(row) for row in rows),
        count=rows[0]["total"] if rows else 0,
        newest_at=from_ms(rows[0]["until"]) if rows else None,
    )


def _entry_from_row(row: Row) -> OutboxEntry:
    return OutboxEntry(
        ticket=row["public_id"],
        state=DeliveryState(row["state"]),
        due_at=from_ms(row["due_at"]),
        last_error=row["last_error"],
        **delivery_fields(row),
    )
