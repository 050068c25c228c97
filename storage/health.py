"""Health and metrics of the database: write probe, outbox depths, tickets counted by source."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import DeliveryKind, DeliveryState
from storage.errors import StorageError
from storage.mapping import from_ms
from storage.sqlite.engine import Database

_RESERVED_BYTES = 64 * 1024  # bytes


PROBE_INTERVAL = 1.0  # seconds
_PROBE_TIMEOUT = 0.25  # seconds: a health check must not wait for the database


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDepth:
    """How many deliveries of one state and kind a channel has."""

    state: DeliveryState  # pending or dead letter
    kind: DeliveryKind
    channel_id: int
    count: int
    oldest: datetime  # when the oldest was put in the outbox


class HealthStore(Database):
    """Every method is at most one transaction, but for the probe of `health_error`."""

    _probed_at = float("-inf")

    async def health_error(self) -> StorageError | None:
        """Why the database accepts no writes; None if it does. While it fails, each call probes it again."""
        now = time.monotonic()
        if self._last_error is None or self.broken.is_set() or now - self._probed_at < PROBE_INTERVAL:
            return self._last_error
        self._probed_at = now
        with suppress(StorageError):
            await self._probe()
            self._last_error = None
        return self._last_error

    async def _probe(self) -> None:
        """Write as many bytes as a few tickets take, then free them: less might fit where no ticket does."""
        async with self._write_within(_PROBE_TIMEOUT) as db:
            await reserve_space(db)
        async with self._write_within(_PROBE_TIMEOUT) as db:
            await release_space(db)

    async def outbox_depths(self) -> Sequence[OutboxDepth]:
        """Undelivered deliveries, counted by state, kind and channel."""
        async with self._read() as db:
            return await select_outbox_depths(db)

    async def newest_ticket_id(self) -> int:
        """The id of the newest ticket; 0 if there is none."""
        async with self._read() as db:
            return await select_newest_ticket_id(db)

    async def count_tickets_by_source(self, after: int, last: int) -> Mapping[str, int]:
        """Count tickets by source, of those with `after` < id <= `last`."""
        async with self._read() as db:
            return await select_counts_by_source(db, after, last)


async def select_outbox_depths(db: aiosqlite.Connection) -> Sequence[OutboxDepth]:
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


async def select_newest_ticket_id(db: aiosqlite.Connection) -> int:
    (row,) = await db.execute_fetchall("SELECT coalesce(max(id), 0) AS id FROM tickets")
    newest: int = row["id"]
    return newest


async def select_counts_by_source(db: aiosqlite.Connection, after: int, last: int) -> Mapping[str, int]:
    rows = await db.execute_fetchall(
        """
        SELECT source, count(*) AS number FROM tickets WHERE id > :after AND id <= :last GROUP BY source
        """,
        {"after": after, "last": last},
    )
    return {row["source"]: row["number"] for row in rows}


async def reserve_space(db: aiosqlite.Connection) -> None:
    """Insert a row of 64 KiB; one left by a killed process is replaced."""
    await db.execute("DELETE FROM room")
    await db.execute("INSERT INTO room (id, filler) VALUES (1, zeroblob(:size))", {"size": _RESERVED_BYTES})


async def release_space(db: aiosqlite.Connection) -> None:
    await db.execute("DELETE FROM room")
