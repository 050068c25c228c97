"""The SQLite engine: one writing and one reading connection, each with a thread of its own, and group commit.

Group commit: writes that are queued at the same time share one transaction, and one sync to disk. The next
transaction takes what is queued by then, without waiting for more. Callers get their results after the
commit.
"""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

import aiosqlite

from bot.clock import utc_now
from bot.tickets.errors import ViewOnly
from storage.db import BatchWork, Db, Item, Result, RunAgain, Topic, Work
from storage.engine import ErrorObserver, TimingObserver
from storage.errors import DatabaseCorrupt, DatabaseUnavailable, Overloaded, StorageError
from storage.sqlite.background_check import BackgroundCheck
from storage.sqlite.connection import BUSY_TIMEOUT, open_connections, run_in_thread
from storage.sqlite.dialect import SqliteDb
from storage.sqlite.errors import translate_error
from storage.sqlite.file_watch import CHECK_INTERVAL, FileWatch
from storage.sqlite.integrity import mark_unclosed, must_check_first
from storage.sqlite.search.query import SqliteSearchIndex

MAX_QUEUE = 1000  # queued writes; beyond it a write fails at once
MAX_BATCH = 256  # writes of one transaction, so that other writers get their turn
_MAX_RUNS = 2  # of a batch without savepoints, and of a write behind one
PROBE_INTERVAL = 1.0  # seconds
_PROBE_TIMEOUT = 0.25  # seconds: a health check must not wait for the database
_RESERVED_BYTES = 64 * 1024  # that a probe writes
_TIMEOUT_TOLERANCE = 0.25  # seconds waited already that do not shorten the busy timeout
_TIMER_SLACK = 0.05  # seconds by which SQLite's busy timeout may end too early


class SqliteEngine:
    """Runs transaction functions on one file. The caller holds the file's `DatabaseLock`."""

    def __init__(
        self,
        path: Path,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        self._path, self._files = path, FileWatch(path)
        self._writer, self._reader = writer, reader
        self._busy_timeout = busy_timeout
        self._busy_timeout_set = BUSY_TIMEOUT  # on the writer's connection now
        self._queue = WriteQueue()
        self._batch_task: asyncio.Task[None] | None = None
        self._watch_task = asyncio.create_task(self._watch_files())
        self._check: BackgroundCheck | None = None
        self._subscribers: list[tuple[Topic, asyncio.Event]] = []
        self._on_timing: TimingObserver = lambda what, seconds: None
        self._on_error: ErrorObserver = lambda error: None
        self._last_error: StorageError | None = None  # why it accepts no writes now
        self._probed_at = float("-inf")
        self.broken = asyncio.Event()
        self.search = SqliteSearchIndex()

    @classmethod
    async def open(cls, path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> Self:
        """Open or create the file, check it for damage, and migrate it. Raises DatabaseOpenError.

        What is not checked before is checked behind the first requests: damage then sets `broken`.
        """
        is_checked = await asyncio.to_thread(must_check_first, path)
        writer, reader = await open_connections(path)
        engine = cls(path, writer, reader, busy_timeout=busy_timeout)
        try:
            if not is_checked:
                engine._check = await BackgroundCheck.start(path, engine._report)
        # BaseException: the threads of connections left open would keep a cancelled start from ending.
        except BaseException:
            await engine.close()
            raise
        return engine

    async def close(self) -> None:
        self._watch_task.cancel()
        await asyncio.wait([self._watch_task])
        if self._check is not None:
            await self._check.close()
        if self._batch_task is not None:
            await asyncio.wait([self._batch_task])
        await self._reader.close()
        await self._writer.close()
        if self.broken.is_set():
            mark_unclosed(self._path)

    async def _watch_files(self) -> None:
        while not self.broken.is_set():
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                self._files.check()
            except DatabaseCorrupt as error:
                self._report(error)

    def now(self) -> datetime:
        return utc_now()

    def set_observer(self, on_timing: TimingObserver, on_error: ErrorObserver) -> None:
        self._on_timing, self._on_error = on_timing, on_error

    def subscribe(self, topic: Topic) -> asyncio.Event:
        event = asyncio.Event()
        self._subscribers.append((topic, event))
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        self._subscribers = [one for one in self._subscribers if one[1] is not event]

    async def read(self, work: Work[Result]) -> Result:
        began_at = time.monotonic()
        try:
            result = await run_in_thread(self._reader, lambda raw: _run_in_snapshot(raw, work))
        except sqlite3.Error as error:
            raise self._translate(error) from error
        self._on_timing("read", time.monotonic() - began_at)
        return result

    async def write(
        self, work: Work[Result], *, locks: Sequence[str] = (), max_seconds: float | None = None
    ) -> Result:
        pending = PendingWrite(partial(_run_single, work), None, max_seconds or self._busy_timeout)
        try:
            async with asyncio.timeout(max_seconds):
                result: Result = await self._submit(pending, self._queue.single)
        except TimeoutError as error:
            raise DatabaseUnavailable("The database failed: earlier writes take too long.") from error
        return result

    async def write_batched(
        self, work: BatchWork[Item, Result], item: Item, *, locks: Sequence[str] = ()
    ) -> Result:
        pending = PendingWrite(work, item, self._busy_timeout)
        result: Result = await self._submit(pending, self._queue.batched)
        return result

    async def health_error(self) -> StorageError | None:
        now = time.monotonic()
        if self._last_error is None or self.broken.is_set() or now - self._probed_at < PROBE_INTERVAL:
            return self._last_error
        self._probed_at = now
        with suppress(StorageError):
            # As many bytes as a few tickets take: less might fit where no ticket does.
            await self.write(_reserve_space, max_seconds=_PROBE_TIMEOUT)
            await self.write(_release_space, max_seconds=_PROBE_TIMEOUT)
            self._last_error = None
        return self._last_error

    async def purge_log(self) -> bool:
        try:
            return await run_in_thread(self._writer, _truncate_log)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    async def _submit(self, pending: "PendingWrite", queue: "deque[PendingWrite]") -> Any:
        if len(queue) >= MAX_QUEUE:
            raise self._report(Overloaded("The database failed: too many writes are queued already."))
        queue.append(pending)
        if self._batch_task is None or self._batch_task.done():
            self._batch_task = asyncio.create_task(self._run_batches())
        return await pending.future

    async def _run_batches(self) -> None:
        """Write one batch after the other until the queue is empty."""
        while self._queue:
            batch = Batch(self._queue)
            try:
                await self._run_batch(batch)
            # Any error goes to the callers of the batch.
            except Exception as error:
                batch.fail(self._translate(error))
                self._notify(Topic)  # an interrupted commit may be on the disk
            # BaseException: this task ends, and no caller may wait for it forever.
            except BaseException:
                for write in (*batch.writes, *self._queue.single, *self._queue.batched):
                    write.future.cancel()
                raise
            else:
                self._resolve(batch)

    async def _run_batch(self, batch: "Batch") -> None:
        if self.broken.is_set():  # the next write could seem to succeed
            raise DatabaseCorrupt(str(self._last_error))
        left = max(0.0, batch.first.deadline - time.monotonic())
        if self._busy_timeout - _TIMEOUT_TOLERANCE <= left <= self._busy_timeout:
            left = self._busy_timeout
        change = left if left != self._busy_timeout_set else None
        self._busy_timeout_set = left

        def run(raw: sqlite3.Connection) -> None:
            self._files.check_if_due()
            batch.run(raw, change)

        await run_in_thread(self._writer, run)

    def _resolve(self, batch: "Batch") -> None:
        for write in batch.writes:
            if write.error is not None:
                write.error = self._translate(write.error)
            write.resolve()
        if batch.topics:
            self._notify(batch.topics)
        # After the callers, who need not wait for it.
        asyncio.get_running_loop().call_soon(self._report_timing, batch)

    def _report_timing(self, batch: "Batch") -> None:
        self._on_timing("wait", batch.began_at - batch.first.submitted_at)
        self._on_timing("write", batch.ended_at - batch.began_at)

    def _notify(self, topics: Iterable[Topic]) -> None:
        for topic, event in self._subscribers:
            if topic in topics:
                event.set()

    def _translate(self, error: Exception) -> Exception:
        """Translate an error of SQLite's into one of ours, and report it; return any other as it is."""
        if isinstance(error, DatabaseCorrupt):
            return self._report(error)
        if not isinstance(error, sqlite3.Error):
            return error
        is_view_only = isinstance(error, sqlite3.IntegrityError) and str(error).startswith("view-only")
        translated = ViewOnly() if is_view_only else self._report(translate_error(error))
        translated.__cause__ = error
        return translated

    def _report(self, error: StorageError) -> StorageError:
        if isinstance(error, DatabaseCorrupt) and not self.broken.is_set():
            error = self._files.cause_of(error)
        self._on_error(error)
        if not self.broken.is_set() and isinstance(error, DatabaseUnavailable | DatabaseCorrupt):
            self._last_error = error
            if isinstance(error, DatabaseCorrupt):
                self.broken.set()
        return error


class PendingWrite:
    """A queued transaction function with its item, and the future of its caller."""

    __slots__ = ("deadline", "error", "future", "item", "result", "submitted_at", "work")

    def __init__(self, work: BatchWork[Any, Any], item: Any, timeout: float) -> None:
        self.work = work
        self.item = item
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.submitted_at = time.monotonic()
        self.deadline = self.submitted_at + timeout
        self.result: Any = None
        self.error: Exception | None = None

    def set_outcome(self, outcome: Any) -> None:
        """Keep a result, or the exception that stands in its place; of several runs, that of the last."""
        self.result, self.error = (None, outcome) if isinstance(outcome, Exception) else (outcome, None)

    def resolve(self) -> None:
        """Give the caller its result or error, unless it was cancelled."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class WriteQueue:
    """Queued writes: what people and deliveries wait for goes before new tickets, which come in bursts.

    The event loop appends, the writer's thread takes.
    """

    def __init__(self) -> None:
        self.single: deque[PendingWrite] = deque()
        self.batched: deque[PendingWrite] = deque()

    def __bool__(self) -> bool:
        return bool(self.single or self.batched)

    @property
    def first(self) -> PendingWrite:
        """The write whose time is over first."""
        return min((queue[0] for queue in self._queues()), key=attrgetter("deadline"))

    def take(self, most: int) -> list[PendingWrite]:
        """Take the next writes, but for cancelled ones."""
        taken: list[PendingWrite] = []
        for queue in self._queues():
            taken += [queue.popleft() for _ in range(min(len(queue), most - len(taken)))]
        return [write for write in taken if not write.future.cancelled()]

    def take_expired(self, until: float) -> list[PendingWrite]:
        """Take the writes whose deadline is not after `until`."""
        expired = []
        for queue in self._queues():
            while queue and queue[0].deadline <= until:
                expired.append(queue.popleft())
        return expired

    def _queues(self) -> list[deque[PendingWrite]]:
        return [queue for queue in (self.single, self.batched) if queue]


class Batch:
    """One transaction, and the writes in it."""

    def __init__(self, queue: WriteQueue) -> None:
        self._queue = queue
        self.first = queue.first
        self.writes: list[PendingWrite] = []
        self.topics: set[Topic] = set()
        self.began_at = 0.0  # of time.monotonic(), like the next
        self.ended_at = 0.0

    def run(self, raw: sqlite3.Connection, busy_timeout: float | None) -> None:
        """Run and commit the queued writes, in the writer's thread, where no cancellation reaches them.

        `busy_timeout` is how many seconds to wait for another program's lock; None: as long as before.
        Raises sqlite3.Error and DatabaseCorrupt; nothing is stored then.
        """
        if busy_timeout is not None:
            raw.execute(f"PRAGMA busy_timeout = {busy_timeout * 1000:.0f}")
        _begin(raw)
        self.began_at = time.monotonic()
        try:
            self.writes = self._queue.take(MAX_BATCH)
            self._write(SqliteDb(raw))
            raw.commit()
        # BaseException: a failed transaction must not stay open for the next one.
        except BaseException:
            _roll_back(raw)
            raise
        self.ended_at = time.monotonic()

    def fail(self, error: Exception) -> None:
        """Fail the writes of the batch. If it never began: those past their deadline, or all if none is."""
        soon = time.monotonic() + _TIMER_SLACK
        until = soon if self.first.deadline <= soon else math.inf
        for write in self.writes or self._queue.take_expired(until):
            write.error = error
            write.resolve()

    def _write(self, db: SqliteDb) -> None:
        """Run all without savepoints, which cost a copy of every page; if that fails, each behind its own."""
        if not any(self._run_together(db) for _ in range(_MAX_RUNS)):
            for write in self.writes:
                _run_alone(db, write)
        self.topics = db.topics

    def _run_together(self, db: SqliteDb) -> bool:
        """Run all writes; if one fails and leaves changes behind, begin the transaction again."""
        for work, alike in groupby(self.writes, key=attrgetter("work")):
            writes = list(alike)
            changes = db.raw.total_changes
            try:
                outcomes = work(db, [write.item for write in writes])
            # Any error goes to the callers alone.
            except Exception as error:
                alone = len(writes) == 1 and db.raw.total_changes == changes
                if not alone or isinstance(error, RunAgain) or _ends_transaction(db.raw, error):
                    _roll_back(db.raw)
                    _begin(db.raw)
                    return False
                outcomes = [error]
            for write, outcome in zip(writes, outcomes, strict=True):
                write.set_outcome(outcome)
        return True


def _run_single(work: Work[Result], db: Db, _: Sequence[None]) -> list[Result | Exception]:
    return [work(db)]


def _run_alone(db: SqliteDb, write: PendingWrite) -> None:
    """Run one write; if it fails, undo it alone. Raises an error that fails the whole batch."""
    outcome: Any = None
    for _ in range(_MAX_RUNS):
        db.raw.execute("SAVEPOINT attempt")
        try:
            (outcome,) = write.work(db, [write.item])
        # Any error goes to the caller of this write alone.
        except Exception as error:
            if _ends_transaction(db.raw, error):
                raise
            db.raw.execute("ROLLBACK TO attempt")
            outcome = error
        db.raw.execute("RELEASE attempt")
        if not isinstance(outcome, RunAgain):
            break
    else:
        outcome = StorageError("The database failed: what a request stores is there already.")
    write.set_outcome(outcome)


def _ends_transaction(raw: sqlite3.Connection, error: Exception) -> bool:
    """Whether SQLite rolled back already, or no write of the transaction can be trusted."""
    return not raw.in_transaction or (
        isinstance(error, sqlite3.Error) and isinstance(translate_error(error), DatabaseCorrupt)
    )


def _truncate_log(raw: sqlite3.Connection) -> bool:
    """Checkpoint, and cut the write-ahead log to no bytes. Waits for no reader: False if there is one."""
    (timeout,) = raw.execute("PRAGMA busy_timeout").fetchone()
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        is_busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        raw.execute(f"PRAGMA busy_timeout = {timeout:d}")
    return not is_busy


def _begin(raw: sqlite3.Connection) -> None:
    # IMMEDIATE: a transaction that began as a reader could not wait for another program's lock.
    raw.execute("BEGIN IMMEDIATE")


def _roll_back(raw: sqlite3.Connection) -> None:
    try:
        raw.rollback()
    except sqlite3.Error as error:
        raise DatabaseCorrupt(f"The database failed: a transaction cannot be ended ({error}).") from error


def _run_in_snapshot(raw: sqlite3.Connection, work: Work[Result]) -> Result:
    raw.execute("BEGIN")
    try:
        return work(SqliteDb(raw))
    finally:
        raw.rollback()


def _reserve_space(db: Db) -> None:
    """Insert a row; one left by a killed process is replaced."""
    _release_space(db)
    db.run("INSERT INTO reserved_space (id, filler) VALUES (1, :filler)", {"filler": bytes(_RESERVED_BYTES)})


def _release_space(db: Db) -> None:
    db.run("DELETE FROM reserved_space")
