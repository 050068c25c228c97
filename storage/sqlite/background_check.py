"""Checks the whole file for damage while it is in use, on a connection with a thread of its own."""

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

import aiosqlite

from storage.errors import DatabaseCorrupt, StorageError
from storage.sqlite.connection import open_reader, run_in_thread
from storage.sqlite.errors import translate_error
from storage.sqlite.integrity import find_damage_in, table_names

_NICENESS = 15  # of the check's thread: it gets a thirtieth of a core that is wanted by others
_INTERRUPT_INTERVAL = 0.05  # seconds; an interrupt is lost if the check begins just then


class BackgroundCheck:
    """One check, which reports what it finds and then closes its connection."""

    def __init__(
        self, path: Path, db: aiosqlite.Connection, report: Callable[[StorageError], object]
    ) -> None:
        self._path, self._db, self._report = path, db, report
        self._is_closing = False
        self.task = asyncio.create_task(self._run())

    @classmethod
    async def start(cls, path: Path, report: Callable[[StorageError], object]) -> Self:
        return cls(path, await open_reader(path), report)

    async def close(self) -> None:
        """Interrupt the check. It is not cancelled: its thread would answer an event loop that is closed."""
        self._is_closing = True
        while not self.task.done():
            with suppress(ValueError, sqlite3.ProgrammingError):  # it is closed already
                await self._db.interrupt()
            await asyncio.wait([self.task], timeout=_INTERRUPT_INTERVAL)

    async def _run(self) -> None:
        try:
            await run_in_thread(self._db, _lower_priority)
            # One table at a time: a read that lasts keeps the write-ahead log from being reused.
            for table in await run_in_thread(self._db, table_names):
                damage = await run_in_thread(self._db, partial(find_damage_in, table))
                if damage:
                    self._report(DatabaseCorrupt(f"The database failed: {self._path} is damaged ({damage})."))
                    return
        except sqlite3.Error as error:
            if not self._is_closing:
                self._report(translate_error(error))
        finally:
            await self._db.close()


def _lower_priority(_: sqlite3.Connection) -> None:
    """Let everything else go first, where the system can say so of one thread."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
