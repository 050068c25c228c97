"""Rows of workspaces and their API keys. Never commits."""

import sqlite3
import uuid
from dataclasses import asdict
from datetime import datetime

import aiosqlite

from bot.tickets import ApiKey, NewWorkspace, Workspace
from storage.times import from_ms, to_ms


async def insert(db: aiosqlite.Connection, new: NewWorkspace, now: datetime) -> Workspace:
    workspace = Workspace(id=str(uuid.uuid4()), created_at=now, **asdict(new))
    await db.execute(
        """
        INSERT INTO workspaces (
            id, name, guild_id, tickets_channel_id, reports_channel_id, staff_role_id, created_at
        ) VALUES (
            :id, :name, :guild_id, :tickets_channel_id, :reports_channel_id, :staff_role_id, :created_at
        )
        """,
        asdict(workspace) | {"created_at": to_ms(now)},
    )
    return workspace


async def every(db: aiosqlite.Connection) -> list[Workspace]:
    """All workspaces, oldest first."""
    rows = await db.execute_fetchall("SELECT * FROM workspaces ORDER BY created_at, name")
    return [_workspace(row) for row in rows]


async def by_name(db: aiosqlite.Connection, name: str) -> Workspace | None:
    rows = await db.execute_fetchall("SELECT * FROM workspaces WHERE name = :name", {"name": name})
    return next((_workspace(row) for row in rows), None)


async def by_id(db: aiosqlite.Connection, workspace_id: str) -> Workspace | None:
    rows = await db.execute_fetchall("SELECT * FROM workspaces WHERE id = :id", {"id": workspace_id})
    return next((_workspace(row) for row in rows), None)


async def of_guild(db: aiosqlite.Connection, guild_id: int) -> list[Workspace]:
    """The workspaces of a guild, oldest first."""
    rows = await db.execute_fetchall(
        "SELECT * FROM workspaces WHERE guild_id = :id ORDER BY created_at, name", {"id": guild_id}
    )
    return [_workspace(row) for row in rows]


async def insert_key(
    db: aiosqlite.Connection, workspace: Workspace, source: str, prefix: str, key_hash: str, now: datetime
) -> ApiKey:
    await db.execute(
        """
        INSERT INTO api_keys (key_hash, prefix, workspace_id, source, created_at)
        VALUES (:key_hash, :prefix, :workspace_id, :source, :now)
        """,
        {
            "key_hash": key_hash,
            "prefix": prefix,
            "workspace_id": workspace.id,
            "source": source,
            "now": to_ms(now),
        },
    )
    return ApiKey(
        prefix=prefix,
        workspace_id=workspace.id,
        workspace_name=workspace.name,
        source=source,
        created_at=now,
    )


async def every_key(db: aiosqlite.Connection) -> list[ApiKey]:
    """All API keys, oldest first, revoked ones among them."""
    rows = await db.execute_fetchall(
        """
        SELECT api_keys.*, workspaces.name AS workspace_name
        FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
        ORDER BY api_keys.created_at, prefix
        """
    )
    return [_key(row) for row in rows]


async def key_by_hash(db: aiosqlite.Connection, key_hash: str) -> ApiKey | None:
    rows = await db.execute_fetchall(
        """
        SELECT api_keys.*, workspaces.name AS workspace_name
        FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
        WHERE key_hash = :key_hash
        """,
        {"key_hash": key_hash},
    )
    return next((_key(row) for row in rows), None)


async def revoke_key(db: aiosqlite.Connection, prefix: str, now: datetime) -> bool:
    """Whether there is such a key. A second revocation keeps the time of the first."""
    async with db.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, :now) WHERE prefix = :prefix RETURNING prefix",
        {"prefix": prefix, "now": to_ms(now)},
    ) as cursor:
        return await cursor.fetchone() is not None


def _workspace(row: sqlite3.Row) -> Workspace:
    return Workspace(
        id=row["id"],
        name=row["name"],
        guild_id=row["guild_id"],
        tickets_channel_id=row["tickets_channel_id"],
        reports_channel_id=row["reports_channel_id"],
        staff_role_id=row["staff_role_id"],
        created_at=from_ms(row["created_at"]),
    )


def _key(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        source=row["source"],
        created_at=from_ms(row["created_at"]),
        revoked_at=from_ms(row["revoked_at"]) if row["revoked_at"] is not None else None,
    )
