"""Bugs to inject: each removes one thing that a promise depends on, in the process that runs the bridge.

A proof that passes with its bug injected proves nothing. Each bug is one that could be written in good faith;
`tests.proofs.prove --controls` shows which proof notices it.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiosqlite
import discord

import cogs.posts.errors
import cogs.posts.send
import cogs.posts.threads
import storage.outbox
import storage.outbox_queue
import storage.sqlite.backup
import storage.sqlite.connection
import storage.sqlite.engine
import storage.sqlite.file_watch
from bot.outbox.circuit_breaker import CircuitBreaker
from bot.outbox.dispatcher import Dispatcher
from bot.outbox.errors import ChannelForbidden
from bot.outbox.push import PushSender
from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.pushes import Push
from bot.tickets.ticket import Ticket
from storage.db import Topic
from storage.outbox import OutboxRepository
from storage.sqlite.connection import run_in_thread
from storage.sqlite.engine import Batch, SqliteEngine

_COMMIT_DELAY = 0.05  # seconds


def sync_off(folder: Path) -> None:
    """The writer does not wait for the disk."""
    open_writer = storage.sqlite.connection.open_writer

    async def open_unsynced(path: Path) -> aiosqlite.Connection:
        writer: aiosqlite.Connection = await open_writer(path)
        await writer.execute("PRAGMA synchronous = OFF")
        return writer

    replace_attribute(storage.sqlite.connection, "open_writer", open_unsynced)


def answer_before_commit(folder: Path) -> None:
    """A request is answered at once, and committed later."""

    async def run_batch(self: SqliteEngine, batch: Batch) -> None:
        if commits:
            await commits.pop()
        await run_in_thread(self._writer, lambda raw: batch.run(WithoutCommit(raw), None))  # type: ignore[arg-type]
        commits.append(asyncio.create_task(commit(self)))

    async def commit(engine: SqliteEngine) -> None:
        await asyncio.sleep(_COMMIT_DELAY)
        await engine._writer.commit()
        engine._notify(Topic)

    commits: list[asyncio.Task[None]] = []
    replace_attribute(SqliteEngine, "_run_batch", run_batch)


class WithoutCommit:
    """A connection whose `commit()` does nothing."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def commit(self) -> None:
        """Do nothing."""


def deferred_begin(folder: Path) -> None:
    """A transaction takes the write lock at its first change, and fails if another program wrote by then."""

    def begin(raw: sqlite3.Connection) -> None:
        raw.execute("BEGIN")
        raw.execute("SELECT count(*) FROM workspaces").fetchone()  # what it reads is old when it writes

    replace_attribute(storage.sqlite.engine, "_begin", begin)


def settle_before_send(folder: Path) -> None:
    """A delivery is marked delivered before it is sent."""

    async def attempt(self: Dispatcher, deliveries: Sequence[Delivery]) -> None:
        receipt = Receipt(channel_id=deliveries[0].channel_id)
        await self._store.outbox.mark_delivered(deliveries, receipt, datetime.now(UTC))
        await original(self, deliveries)

    original = Dispatcher._attempt
    replace_attribute(Dispatcher, "_attempt", attempt)


def random_nonce(folder: Path) -> None:
    """Each attempt has a nonce of its own, as discord.py makes them."""

    async def start_attempt(
        self: OutboxRepository, deliveries: Sequence[Delivery], now: datetime
    ) -> list[Delivery]:
        started = await original(self, deliveries, now)
        nonce = secrets.token_hex(12)
        return [replace(delivery, nonce=nonce) for delivery in started]

    original = OutboxRepository.start_attempt
    replace_attribute(OutboxRepository, "start_attempt", start_attempt)


def no_history_scan(folder: Path) -> None:
    """What an earlier attempt posted is not looked for."""

    async def find_nothing(*arguments: object) -> AsyncIterator[object]:
        for message in tuple[object, ...]():
            yield message

    # Not in the cog's module: discord.py executes that again when it loads the extension.
    replace_attribute(cogs.posts.send, "_messages_of_attempts", find_nothing)


def no_breaker(folder: Path) -> None:
    """A channel that times out is tried again at once."""

    def record_timeout(
        self: CircuitBreaker, queue: str, channel_id: int, reason: str, *, at_least: float = 0.0
    ) -> None:
        self.record_rate_limit(queue, channel_id, reason, 0.05)

    replace_attribute(CircuitBreaker, "record_timeout", record_timeout)


def one_queue(folder: Path) -> None:
    """Everything of a channel waits in one queue."""

    def queue_key(kind: DeliveryKind, channel_id: int, ticket_id: int) -> str:
        return f"posts:{channel_id}"

    replace_attribute(storage.outbox, "queue_key", queue_key)


def refusal_stops_channel(folder: Path) -> None:
    """Whatever Discord refuses, it is taken for a refusal of the channel."""

    def classify_error(error: Exception, delivery: Delivery) -> ChannelForbidden:
        return ChannelForbidden(f"Discord refuses ({error}).")

    async def add_reporter(self: object, thread: discord.Thread, delivery: Delivery, ticket: Ticket) -> None:
        await thread.add_user(discord.Object(int(ticket.reporter.id or 0)))

    replace_attribute(cogs.posts.errors, "classify_error", classify_error)
    replace_attribute(cogs.posts.threads.TicketThreads, "add_reporter", add_reporter)


def accept_before_push(folder: Path) -> None:
    """An event is marked accepted before it is pushed."""

    async def attempt(self: PushSender, push: Push) -> None:
        await self._store.pushes.mark_accepted(push, self._now())
        await original(self, push)

    original = PushSender._attempt
    replace_attribute(PushSender, "_attempt", attempt)


def missing_trigger(folder: Path) -> None:
    """The database accepts a reply to a game report."""
    with sqlite3.connect(folder / "tickets.db") as db:
        db.execute("DROP TRIGGER no_reply_to_a_view_only_ticket")
    db.close()


def no_snapshot(folder: Path) -> None:
    """A backup copies what is there at each step, and so begins again after each commit."""
    replace_attribute(storage.sqlite.backup, "begin_snapshot", lambda source: None)


def no_file_watch(folder: Path) -> None:
    """Deleted or replaced files of the database are not looked for."""
    replace_attribute(storage.sqlite.file_watch, "changed_files", lambda opened, found: [])


def trusted_clock(folder: Path) -> None:
    """A time to deliver is believed however far in the future it is."""
    replace_attribute(storage.outbox_queue, "MAX_WAIT", timedelta(days=3650))


def replace_attribute(owner: object, name: str, replacement: object) -> None:
    """Replace an attribute. Raises AttributeError if the owner itself does not define it (it was renamed)."""
    if name not in vars(owner):
        raise AttributeError(f"{owner!r} defines no {name}: the injected bug would have no effect")
    setattr(owner, name, replacement)


INJECTED_BUGS: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {
        bug.__name__.replace("_", "-"): bug
        for bug in (
            sync_off,
            answer_before_commit,
            deferred_begin,
            settle_before_send,
            random_nonce,
            no_history_scan,
            no_breaker,
            one_queue,
            refusal_stops_channel,
            accept_before_push,
            missing_trigger,
            no_snapshot,
            no_file_watch,
            trusted_clock,
        )
    }
)
