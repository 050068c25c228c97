"""API keys: their hashes are stored, never the keys themselves."""

import sqlite3
from datetime import datetime

import aiosqlite

from bot.tickets.api_keys import ApiKey
from storage.cache import ReadCache
from storage.errors import UnknownKey
from storage.mapping import from_ms, to_ms
from storage.sqlite.connection import BUSY_TIMEOUT
from storage.sqlite.engine import Database
from storage.workspaces import require_workspace_by_name

_TOUCH_TIMEOUT = 0.5  # seconds to wait for the database before a use goes unrecorded


class ApiKeyStore(Database):
    """Every method is one transaction. Keys are cached until one is revoked."""

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        super().__init__(writer, reader, busy_timeout=busy_timeout)
        self._keys: ReadCache[ApiKey] = ReadCache()

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
        """Store a key's hash. Raises UnknownWorkspace."""
        async with self._write() as db:
            workspace = await require_workspace_by_name(db, workspace_name)
            key = ApiKey(
                prefix=prefix,
                workspace_id=workspace.id,
                workspace_name=workspace.name,
                source=source,
                created_at=now,
                name=name,
                expires_at=expires_at,
            )
            await insert(db, key, key_hash)
            return key

    async def keys(self) -> list[ApiKey]:
        """All keys, oldest first, including expired and revoked ones."""
        async with self._read() as db:
            return await select_all(db)

    async def find_key(self, key_hash: str) -> ApiKey | None:
        """The key with this hash, valid or not, or None. Its `last_used_at` may be out of date."""
        return await self._keys.get(key_hash, self._select_key)

    async def touch_key_last_used(self, prefix: str, now: datetime) -> None:
        """Store when a key was last used. Gives up after half a second: the request waits for it."""
        async with self._write_within(_TOUCH_TIMEOUT) as db:
            await update_last_used(db, prefix, now)

    async def revoke_key(self, prefix: str, now: datetime) -> None:
        """Revoke a key, from the next request on. Raises UnknownKey."""
        try:
            async with self._write() as db:
                if not await set_revoked(db, prefix, now):
                    raise UnknownKey(
                        f"There is no API key with the prefix {prefix}. `ticketbridge key list` shows them."
                    )
        finally:
            self._keys.invalidate()

    async def _select_key(self, key_hash: str) -> ApiKey | None:
        async with self._read() as db:
            return await select_by_hash(db, key_hash)


async def insert(db: aiosqlite.Connection, key: ApiKey, key_hash: str) -> None:
    await db.execute(
        """
        INSERT INTO api_keys (key_hash, prefix, workspace_id, source, name, created_at, expires_at)
        VALUES (:key_hash, :prefix, :workspace_id, :source, :name, :created_at, :expires_at)
        """,
        {
            "key_hash": key_hash,
            "prefix": key.prefix,
            "workspace_id": key.workspace_id,
            "source": key.source,
            "name": key.name,
            "created_at": to_ms(key.created_at),
            "expires_at": to_ms(key.expires_at) if key.expires_at else None,
        },
    )


async def select_all(db: aiosqlite.Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT api_keys.*, workspaces.name AS workspace_name
        FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
        ORDER BY api_keys.created_at, prefix
        """
    )
    return [_key_from_row(row) for row in rows]


async def select_by_hash(db: aiosqlite.Connection, key_hash: str) -> ApiKey | None:
    rows = await db.execute_fetchall(
        """
        SELECT api_keys.*, workspaces.name AS workspace_name
        FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
        WHERE key_hash = :key_hash
        """,
        {"key_hash": key_hash},
    )
    return next((_key_from_row(row) for row in rows), None)


async def update_last_used(db: aiosqlite.Connection, prefix: str, now: datetime) -> None:
    await db.execute(
        "UPDATE api_keys SET last_used_at = :now WHERE prefix = :prefix",
        {"prefix": prefix, "now": to_ms(now)},
    )


async def set_revoked(db: aiosqlite.Connection, prefix: str, now: datetime) -> bool:
    """Return whether the key exists. A second revocation keeps the time of the first."""
    async with db.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, :now) WHERE prefix = :prefix RETURNING prefix",
        {"prefix": prefix, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


def _key_from_row(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        source=row["source"],
        name=row["name"],
        created_at=from_ms(row["created_at"]),
        expires_at=_optional_time(row["expires_at"]),
        last_used_at=_optional_time(row["last_used_at"]),
        revoked_at=_optional_time(row["revoked_at"]),
    )


def _optional_time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
