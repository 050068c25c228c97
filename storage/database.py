"""Transactions: the one writer and the one reader of the file, and what a failure of theirs does.

Group commit: what many ask for at the same time is written in one transaction, and synced to disk once.
Whoever asks hands over work for the thread of the writer's connection. The next transaction takes all that
has gathered by then; nothing waits for more to come. Nobody is told before the commit.
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
from storage.connection import BUSY_TIMEOUT, run_in_thread
from storage.errors import DatabaseCorrupt, DatabaseUnavailable, Overloaded, StorageError, translate_error

TimingObserver = Callable[[str, float], None]  # "wait", "write" or "read", and how many seconds it took
ErrorObserver = Callable[[StorageError], None]

_TIMEOUT_TOLERANCE = 0.25  # seconds waited for the write lock that do not shorten the busy timeout
MAX_QUEUE = 1000  # whoever comes then is told at once to come again
MAX_BATCH = 256  # in one transaction: others want to write too
_TIMER_SLACK = 0.05  # seconds by which SQLite may give up waiting too early

Result = TypeVar("Result")
# Reads and writes, and neither begins nor commits. It may be done again, after it was taken back.
Work = Callable[[sqlite3.Connection], Result]


class Database:
    """What the store's parts are built on. Whoever put something in the outbox calls `_outbox_grew`."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._write_lock = asyncio.Lock()
        self._waiting_writers = 0  # how many wait for it
        self._busy_timeout = patience
        self._current_busy_timeout = BUSY_TIMEOUT  # what the writer's connection has now
        self._outbox_events: list[asyncio.Event] = []
        self._on_timing: TimingObserver = lambda what, seconds: None
        self._on_error: ErrorObserver = lambda failure: None
        self._last_error: StorageError | None = None  # why it takes nothing now
        self.broken = asyncio.Event()  # nothing is taken any more; the process is to end

    def set_observer(self, on_timing: TimingObserver, on_error: ErrorObserver) -> None:
        """Tell how long each transaction takes and what fails: from now on, to these two alone."""
        self._on_timing, self._on_error = on_timing, on_error

    def subscribe_outbox(self) -> asyncio.Event:
        """An event set after each commit that put something in the outbox; the watcher clears it."""
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
        """A transaction that has begun by then, all waits together. Raises Unavailable."""
        asked = time.monotonic()
        deadline = asked + seconds
        await self._acquire_write_lock(deadline)
        try:
            await self._begin(deadline)
            begun = time.monotonic()
            self._on_timing("wait", begun - asked)
            yield self._writer
            await self._writer.commit()
            self._on_timing("write", time.monotonic() - begun)
        # BaseException: a cancelled task must not leave its transaction open for the next one.
        except BaseException as error:
            await self._rollback()
            self._notify_outbox()  # a commit that was cut short may have been kept all the same
            self._raise_translated(error)
            raise
        finally:
            self._write_lock.release()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[aiosqlite.Connection]:
        begun = time.monotonic()
        try:
            yield self._reader
        except sqlite3.Error as error:
            self._raise_translated(error)
            raise
        self._on_timing("read", time.monotonic() - begun)

    async def _acquire_write_lock(self, deadline: float) -> None:
        """Wait behind our own writers. Raises Unavailable, and then does not hold up those behind it."""
        if not self._write_lock.locked() and not self._waiting_writers:
            await self._write_lock.acquire()  # at once; a timer for each transaction would be felt
            return
        self._waiting_writers += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._write_lock.acquire()
        except TimeoutError as error:
            failure = DatabaseUnavailable("The database failed: those who were first could not write either.")
            self._record_error(failure)
            raise failure from error
        finally:
            self._waiting_writers -= 1

    async def _begin(self, deadline: float) -> None:
        await self._limit_busy_timeout(deadline)
        # IMMEDIATE: a transaction that began as a reader could not wait for a foreign lock.
        await self._writer.execute("BEGIN IMMEDIATE")

    async def _limit_busy_timeout(self, deadline: float) -> None:
        """Let the writer wait for the locks of other programs, for no longer than is left.

        Raises BrokenDatabase once it is known to be broken: the next write could seem to succeed.
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
        except sqlite3.Error as error:  # what made it necessary is what is told
            self._record_error(
                DatabaseCorrupt(f"The database failed: a transaction cannot be ended ({error}).")
            )

    def _raise_translated(self, error: BaseException) -> None:
        """Raise a database error in our own words; let anything else be."""
        if isinstance(error, sqlite3.IntegrityError) and str(error).startswith("view-only"):
            raise ViewOnly from error
        if isinstance(error, sqlite3.Error):
            failure = translate_error(error)
            self._record_error(failure)
            raise failure from error

    def _record_error(self, failure: StorageError) -> None:
        self._on_error(failure)
        if self.broken.is_set() or not isinstance(failure, DatabaseUnavailable | DatabaseCorrupt):
            return
        self._last_error = failure
        if isinstance(failure, DatabaseCorrupt):
            self.broken.set()


class PendingWrite:
    """Work that waits to be done, and whoever waits for its result."""

    __slots__ = ("deadline", "error", "future", "result", "submitted_at", "work")

    def __init__(self, work: Work[Any], future: "asyncio.Future[Any]", patience: float) -> None:
        self.work = work
        self.future = future
        self.submitted_at = time.monotonic()
        self.deadline = self.submitted_at + patience
        self.result: Any = None
        self.error: Exception | None = None

    def run_in_savepoint(self, db: sqlite3.Connection) -> None:
        """Do it; if that fails, nothing of it is kept, and everything else is. Raises what fails them all."""
        self.error = None
        db.execute("SAVEPOINT attempt")
        try:
            self.result = self.work(db)
        # Whatever it is, it is told to whoever asked, and to nobody else.
        except Exception as error:
            if not db.in_transaction or _is_fatal(error):
                raise
            db.execute("ROLLBACK TO attempt")
            self.error = error
        db.execute("RELEASE attempt")

    def resolve(self) -> None:
        """Let go of whoever waits; it may have given up."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Batch:
    """One transaction, and what it took on."""

    def __init__(self, waiting: deque[PendingWrite]) -> None:
        self._queue = waiting
        self.first = waiting[0]
        self.writes: list[PendingWrite] = []
        self.began_at = 0.0  # as time.monotonic tells it, like the next
        self.ended_at = 0.0

    def write(self, db: sqlite3.Connection) -> None:
        """All of it, in the writer's thread, where nobody's cancellation reaches it.

        Raises sqlite3.Error, and then has to be rolled back.
        """
        _begin_immediate(db)
        self.began_at = time.monotonic()
        together = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
        self.writes = [asked for asked in together if not asked.future.cancelled()]
        if not self._run_without_savepoints(db):
            db.rollback()
            _begin_immediate(db)
            for asked in self.writes:
                asked.run_in_savepoint(db)
        db.commit()
        self.ended_at = time.monotonic()

    def _run_without_savepoints(self, db: sqlite3.Connection) -> bool:
        """Do it all without savepoints, for which SQLite copies every page; False if one left half of it."""
        for asked in self.writes:
            changes = db.total_changes
            try:
                asked.result = asked.work(db)
            # Whatever it is, it is told to whoever asked, and to nobody else.
            except Exception as error:
                asked.error = error
                if db.total_changes != changes or not db.in_transaction or _is_fatal(error):
                    return False
        return True

    def fail(self, error: Exception) -> None:
        """Tell those whom it took on. If it never began: whose patience has ended, or all if nobody's has."""
        soon = time.monotonic() + _TIMER_SLACK
        until = soon if self.first.deadline <= soon else math.inf
        for asked in self.writes or _take_expired(self._queue, until=until):
            asked.error = error
            asked.resolve()


class BatchWriter(Database):
    """What those parts of the store are built on in which many write at once."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        super().__init__(writer, reader, patience=patience)
        self._queue: deque[PendingWrite] = deque()  # the loop adds, the writer's thread takes
        self._batch_task: asyncio.Task[None] | None = None

    async def _submit(self, work: Work[Result]) -> Result:
        """What `work` makes, once it is on the disk. Raises what it raises, Overloaded, Unavailable.

        Cancelled before its turn, it is not done; later, it is done once all the same.
        """
        if len(self._queue) >= MAX_QUEUE:
            failure = Overloaded("The database failed: too much waits to be written already.")
            self._record_error(failure)
            raise failure
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(PendingWrite(work, future, self._busy_timeout))
        if self._batch_task is None or self._batch_task.done():
            self._batch_task = asyncio.create_task(self._run_batches())
        return await future

    async def _run_batches(self) -> None:
        """One after the other, until nobody waits."""
        while self._queue:
            group = Batch(self._queue)
            try:
                await self._write_batch(group)
            # Whatever it is, those are told who wait for it.
            except Exception as error:
                group.fail(error)
            # BaseException: the loop ends, and nobody is to wait in vain.
            except BaseException:
                for asked in (*group.writes, *self._queue):
                    asked.future.cancel()
                raise
            else:
                for asked in group.writes:
                    self._translate_failure(asked)
                    asked.resolve()
                # Behind those who were told, who need not wait for it.
                asyncio.get_running_loop().call_soon(self._report_timing, group)
            finally:
                self._notify_outbox()  # a commit that was cut short may have been kept all the same

    async def _write_batch(self, group: Batch) -> None:
        """Once it is this one's turn. Raises StorageError."""
        await self._acquire_write_lock(group.first.deadline)
        try:
            await self._limit_busy_timeout(group.first.deadline)
            await run_in_thread(self._writer, group.write)
        # BaseException: a transaction that failed must not be left open for the next one.
        except BaseException as error:
            await self._rollback()
            self._raise_translated(error)
            raise
        finally:
            self._write_lock.release()

    def _report_timing(self, group: Batch) -> None:
        self._on_timing("wait", group.began_at - group.first.submitted_at)
        self._on_timing("write", group.ended_at - group.began_at)

    def _translate_failure(self, asked: PendingWrite) -> None:
        """Its failure in our own words, if the database is what failed."""
        if asked.error is not None:
            try:
                self._raise_translated(asked.error)
            except (StorageError, ViewOnly) as meaning:
                asked.error = meaning

    async def _drain(self) -> None:
        """Wait until all that was asked for is written, or has failed."""
        if self._batch_task is not None:
            await asyncio.wait([self._batch_task])


def _begin_immediate(db: sqlite3.Connection) -> None:
    # IMMEDIATE: a transaction that began as a reader could not wait for a foreign lock.
    db.execute("BEGIN IMMEDIATE")


def _take_expired(waiting: deque[PendingWrite], *, until: float) -> list[PendingWrite]:
    """Those, of the first that wait, whose patience ends by then."""
    taken = []
    while waiting and waiting[0].deadline <= until:
        taken.append(waiting.popleft())
    return taken


def _is_fatal(error: Exception) -> bool:
    """Whether what the others wrote in the same transaction cannot be trusted either."""
    return isinstance(error, sqlite3.Error) and isinstance(translate_error(error), DatabaseCorrupt)
