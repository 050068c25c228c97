"""Rows of API keys: hashes, never the keys. Never commits."""

import sqlite3
from datetime import datetime

import aiosqlite

from bot.tickets.api_keys import ApiKey
from storage.times import from_ms, to_ms


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


async def every(db: aiosqlite.Connection) -> list[ApiKey]:
    """All of them, oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT api_keys.*, workspaces.name AS workspace_name
        FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
        ORDER BY api_keys.created_at, prefix
        """
    )
    return [_key(row) for row in rows]


async def by_hash(db: aiosqlite.Connection, key_hash: str) -> ApiKey | None:
    rows = await db.execute_fetchall(
        """
        SELECT api_keys.*, workspaces.name AS workspace_name
        FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
        WHERE key_hash = :key_hash
        """,
        {"key_hash": key_hash},
    )
    return next((_key(row) for row in rows), None)


async def note_use(db: aiosqlite.Connection, prefix: str, now: datetime) -> None:
    await db.execute(
        "UPDATE api_keys SET last_used_at = :now WHERE prefix = :prefix",
        {"prefix": prefix, "now": to_ms(now)},
    )


async def revoke(db: aiosqlite.Connection, prefix: str, now: datetime) -> bool:
    """Whether there is such a key. A second revocation keeps the time of the first."""
    async with db.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, :now) WHERE prefix = :prefix RETURNING prefix",
        {"prefix": prefix, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


def _key(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        source=row["source"],
        name=row["name"],
        created_at=from_ms(row["created_at"]),
        expires_at=_moment(row["expires_at"]),
        last_used_at=_moment(row["last_used_at"]),
        revoked_at=_moment(row["revoked_at"]),
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)
