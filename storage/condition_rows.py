"""Rows counted, and a row that only takes room. Never commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import DeliveryKind, DeliveryState
from storage.times import from_ms

_ROOM = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDepth:
    """Deliveries of one state and kind that are bound for one channel."""

    state: DeliveryState  # pending or buried
    kind: DeliveryKind
    channel_id: int
    count: int
    oldest: datetime  # when the one that was put there first was


async def depths(db: aiosqlite.Connection) -> Sequence[OutboxDepth]:
    rows = await db.execute_fetchall(
        """
        SELECT state, kind, channel_id, count(*) AS number, min(created_at) AS oldest
        FROM outbox WHERE state = 'pending' GROUP BY kind, channel_id
        UNION ALL
        SELECT state, kind, channel_id, count(*), min(created_at)
        FROM outbox WHERE state = 'dead_letter' GROUP BY kind, channel_id
        """
    )
    return [
        OutboxDepth(
            state=DeliveryState(row["state"]),
            kind=DeliveryKind(row["kind"]),
            channel_id=row["channel_id"],
            count=row["number"],
            oldest=from_ms(row["oldest"]),
        )
        for row in rows
    ]


async def newest_ticket(db: aiosqlite.Connection) -> int:
    (row,) = await db.execute_fetchall("SELECT coalesce(max(id), 0) AS id FROM tickets")
    newest: int = row["id"]
    return newest


async def tickets_between(db: aiosqlite.Connection, after: int, last: int) -> Mapping[str, int]:
    rows = await db.execute_fetchall(
        """
        SELECT source, count(*) AS number FROM tickets WHERE id > :after AND id <= :last GROUP BY source
        """,
        {"after": after, "last": last},
    )
    return {row["source"]: row["number"] for row in rows}


async def take_room(db: aiosqlite.Connection) -> None:
    """If a process was killed before it left it, it is there already, and is taken anew."""
    await db.execute("DELETE FROM room")
    await db.execute("INSERT INTO room (id, filler) VALUES (1, zeroblob(:size))", {"size": _ROOM})


async def leave_room(db: aiosqlite.Connection) -> None:
    await db.execute("DELETE FROM room")
