"""Group commit: what many ask for at the same time is written in one transaction, and synced to disk once.

Whoever asks hands over work for the thread of the writer's connection. The next transaction takes all that
has gathered by then; nothing waits for more to come. Nobody is told before the commit.
"""

import asyncio
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite

from bot.tickets.errors import ViewOnly
from storage.connection import BUSY_TIMEOUT, run_in_thread
from storage.errors import DatabaseCorrupt, Overloaded, StorageError
from storage.failures import meaning_of
from storage.transactions import Transactions

MAX_QUEUE = 1000  # whoever comes then is told at once to come again
MAX_BATCH = 256  # in one transaction: others want to write too
_PUNCTUAL = 0.05  # seconds by which SQLite may give up waiting too early

Result = TypeVar("Result")
# Reads and writes, and neither begins nor commits. It may be done again, after it was taken back.
Work = Callable[[sqlite3.Connection], Result]


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
