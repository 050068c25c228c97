"""The store's workspaces and API keys, and what it keeps of requests that made no sense."""

from collections.abc import Callable
from datetime import datetime

import aiosqlite

from bot.tickets.api_keys import ApiKey
from bot.tickets.rejected_requests import RejectedRequest
from bot.tickets.workspace import NewWorkspace, Workspace
from storage import key_rows, rejected_rows, workspace_rows
from storage.connection import BUSY_TIMEOUT
from storage.errors import UnknownKey, UnknownRejectedRequest, UnknownWorkspace, WorkspaceNameTaken
from storage.healing import move_what_is_stranded
from storage.remembered import Remembered
from storage.transactions import Transactions

WorkspaceChange = Callable[[Workspace], Workspace]

_NOTING = 0.5  # seconds


class WorkspaceStore(Transactions):
    """Every method is one transaction. A request's key and workspace are read once, until they change."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        super().__init__(writer, reader, patience=patience)
        self._workspaces: Remembered[Workspace] = Remembered()
        self._keys: Remembered[ApiKey] = Remembered()

    async def add_workspace(self, new: NewWorkspace, now: datetime) -> Workspace:
        """Raises NameTaken."""
        async with self._write() as db:
            if await workspace_rows.by_name(db, new.name):
                raise WorkspaceNameTaken(
                    f"There is already a workspace named {new.name}. Choose another name."
                )
            return await workspace_rows.insert(db, new, now)

    async def workspaces(self) -> list[Workspace]:
        """All of them, oldest first."""
        async with self._read() as db:
            return await workspace_rows.every(db)

    async def workspace(self, workspace_id: str) -> Workspace:
        """Raises UnknownWorkspace."""
        found = await self._workspaces.get(workspace_id, self._read_workspace)
        if found is None:
            raise unknown_workspace(workspace_id)
        return found

    async def workspace_by_name(self, name: str) -> Workspace:
        """Raises UnknownWorkspace."""
        async with self._read() as db:
            return await _named(db, name)

    async def workspaces_of_guild(self, guild_id: int) -> list[Workspace]:
        """The workspaces of a Discord guild, oldest first."""
        async with self._read() as db:
            return await workspace_rows.of_guild(db, guild_id)

    async def change_workspace(self, workspace_id: str, change: WorkspaceChange) -> Workspace:
        """Apply one of the workspace's own methods, and move what waits for a deleted channel it named.

        Raises what the method raises, and UnknownWorkspace.
        """
        try:
            async with self._write() as db:
                changed = change(await require_workspace(db, workspace_id))
                await workspace_rows.update(db, changed)
                await move_what_is_stranded(db, changed)
        finally:
            self._workspaces.forget()
        self._notify_outbox()
        return changed

    async def add_key(
        self,
        workspace_name: str,
        source: str,
        *,
        prefix: str,
        key_hash: str,
        now: datetime,
        name: str = "",
        expires_at: datetime | None = None,
    ) -> ApiKey:
        """Keep a key's hash. Raises UnknownWorkspace."""
        async with self._write() as db:
            workspace = await _named(db, workspace_name)
            key = ApiKey(
                prefix=prefix,
                workspace_id=workspace.id,
                workspace_name=workspace.name,
                source=source,
                created_at=now,
                name=name,
                expires_at=expires_at,
            )
            await key_rows.insert(db, key, key_hash)
            return key

    async def keys(self) -> list[ApiKey]:
        """All keys, oldest first, expired and revoked ones among them."""
        async with self._read() as db:
            return await key_rows.every(db)

    async def find_key(self, key_hash: str) -> ApiKey | None:
        """The key with this hash, whether it opens anything or not; when it was last used may be behind."""
        return await self._keys.get(key_hash, self._read_key)

    async def touch_key_last_used(self, prefix: str, now: datetime) -> None:
        """Remember when a key was last used, unless that takes long: the request itself is not done yet."""
        async with self._write_within(_NOTING) as db:
            await key_rows.note_use(db, prefix, now)

    async def revoke_key(self, prefix: str, now: datetime) -> None:
        """From the next request on, the key opens nothing. Raises UnknownKey."""
        try:
            async with self._write() as db:
                if not await key_rows.revoke(db, prefix, now):
                    raise UnknownKey(
                        f"There is no API key with the prefix {prefix}. `ticketbridge key list` shows them."
                    )
        finally:
            self._keys.forget()

    async def save_rejected_request(
        self, key: ApiKey, path: str, reason: str, body: bytes, now: datetime
    ) -> None:
        """Keep a body that made no sense, and let go of the key's oldest ones."""
        async with self._write() as db:
            await rejected_rows.insert(db, key, path, reason, body, now)

    async def _read_workspace(self, workspace_id: str) -> Workspace | None:
        async with self._read() as db:
            return await workspace_rows.by_id(db, workspace_id)

    async def _read_key(self, key_hash: str) -> ApiKey | None:
        async with self._read() as db:
            return await key_rows.by_hash(db, key_hash)

    async def list_rejected_requests(self, limit: int) -> list[RejectedRequest]:
        """The newest, newest first."""
        async with self._read() as db:
            return await rejected_rows.newest(db, limit)

    async def rejected_request(self, rejected_id: int) -> RejectedRequest:
        """Raises UnknownRejected."""
        async with self._read() as db:
            found = await rejected_rows.by_id(db, rejected_id)
        if found is None:
            raise UnknownRejectedRequest(
                f"There is no refused request {rejected_id}; only each key's newest are kept. "
                "`ticketbridge rejected list` shows them."
            )
        return found


async def require_workspace(db: aiosqlite.Connection, workspace_id: str) -> Workspace:
    """Raises UnknownWorkspace."""
    found = await workspace_rows.by_id(db, workspace_id)
    if found is None:
        raise unknown_workspace(workspace_id)
    return found


def unknown_workspace(workspace_id: str) -> UnknownWorkspace:
    return UnknownWorkspace(f"There is no workspace with the id {workspace_id}.")


async def _named(db: aiosqlite.Connection, name: str) -> Workspace:
    found = await workspace_rows.by_name(db, name)
    if found is None:
        raise UnknownWorkspace(
            f"There is no workspace named {name}. "
            "`ticketbridge workspace list` shows them, `ticketbridge workspace create` makes one."
        )
    return found
