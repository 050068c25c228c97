"""Transactions: the one writer and the one reader of the file, and what a failure of theirs does."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiosqlite

from bot.tickets.errors import ViewOnly
from storage.connection import BUSY_TIMEOUT
from storage.errors import DatabaseCorrupt, DatabaseUnavailable, StorageError
from storage.failures import meaning_of

TimingObserver = Callable[[str, float], None]  # "wait", "write" or "read", and how many seconds it took
ErrorObserver = Callable[[StorageError], None]

_SOON = 0.25  # seconds: who has its turn within them has its whole patience left for the locks of others


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
