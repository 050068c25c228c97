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
from storage.errors import DatabaseCorrupt, DatabaseUnavailable, Overloaded, StorageError, meaning_of

TimingObserver = Callable[[str, float], None]  # "wait", "write" or "read", and how many seconds it took
ErrorObserver = Callable[[StorageError], None]

_SOON = 0.25  # seconds: who has its turn within them has its whole patience left for the locks of others


MAX_QUEUE = 1000  # whoever comes then is told at once to come again
MAX_BATCH = 256  # in one transaction: others want to write too
_PUNCTUAL = 0.05  # seconds by which SQLite may give up waiting too early

Result = TypeVar("Result")
# Reads and writes, and neither begins nor commits. It may be done again, after it was taken back.
Work = Callable[[sqlite3.Connection], Result]


class Transactions:
    """What the store's parts are built on. Whoever put something in the outbox calls `_outbox_grew`."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()
        self._in_line = 0  # how many wait for it
        self._patience = patience
        self._lock_patience = BUSY_TIMEOUT  # what the writer's connection has now
        self._watchers: list[asyncio.Event] = []
        self._took: TimingObserver = lambda what, seconds: None
        self._failed: ErrorObserver = lambda failure: None
        self._trouble: StorageError | None = None  # why it takes nothing now
        self.broken = asyncio.Event()  # nothing is taken any more; the process is to end

    def set_observer(self, on_timing: TimingObserver, on_error: ErrorObserver) -> None:
        """Tell how long each transaction takes and what fails: from now on, to these two alone."""
        self._took, self._failed = on_timing, on_error

    def subscribe_outbox(self) -> asyncio.Event:
        """An event set after each commit that put something in the outbox; the watcher clears it."""
        event = asyncio.Event()
        self._watchers.append(event)
        return event

    def _notify_outbox(self) -> None:
        for event in self._watchers:
            event.set()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._write_within(self._patience) as db:
            yield db

    @asynccontextmanager
    async def _write_within(self, seconds: float) -> AsyncIterator[aiosqlite.Connection]:
        """A transaction that has begun by then, all waits together. Raises Unavailable."""
        asked = time.monotonic()
        deadline = asked + seconds
        await self._take_turn(deadline)
        try:
            await self._begin(deadline)
            begun = time.monotonic()
            self._took("wait", begun - asked)
            yield self._writer
            await self._writer.commit()
            self._took("write", time.monotonic() - begun)
        # BaseException: a cancelled task must not leave its transaction open for the next one.
        except BaseException as error:
            await self._undo()
            self._notify_outbox()  # a commit that was cut short may have been kept all the same
            self._explain(error)
            raise
        finally:
            self._writing.release()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[aiosqlite.Connection]:
        begun = time.monotonic()
        try:
            yield self._reader
        except sqlite3.Error as error:
            self._explain(error)
            raise
        self._took("read", time.monotonic() - begun)

    async def _take_turn(self, deadline: float) -> None:
        """Wait behind our own writers. Raises Unavailable, and then does not hold up those behind it."""
        if not self._writing.locked() and not self._in_line:
            await self._writing.acquire()  # at once; a timer for each transaction would be felt
            return
        self._in_line += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._writing.acquire()
        except TimeoutError as error:
            failure = DatabaseUnavailable("The database failed: those who were first could not write either.")
            self._note(failure)
            raise failure from error
        finally:
            self._in_line -= 1

    async def _begin(self, deadline: float) -> None:
        await self._be_patient_until(deadline)
        # IMMEDIATE: a transaction that began as a reader could not wait for a foreign lock.
        await self._writer.execute("BEGIN IMMEDIATE")

    async def _be_patient_until(self, deadline: float) -> None:
        """Let the writer wait for the locks of other programs, for no longer than is left.

        Raises BrokenDatabase once it is known to be broken: the next write could seem to succeed.
        """
        if self.broken.is_set():
            raise DatabaseCorrupt(str(self._trouble))
        left = max(0.0, deadline - time.monotonic())
        if self._patience - _SOON <= left <= self._patience:
            left = self._patience
        if left != self._lock_patience:
            self._lock_patience = left
            await self._writer.execute(f"PRAGMA busy_timeout = {left * 1000:.0f}")

    async def _undo(self) -> None:
        try:
            await asyncio.shield(self._writer.rollback())
        except sqlite3.Error as error:  # what made it necessary is what is told
            self._note(DatabaseCorrupt(f"The database failed: a transaction cannot be ended ({error})."))

    def _explain(self, error: BaseException) -> None:
        """Raise a database error in our own words; let anything else be."""
        if isinstance(error, sqlite3.IntegrityError) and str(error).startswith("view-only"):
            raise ViewOnly from error
        if isinstance(error, sqlite3.Error):
            failure = meaning_of(error)
            self._note(failure)
            raise failure from error

    def _note(self, failure: StorageError) -> None:
        self._failed(failure)
        if self.broken.is_set() or not isinstance(failure, DatabaseUnavailable | DatabaseCorrupt):
            return
        self._trouble = failure
        if isinstance(failure, DatabaseCorrupt):
            self.broken.set()


class Asked:
    """Work that waits to be done, and whoever waits for its result."""

    __slots__ = ("deadline", "failure", "future", "result", "since", "work")

    def __init__(self, work: Work[Any], future: "asyncio.Future[Any]", patience: float) -> None:
        self.work = work
        self.future = future
        self.since = time.monotonic()
        self.deadline = self.since + patience
        self.result: Any = None
        self.failure: Exception | None = None

    def attempt(self, db: sqlite3.Connection) -> None:
        """Do it; if that fails, nothing of it is kept, and everything else is. Raises what fails them all."""
        self.failure = None
        db.execute("SAVEPOINT attempt")
        try:
            self.result = self.work(db)
        # Whatever it is, it is told to whoever asked, and to nobody else.
        except Exception as error:
            if not db.in_transaction or _spoils_everything(error):
                raise
            db.execute("ROLLBACK TO attempt")
            self.failure = error
        db.execute("RELEASE attempt")

    def tell(self) -> None:
        """Let go of whoever waits; it may have given up."""
        if self.future.done():
            return
        if self.failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.failure)


class Group:
    """One transaction, and what it took on."""

    def __init__(self, waiting: deque[Asked]) -> None:
        self._waiting = waiting
        self.first = waiting[0]
        self.taken: list[Asked] = []
        self.begun = 0.0  # as time.monotonic tells it, like the next
        self.ended = 0.0

    def write(self, db: sqlite3.Connection) -> None:
        """All of it, in the writer's thread, where nobody's cancellation reaches it.

        Raises sqlite3.Error, and then has to be rolled back.
        """
        _begin(db)
        self.begun = time.monotonic()
        together = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
        self.taken = [asked for asked in together if not asked.future.cancelled()]
        if not self._went_well(db):
            db.rollback()
            _begin(db)
            for asked in self.taken:
                asked.attempt(db)
        db.commit()
        self.ended = time.monotonic()

    def _went_well(self, db: sqlite3.Connection) -> bool:
        """Do it all without savepoints, for which SQLite copies every page; False if one left half of it."""
        for asked in self.taken:
            changes = db.total_changes
            try:
                asked.result = asked.work(db)
            # Whatever it is, it is told to whoever asked, and to nobody else.
            except Exception as error:
                asked.failure = error
                if db.total_changes != changes or not db.in_transaction or _spoils_everything(error):
                    return False
        return True

    def failed(self, error: Exception) -> None:
        """Tell those whom it took on. If it never began: whose patience has ended, or all if nobody's has."""
        soon = time.monotonic() + _PUNCTUAL
        until = soon if self.first.deadline <= soon else math.inf
        for asked in self.taken or _taken_from(self._waiting, until=until):
            asked.failure = error
            asked.tell()


class GroupCommit(Transactions):
    """What those parts of the store are built on in which many write at once."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        super().__init__(writer, reader, patience=patience)
        self._asked: deque[Asked] = deque()  # the loop adds, the writer's thread takes
        self._groups: asyncio.Task[None] | None = None

    async def _write_together(self, work: Work[Result]) -> Result:
        """What `work` makes, once it is on the disk. Raises what it raises, Overloaded, Unavailable.

        Cancelled before its turn, it is not done; later, it is done once all the same.
        """
        if len(self._asked) >= MAX_QUEUE:
            failure = Overloaded("The database failed: too much waits to be written already.")
            self._note(failure)
            raise failure
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asked.append(Asked(work, future, self._patience))
        if self._groups is None or self._groups.done():
            self._groups = asyncio.create_task(self._write_groups())
        return await future

    async def _write_groups(self) -> None:
        """One after the other, until nobody waits."""
        while self._asked:
            group = Group(self._asked)
            try:
                await self._write_group(group)
            # Whatever it is, those are told who wait for it.
            except Exception as error:
                group.failed(error)
            # BaseException: the loop ends, and nobody is to wait in vain.
            except BaseException:
                for asked in (*group.taken, *self._asked):
                    asked.future.cancel()
                raise
            else:
                for asked in group.taken:
                    self._explain_to(asked)
                    asked.tell()
                # Behind those who were told, who need not wait for it.
                asyncio.get_running_loop().call_soon(self._tell_times, group)
            finally:
                self._notify_outbox()  # a commit that was cut short may have been kept all the same

    async def _write_group(self, group: Group) -> None:
        """Once it is this one's turn. Raises StorageError."""
        await self._take_turn(group.first.deadline)
        try:
            await self._be_patient_until(group.first.deadline)
            await run_in_thread(self._writer, group.write)
        # BaseException: a transaction that failed must not be left open for the next one.
        except BaseException as error:
            await self._undo()
            self._explain(error)
            raise
        finally:
            self._writing.release()

    def _tell_times(self, group: Group) -> None:
        self._took("wait", group.begun - group.first.since)
        self._took("write", group.ended - group.begun)

    def _explain_to(self, asked: Asked) -> None:
        """Its failure in our own words, if the database is what failed."""
        if asked.failure is not None:
            try:
                self._explain(asked.failure)
            except (StorageError, ViewOnly) as meaning:
                asked.failure = meaning

    async def _end_groups(self) -> None:
        """Wait until all that was asked for is written, or has failed."""
        if self._groups is not None:
            await asyncio.wait([self._groups])


def _begin(db: sqlite3.Connection) -> None:
    # IMMEDIATE: a transaction that began as a reader could not wait for a foreign lock.
    db.execute("BEGIN IMMEDIATE")


def _taken_from(waiting: deque[Asked], *, until: float) -> list[Asked]:
    """Those, of the first that wait, whose patience ends by then."""
    taken = []
    while waiting and waiting[0].deadline <= until:
        taken.append(waiting.popleft())
    return taken


def _spoils_everything(error: Exception) -> bool:
    """Whether what the others wrote in the same transaction cannot be trusted either."""
    return isinstance(error, sqlite3.Error) and isinstance(meaning_of(error), DatabaseCorrupt)
