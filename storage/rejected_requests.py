"""Rejected requests: the newest bodies of each API key that were not accepted."""

import re
from datetime import datetime

from bot.tickets.api_keys import ApiKey
from bot.tickets.rejected_requests import MAX_BODY_BYTES, MAX_PER_KEY, RejectedRequest
from storage.db import Db, Params, Row
from storage.engine import Engine
from storage.errors import UnknownRejectedRequest
from storage.mapping import from_ms, to_ms


class RejectedRequestRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def save(self, key: ApiKey, path: str, reason: str, body: bytes, now: datetime) -> None:
        """Store the body of a rejected request, and delete the oldest ones of its key."""
        await self._engine.write(lambda db: _insert(db, key, path, reason, body, now))

    async def list_newest(self, limit: int) -> list[RejectedRequest]:
        """The newest, newest first."""
        rows = await self._engine.read(lambda db: db.all(_NEWEST, {"limit": limit}))
        return [_from_row(row) for row in rows]

    async def get(self, rejected_id: int) -> RejectedRequest:
        """Raises UnknownRejectedRequest."""
        row = await self._engine.read(lambda db: db.one(_BY_ID, {"id": rejected_id}))
        if row is None:
            raise UnknownRejectedRequest(
                f"There is no rejected request {rejected_id}; only each key's newest are stored. "
                "`ticketbridge rejected list` shows them."
            )
        return _from_row(row)


_NEWEST = """
    SELECT rejected_requests.*, source, workspaces.name AS workspace_name
    FROM rejected_requests
    JOIN api_keys ON prefix = key_prefix JOIN workspaces ON workspaces.id = workspace_id
    ORDER BY rejected_requests.id DESC LIMIT :limit
"""
_BY_ID = """
    SELECT rejected_requests.*, source, workspaces.name AS workspace_name
    FROM rejected_requests
    JOIN api_keys ON prefix = key_prefix JOIN workspaces ON workspaces.id = workspace_id
    WHERE rejected_requests.id = :id
"""


def _insert(db: Db, key: ApiKey, path: str, reason: str, body: bytes, now: datetime) -> None:
    db.run(
        """
        INSERT INTO rejected_requests (key_prefix, path, reason, body, size, created_at)
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
    db.run(
        """
        DELETE FROM rejected_requests WHERE key_prefix = :key_prefix AND id <= (
            SELECT id FROM rejected_requests
            WHERE key_prefix = :key_prefix ORDER BY id DESC LIMIT 1 OFFSET :kept
        )
        """,
        {"key_prefix": key.prefix, "kept": MAX_PER_KEY},
    )


def delete_matching(db: Db, scope: Params, pattern: re.Pattern[str]) -> None:
    """Delete the requests of a source whose bodies match; of all workspaces if `scope` has none."""
    rows = db.all(_OF_SCOPE, scope)
    db.run_many(
        "DELETE FROM rejected_requests WHERE id = :id",
        [{"id": row["id"]} for row in rows if pattern.search(row["body"].decode("utf-8", "replace"))],
    )


def delete_older(db: Db, workspace_id: str, before: datetime) -> None:
    """Delete the requests of a workspace that came before a time."""
    db.run(_DELETE_OLDER, {"workspace": workspace_id, "before": to_ms(before)})


_OF_SCOPE = """
    SELECT rejected_requests.id, body FROM rejected_requests JOIN api_keys ON prefix = key_prefix
    WHERE source = :source AND (workspace_id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
"""
_DELETE_OLDER = """
    DELETE FROM rejected_requests
    WHERE created_at < :before
      AND key_prefix IN (SELECT prefix FROM api_keys WHERE workspace_id = :workspace)
"""


def _from_row(row: Row) -> RejectedRequest:
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
