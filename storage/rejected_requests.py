"""Rejected requests: the newest bodies of each API key that failed validation."""

import sqlite3
from datetime import datetime

import aiosqlite

from bot.tickets.api_keys import ApiKey
from bot.tickets.rejected_requests import MAX_BODY_BYTES, MAX_PER_KEY, RejectedRequest
from storage.errors import UnknownRejectedRequest
from storage.mapping import from_ms, to_ms
from storage.sqlite.engine import Database


class RejectedRequestStore(Database):
    """Every method is one transaction."""

    async def save_rejected_request(
        self, key: ApiKey, path: str, reason: str, body: bytes, now: datetime
    ) -> None:
        """Store the body of a rejected request, and delete the oldest ones of its key."""
        async with self._write() as db:
            await insert(db, key, path, reason, body, now)

    async def list_rejected_requests(self, limit: int) -> list[RejectedRequest]:
        """The newest, newest first."""
        async with self._read() as db:
            return await select_newest(db, limit)

    async def rejected_request(self, rejected_id: int) -> RejectedRequest:
        """Raises UnknownRejectedRequest."""
        async with self._read() as db:
            found = await select_by_id(db, rejected_id)
        if found is None:
            raise UnknownRejectedRequest(
                f"There is no rejected request {rejected_id}; only each key's newest are stored. "
                "`ticketbridge rejected list` shows them."
            )
        return found


async def insert(
    db: aiosqlite.Connection, key: ApiKey, path: str, reason: str, body: bytes, now: datetime
) -> None:
    await db.execute(
        """
        INSERT INTO rejected (key_prefix, path, reason, body, size, created_at)
        VALUES (:key_prefix, :path, :reason, :body, :size, :now)
        """,
        {
            "key_prefix": key.prefix,
            "path": path,
            "reason": reason,
            "body": body[:MAX_BODY_BYTES],
            "size": len(body),
            "now": to_ms(now),
        },
    )
    await db.execute(
        """
        DELETE FROM rejected WHERE key_prefix = :key_prefix AND id <= (
            SELECT id FROM rejected WHERE key_prefix = :key_prefix ORDER BY id DESC LIMIT 1 OFFSET :kept
        )
        """,
        {"key_prefix": key.prefix, "kept": MAX_PER_KEY},
    )


async def select_newest(db: aiosqlite.Connection, limit: int) -> list[RejectedRequest]:
    """Newest first."""
    rows = await db.execute_fetchall(
        """
        SELECT rejected.*, source, workspaces.name AS workspace_name
        FROM rejected JOIN api_keys ON prefix = key_prefix JOIN workspaces ON workspaces.id = workspace_id
        ORDER BY rejected.id DESC LIMIT :limit
        """,
        {"limit": limit},
    )
    return [_request_from_row(row) for row in rows]


async def select_by_id(db: aiosqlite.Connection, rejected_id: int) -> RejectedRequest | None:
    rows = await db.execute_fetchall(
        """
        SELECT rejected.*, source, workspaces.name AS workspace_name
        FROM rejected JOIN api_keys ON prefix = key_prefix JOIN workspaces ON workspaces.id = workspace_id
        WHERE rejected.id = :id
        """,
        {"id": rejected_id},
    )
    return next((_request_from_row(row) for row in rows), None)


def _request_from_row(row: sqlite3.Row) -> RejectedRequest:
    return RejectedRequest(
        id=row["id"],
        key_prefix=row["key_prefix"],
        workspace_name=row["workspace_name"],
        source=row["source"],
        path=row["path"],
        reason=row["reason"],
        body=row["body"],
        size=row["size"],
        created_at=from_ms(row["created_at"]),
    )
