"""Transactions: the one writer and the one reader of the file, and what a failure of theirs is called."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosqlite

from bot.tickets import ViewOnly
from storage.errors import StorageError


class Transactions:
    """What the store's parts are built on. Whoever put something in the outbox calls `_outbox_grew`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()
        self._watchers: list[asyncio.Event] = []

    def watch_outbox(self) -> asyncio.Event:
        """An event set after each commit that put something in the outbox; the watcher clears it."""
        event = asyncio.Event()
        self._watchers.append(event)
        return event

    def _outbox_grew(self) -> None:
        for event in self._watchers:
            event.set()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._writing:
            try:
                # IMMEDIATE: a transaction that began as a reader could not wait for a foreign lock.
                await self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                await self._writer.commit()
            # BaseException: a cancelled task must not leave its transaction open for the next one.
            except BaseException as error:
                await asyncio.shield(self._writer.rollback())
                self._outbox_grew()  # a commit that was cut short may have been kept all the same
                _translate(error)
                raise

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[aiosqlite.Connection]:
        try:
            yield self._reader
        except sqlite3.Error as error:
            _translate(error)
            raise


def _translate(error: BaseException) -> None:
    """Raise a database error in our own words; let anything else be."""
    if isinstance(error, sqlite3.IntegrityError) and str(error).startswith("view-only"):
        raise ViewOnly from error
    if isinstance(error, sqlite3.Error):
        raise StorageError(f"The database failed: {error}.") from error
