"""The store: one method, one transaction. What it takes and gives are nouns; nothing of SQLite shows."""

import sqlite3
from pathlib import Path
from typing import Self

from storage.connection import open_reader, open_writer
from storage.errors import UnreadableDatabase
from storage.game_store import GameStore
from storage.migrate import migrate
from storage.outbox_store import OutboxStore
from storage.ticket_store import TicketStore
from storage.workspace_store import WorkspaceStore


class Store(WorkspaceStore, TicketStore, GameStore, OutboxStore):
    """Tickets, their messages, workspaces, API keys and the outbox, in one file.

    Every method is one transaction, on the disk before it returns. Any of them raises StorageError when the
    database fails; whether a write was kept is then unknown.
    """

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the file, making it if it is new, and bring it to the newest version.

        Raises UnreadableDatabase. The caller holds the file's `DatabaseLock`.
        """
        writer = await open_writer(path)
        try:
            await migrate(writer)
            reader = await open_reader(path)
        except BaseException as error:
            await writer.close()
            if isinstance(error, sqlite3.Error):
                raise UnreadableDatabase(
                    f"{path} cannot be made a database of ours ({error}). "
                    "Check that no other program uses it, or move a foreign file out of the way."
                ) from error
            raise
        return cls(writer, reader)

    async def close(self) -> None:
        """Close the file. What is committed is kept; nothing else was promised."""
        await self._reader.close()
        async with self._writing:
            await self._writer.close()
