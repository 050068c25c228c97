"""Bugs to plant: each takes away one thing that the promises stand on, in the process that runs the bridge.

A proof that stays green with its bug planted proves nothing. Each of these is what somebody might write in
good faith; `tests.proofs.prove --controls` shows by which proof each is noticed.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiosqlite

import cogs.posts.send
import storage.store
from bot.outbox.circuit_breaker import CircuitBreaker
from bot.outbox.dispatcher import Dispatcher
from bot.tickets.outbox import Delivery, Receipt
from storage.connection import run_in_thread
from storage.database import Batch, BatchWriter, Database
from storage.outbox import OutboxStore

_LATE = 0.05  # seconds after which a commit that was put off is made


def sync_off(folder: Path) -> None:
    """The writer does not wait for the disk."""
    honest = vars(storage.store)["open_writer"]

    async def careless(path: Path) -> aiosqlite.Connection:
        writer: aiosqlite.Connection = await honest(path)
        await writer.execute("PRAGMA synchronous = OFF")
        return writer

    vars(storage.store)["open_writer"] = careless


def answer_before_commit(folder: Path) -> None:
    """Whoever files a ticket goes on at once; the commit follows."""

    async def write(self: BatchWriter, group: Batch) -> None:
        await self._acquire_write_lock(group.first.deadline)
        await run_in_thread(self._writer, lambda db: group.write(Uncommitted(db)))  # type: ignore[arg-type]
        later.add(asyncio.create_task(commit(self)))

    async def commit(self: BatchWriter) -> None:
        await asyncio.sleep(_LATE)
        await self._writer.commit()
        self._write_lock.release()
        self._notify_outbox()

    later: set[asyncio.Task[None]] = set()
    _replace(BatchWriter, "_write_batch", write)


class Uncommitted:
    """A connection that is told to commit, and does not."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def commit(self) -> None:
        """Not yet."""


def deferred_begin(folder: Path) -> None:
    """A transaction begins as a reader, and finds out at its first change that somebody else wrote."""

    @asynccontextmanager
    async def write(self: Database) -> AsyncIterator[aiosqlite.Connection]:
        async with honest(self) as db:
            await db.rollback()
            await db.execute("BEGIN")
            yield db

    def write_group(self: Batch, db: sqlite3.Connection) -> None:
        honest_group(self, Deferred(db))  # type: ignore[arg-type]

    honest, honest_group = Database._write, Batch.write
    _replace(Database, "_write", write)
    _replace(Batch, "write", write_group)


class Deferred:
    """A connection whose transactions begin as readers."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._db.execute(sql.replace("BEGIN IMMEDIATE", "BEGIN"), *values)


def settle_before_send(folder: Path) -> None:
    """A delivery is done when it is begun."""

    async def attempt(self: Dispatcher, deliveries: Sequence[Delivery]) -> None:
        receipt = Receipt(channel_id=deliveries[0].channel_id)
        await self._store.mark_delivered(deliveries, receipt, datetime.now(UTC))
        await honest(self, deliveries)

    honest = Dispatcher._attempt
    _replace(Dispatcher, "_attempt", attempt)


def random_nonce(folder: Path) -> None:
    """Each attempt has a nonce of its own, as the library makes them."""

    async def start_attempt(
        self: OutboxStore, deliveries: Sequence[Delivery], now: datetime
    ) -> list[Delivery]:
        begun = await honest(self, deliveries, now)
        nonce = secrets.token_hex(12)
        return [replace(delivery, nonce=nonce) for delivery in begun]

    honest = OutboxStore.start_attempt
    _replace(OutboxStore, "start_attempt", start_attempt)


def no_history_scan(folder: Path) -> None:
    """What an earlier attempt posted is not looked for."""

    async def left_behind(*what: object) -> None:
        return None

    # Not in the cog, which the library executes anew when it loads it.
    cogs.posts.send.find_previous_message = left_behind  # type: ignore[assignment]


def no_breaker(folder: Path) -> None:
    """A channel that times out is tried again at once."""

    def record_timeout(self: CircuitBreaker, channel_id: int, reason: str, *, at_least: float = 0.0) -> None:
        self.record_rate_limit(channel_id, reason, 0.05)

    _replace(CircuitBreaker, "record_timeout", record_timeout)


def missing_trigger(folder: Path) -> None:
    """The database takes a reply to a game report."""
    with sqlite3.connect(folder / "tickets.db") as db:
        db.execute("DROP TRIGGER no_reply_to_a_view_only_ticket")
    db.close()


def _replace(owner: type, name: str, by: Any) -> None:
    setattr(owner, name, by)


PLANTS: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {
        plant.__name__.replace("_", "-"): plant
        for plant in (
            sync_off,
            answer_before_commit,
            deferred_begin,
            settle_before_send,
            random_nonce,
            no_history_scan,
            no_breaker,
            missing_trigger,
        )
    }
)
