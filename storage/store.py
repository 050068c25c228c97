"""The Store: all data of the bridge in one SQLite file. Its methods take and return domain objects."""

import sqlite3
from pathlib import Path
from typing import Self

from storage.alerts import AlertStore
from storage.api_keys import ApiKeyStore
from storage.deleted_channels import DiscordCleanupStore
from storage.errors import DatabaseOpenError, is_corruption
from storage.health import HealthStore
from storage.intake import IntakeStore
from storage.outbox import OutboxStore
from storage.outbox_admin import OutboxAdminStore
from storage.read_marks import ReadMarkStore
from storage.rejected_requests import RejectedRequestStore
from storage.sqlite.connection import BUSY_TIMEOUT, corrupt_error, open_reader, open_writer
from storage.sqlite.migrate import migrate
from storage.sqlite.search.index import SearchIndexStore
from storage.tickets import TicketStore
from storage.workspaces import WorkspaceStore


class Store(
    WorkspaceStore,
    ApiKeyStore,
    RejectedRequestStore,
    TicketStore,
    IntakeStore,
    OutboxStore,
    OutboxAdminStore,
    AlertStore,
    ReadMarkStore,
    DiscordCleanupStore,
    SearchIndexStore,
    HealthStore,
):
    """Tickets, their messages, workspaces, API keys and the outbox, in one file.

    Every method is one transaction, unless it says otherwise, and on the disk before it returns. Any of them
    raises StorageError when the database fails; whether a write was stored is then unknown.
    """

    @classmethod
    async def open(cls, path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> Self:
        """Open or create the file, check its integrity, and migrate it to the newest version.

        `busy_timeout` is how many seconds a write waits for its turn. Raises DatabaseOpenError. The caller
        holds the file's `DatabaseLock`.
        """
        writer = await open_writer(path)
        try:
            await migrate(writer)
            reader = await open_reader(path)
        # BaseException: the thread of a connection left open would keep a cancelled start from ending.
        except BaseException as error:
            await writer.close()
            if isinstance(error, sqlite3.Error):
                raise _open_error(path, error) from error
            raise
        return cls(writer, reader, busy_timeout=busy_timeout)

    async def close(self) -> None:
        """Finish queued writes, then close the file."""
        await self._drain()
        await self._reader.close()
        async with self._write_lock:
            await self._writer.close()


def _open_error(path: Path, error: sqlite3.Error) -> DatabaseOpenError:
    if is_corruption(error):
        return corrupt_error(path, error)
    return DatabaseOpenError(
        f"{path} cannot be made a ticketbridge database ({error}). "
        "Check that no other program uses it, or move a foreign file out of the way."
    )
