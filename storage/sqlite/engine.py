"""Runs transactions on the one writing and the one reading connection, and commits many writes as a batch.

Group commit: writes that are queued at the same time share one transaction, and one sync to disk. A caller
submits work for the thread of the writer's connection. The next transaction takes what is queued by then
without waiting for more; callers get their results after its commit.
"""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiosqlite

from bot.tickets.errors import ViewOnly
from storage.errors import DatabaseCorrupt, DatabaseUnavailable, Overloaded, StorageError, translate_error
from storage.sqlite.connection import BUSY_TIMEOUT, run_in_thread

TimingObserver = Callable[[str, float], None]  # "wait", "write" or "read", and its seconds
ErrorObserver = Callable[[StorageError], None]

_TIMEOUT_TOLERANCE = 0.25  # seconds waited for the write lock that do not shorten the busy timeout
MAX_QUEUE = 1000  # queued writes; beyond it a write fails at once
MAX_BATCH = 256  # writes of one transaction, so that other writers get their turn
_TIMER_SLACK = 0.05  # seconds by which SQLite's busy timeout may end too early

Result = TypeVar("Result")
# A transaction function: it neither begins nor commits, and may run again after a rollback.
Work = Callable[[sqlite3.Connection], Result]


class Database:
    """Owns the connections and runs transactions.

    Who commits new deliveries calls `_notify_outbox` afterwards.
    """

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._write_lock = asyncio.Lock()
        self._waiting_writers = 0  # tasks that wait for the lock
        self._busy_timeout = busy_timeout
        self._current_busy_timeout = BUSY_TIMEOUT  # set on the writer's connection now
        self._outbox_events: list[asyncio.Event] = []
        self._on_timing: TimingObserver = lambda what, seconds: None
        self._on_error: ErrorObserver = lambda error: None
        self._last_error: StorageError | None = None  # why it accepts no writes now
        self.broken = asyncio.Event()  # set once no write can be trusted: the process has to stop

    def set_observer(self, on_timing: TimingObserver, on_error: ErrorObserver) -> None:
        """Set the callbacks for the time of each transaction and for each error."""
        self._on_timing, self._on_error = on_timing, on_error

    def subscribe_outbox(self) -> asyncio.Event:
        """Return an event that is set after each commit that added deliveries; the subscriber clears it."""
        event = asyncio.Event()
        self._outbox_events.append(event)
        return event

    def _notify_outbox(self) -> None:
        for event in self._outbox_events:
            event.set()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._write_within(self._busy_timeout) as db:
            yield db

    @asynccontextmanager
    async def _write_within(self, seconds: float) -> AsyncIterator[aiosqlite.Connection]:
        """A write transaction that has to begin within so many seconds. Raises DatabaseUnavailable."""
        submitted_at = time.monotonic()
        deadline = submitted_at + seconds
        await self._acquire_write_lock(deadline)
        try:
            await self._begin(deadline)
            began_at = time.monotonic()
            self._on_timing("wait", began_at - submitted_at)
            yield self._writer
            await self._writer.commit()
            self._on_timing("write", time.monotonic() - began_at)
        # BaseException: a cancelled task must not leave its transaction open for the next one.
        except BaseException as error:
            await self._rollback()
            self._notify_outbox()  # an interrupted commit may be on the disk
            self._raise_translated(error)
            raise
        finally:
            self._write_lock.release()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[aiosqlite.Connection]:
        began_at = time.monotonic()
        try:
            yield self._reader
        except sqlite3.Error as error:
            self._raise_translated(error)
            raise
        self._on_timing("read", time.monotonic() - began_at)

    async def _acquire_write_lock(self, deadline: float) -> None:
        """Wait for our own writers. Raises DatabaseUnavailable at the deadline."""
        if not self._write_lock.locked() and not self._waiting_writers:
            await self._write_lock.acquire()  # without the cost of a timer
            return
        self._waiting_writers += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._write_lock.acquire()
        except TimeoutError as error:
            unavailable = DatabaseUnavailable(
                "The database failed: earlier writes could not be finished either."
            )
            self._report_error(unavailable)
            raise unavailable from error
        finally:
            self._waiting_writers -= 1

    async def _begin(self, deadline: float) -> None:
        await self._limit_busy_timeout(deadline)
        # IMMEDIATE: a transaction that began as a reader could not wait for another program's lock.
        await self._writer.execute("BEGIN IMMEDIATE")

    async def _limit_busy_timeout(self, deadline: float) -> None:
        """Set SQLite's busy timeout to the time left until the deadline.

        Raises DatabaseCorrupt once the database is known to be broken: the next write could seem to succeed.
        """
        if self.broken.is_set():
            raise DatabaseCorrupt(str(self._last_error))
        left = max(0.0, deadline - time.monotonic())
        if self._busy_timeout - _TIMEOUT_TOLERANCE <= left <= self._busy_timeout:
            left = self._busy_timeout
        if left != self._current_busy_timeout:
            self._current_busy_timeout = left
            await self._writer.execute(f"PRAGMA busy_timeout = {left * 1000:.0f}")

    async def _rollback(self) -> None:
        try:
            await asyncio.shield(self._writer.rollback())
        except sqlite3.Error as error:  # the caller gets the error that made it necessary
            self._report_error(
                DatabaseCorrupt(f"The database failed: a transaction cannot be ended ({error}).")
            )

    def _raise_translated(self, error: BaseException) -> None:
        """Raise an error of SQLite as one of ours; return for any other."""
        if isinstance(error, sqlite3.IntegrityError) and str(error).startswith("view-only"):
            raise ViewOnly from error
        if isinstance(error, sqlite3.Error):
            translated = translate_error(error)
            self._report_error(translated)
            raise translated from error

    def _report_error(self, error: StorageError) -> None:
        self._on_error(error)
        if self.broken.is_set() or not isinstance(error, DatabaseUnavailable | DatabaseCorrupt):
            return
        self._last_error = error
        if isinstance(error, DatabaseCorrupt):
            self.broken.set()


class PendingWrite:
    """A queued transaction function, and the future of its caller."""

    __slots__ = ("deadline", "error", "future", "result", "submitted_at", "work")

    def __init__(self, work: Work[Any], future: "asyncio.Future[Any]", timeout: float) -> None:
        self.work = work
        self.future = future
        self.submitted_at = time.monotonic()
        self.deadline = self.submitted_at + timeout
        self.result: Any = None
        self.error: Exception | None = None

    def run_in_savepoint(self, db: sqlite3.Connection) -> None:
        """Run the work; if it fails, undo it alone. Raises an error that fails the whole batch."""
        self.error = None
        db.execute("SAVEPOINT attempt")
        try:
            self.result = self.work(db)
        # Any error goes to the caller of this write alone.
        except Exception as error:
            if not db.in_transaction or _is_fatal(error):
                raise
            db.execute("ROLLBACK TO attempt")
            self.error = error
        db.execute("RELEASE attempt")

    def resolve(self) -> None:
        """Give the caller its result or error, unless it was cancelled."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Batch:
    """One transaction, and the writes in it."""

    def __init__(self, queue: deque[PendingWrite]) -> None:
        self._queue = queue
        self.first = queue[0]
        self.writes: list[PendingWrite] = []
        self.began_at = 0.0  # of time.monotonic(), like the next
        self.ended_at = 0.0

    def write(self, db: sqlite3.Connection) -> None:
        """Run and commit the queued writes, in the writer's thread, where no cancellation reaches it.

        Raises sqlite3.Error; the caller then rolls back.
        """
        _begin_immediate(db)
        self.began_at = time.monotonic()
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
        self.writes = [write for write in taken if not write.future.cancelled()]
        if not self._run_without_savepoints(db):
            db.rollback()
            _begin_immediate(db)
            for write in self.writes:
                write.run_in_savepoint(db)
        db.commit()
        self.ended_at = time.monotonic()

    def _run_without_savepoints(self, db: sqlite3.Connection) -> bool:
        """Run all without savepoints, which cost a copy of every page; False if a failed one left changes."""
        for write in self.writes:
            changes = db.total_changes
            try:
                write.result = write.work(db)
            # Any error goes to the caller of this write alone.
            except Exception as error:
                write.error = error
                if db.total_changes != changes or not db.in_transaction or _is_fatal(error):
                    return False
        return True

    def fail(self, error: Exception) -> None:
        """Fail the writes of the batch. If it never began: those past their deadline, or all if none is."""
        soon = time.monotonic() + _TIMER_SLACK
        until = soon if self.first.deadline <= soon else math.inf
        for write in self.writes or _take_expired(self._queue, until=until):
            write.error = error
            write.resolve()


class BatchWriter(Database):
    """A database whose submitted writes are committed in groups."""

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        super().__init__(writer, reader, busy_timeout=busy_timeout)
        self._queue: deque[PendingWrite] = deque()  # the event loop appends, the writer's thread pops
        self._batch_task: asyncio.Task[None] | None = None

    async def _submit(self, work: Work[Result]) -> Result:
        """Run `work` in the next batch; return its result once it is on the disk.

        Raises what it raises, Overloaded and DatabaseUnavailable. Cancelled before its batch begins, it does
        not run; cancelled later, it runs once all the same.
        """
        if len(self._queue) >= MAX_QUEUE:
            overloaded = Overloaded("The database failed: too many writes are queued already.")
            self._report_error(overloaded)
            raise overloaded
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(PendingWrite(work, future, self._busy_timeout))
        if self._batch_task is None or self._batch_task.done():
            self._batch_task = asyncio.create_task(self._run_batches())
        return await future

    async def _run_batches(self) -> None:
        """Write one batch after the other until the queue is empty."""
        while self._queue:
            batch = Batch(self._queue)
            try:
                await self._write_batch(batch)
            # Any error goes to the callers of the batch.
            except Exception as error:
                batch.fail(error)
            # BaseException: this task ends, and no caller may wait for it forever.
            except BaseException:
                for write in (*batch.writes, *self._queue):
                    write.future.cancel()
                raise
            else:
                for write in batch.writes:
                    self._translate_failure(write)
                    write.resolve()
                # After the callers, who need not wait for it.
                asyncio.get_running_loop().call_soon(self._report_timing, batch)
            finally:
                self._notify_outbox()  # an interrupted commit may be on the disk

    async def _write_batch(self, batch: Batch) -> None:
        """Run one batch in the writer's thread. Raises StorageError."""
        await self._acquire_write_lock(batch.first.deadline)
        try:
            await self._limit_busy_timeout(batch.first.deadline)
            await run_in_thread(self._writer, batch.write)
        # BaseException: a failed transaction must not stay open for the next one.
        except BaseException as error:
            await self._rollback()
            self._raise_translated(error)
            raise
        finally:
            self._write_lock.release()

    def _report_timing(self, batch: Batch) -> None:
        self._on_timing("wait", batch.began_at - batch.first.submitted_at)
        self._on_timing("write", batch.ended_at - batch.began_at)

    def _translate_failure(self, write: PendingWrite) -> None:
        """Replace an error of SQLite by one of ours."""
        if write.error is not None:
            try:
                self._raise_translated(write.error)
            except (StorageError, ViewOnly) as translated:
                write.error = translated

    async def _drain(self) -> None:
        """Wait until every queued write is committed or has failed."""
        if self._batch_task is not None:
            await asyncio.wait([self._batch_task])


def _begin_immediate(db: sqlite3.Connection) -> None:
    # IMMEDIATE: a transaction that began as a reader could not wait for another program's lock.
    db.execute("BEGIN IMMEDIATE")


def _take_expired(queue: deque[PendingWrite], *, until: float) -> list[PendingWrite]:
    """Pop the writes at the head of the queue whose deadline is not after `until`."""
    expired = []
    while queue and queue[0].deadline <= until:
        expired.append(queue.popleft())
    return expired


def _is_fatal(error: Exception) -> bool:
    """Whether the error means that no write of the transaction can be trusted."""
    return isinstance(error, sqlite3.Error) and isinstance(translate_error(error), DatabaseCorrupt)
