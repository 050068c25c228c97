"""Canned replies of workspaces."""

from collections.abc import Sequence
from datetime import datetime

from bot.tickets.canned_replies import (
    MAX_CANNED_REPLIES,
    CannedReply,
    CannedReplyExists,
    NewCannedReply,
    TooManyCannedReplies,
    UnknownCannedReply,
    changed_by,
)
from bot.tickets.message import Actor
from storage.db import Db, Row
from storage.engine import Engine
from storage.mapping import from_ms, to_ms


class CannedReplyRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, new: NewCannedReply, author: Actor, now: datetime) -> CannedReply:
        """Raises CannedReplyExists, TooManyCannedReplies."""

        def insert(db: Db) -> CannedReply:
            if _find(db, new.workspace_id, new.name) is not None:
                raise CannedReplyExists
            if len(db.all(_OF_WORKSPACE, {"workspace": new.workspace_id})) >= MAX_CANNED_REPLIES:
                raise TooManyCannedReplies
            db.run(_INSERT, _params(new, author, now))
            return _get_by_name(db, new.workspace_id, new.name)

        return await self._engine.write(insert, locks=[_lock(new.workspace_id)])

    async def get(self, reply_id: int, workspace_ids: Sequence[str]) -> CannedReply:
        """A canned reply of one of these workspaces. Raises UnknownCannedReply."""
        return await self._engine.read(lambda db: _get(db, reply_id, workspace_ids))

    async def get_by_name(self, workspace_id: str, name: str) -> CannedReply:
        """Raises UnknownCannedReply."""
        return await self._engine.read(lambda db: _get_by_name(db, workspace_id, name))

    async def list_of_workspaces(self, workspace_ids: Sequence[str]) -> list[CannedReply]:
        """The canned replies of workspaces, by name."""
        rows = await self._engine.read(lambda db: db.all(_OF_WORKSPACES, {"workspaces": workspace_ids}))
        return [_from_row(row) for row in rows]

    async def change(
        self, reply_id: int, revision: int, new: NewCannedReply, author: Actor, now: datetime
    ) -> CannedReply:
        """Replace name and text of the canned reply that was read in that revision.

        Raises UnknownCannedReply, CannedReplyChanged, CannedReplyExists.
        """

        def update(db: Db) -> CannedReply:
            before = _get(db, reply_id, [new.workspace_id])
            if before.revision != revision:
                raise changed_by(before)
            namesake = _find(db, new.workspace_id, new.name)
            if namesake is not None and namesake.id != reply_id:
                raise CannedReplyExists
            db.run(_UPDATE, {"id": reply_id, **_params(new, author, now)})
            return _get(db, reply_id, [new.workspace_id])

        return await self._engine.write(update, locks=[_lock(new.workspace_id)])

    async def remove(self, reply_id: int, workspace_id: str) -> CannedReply:
        """Delete a canned reply, and return what it was. Raises UnknownCannedReply."""

        def delete(db: Db) -> CannedReply:
            found = _get(db, reply_id, [workspace_id])
            db.run("DELETE FROM canned_replies WHERE id = :id", {"id": reply_id})
            return found

        return await self._engine.write(delete, locks=[_lock(workspace_id)])


_INSERT = """
    INSERT INTO canned_replies (workspace_id, name, name_key, text, revision, saved_by, saved_at)
    VALUES (:workspace, :name, :name_key, :text, 0, :author, :now)
"""
_UPDATE = """
    UPDATE canned_replies SET name = :name, name_key = :name_key, text = :text, revision = revision + 1,
                              saved_by = :author, saved_at = :now
    WHERE id = :id
"""
_BY_ID = "SELECT * FROM canned_replies WHERE id = :id AND workspace_id = ANY(:workspaces)"
_BY_NAME = "SELECT * FROM canned_replies WHERE workspace_id = :workspace AND name_key = :name_key"
_OF_WORKSPACE = "SELECT id FROM canned_replies WHERE workspace_id = :workspace"
_OF_WORKSPACES = """
    SELECT * FROM canned_replies WHERE workspace_id = ANY(:workspaces) ORDER BY name_key, workspace_id
"""


def _lock(workspace_id: str) -> str:
    return f"canned:{workspace_id}"


def _key(name: str) -> str:
    """What is the same for names that differ only in case."""
    return name.strip().casefold()


def _params(new: NewCannedReply, author: Actor, now: datetime) -> dict[str, object]:
    return {
        "workspace": new.workspace_id,
        "name": new.name,
        "name_key": _key(new.name),
        "text": new.text,
        "author": author.name,
        "now": to_ms(now),
    }


def _get(db: Db, reply_id: int, workspace_ids: Sequence[str]) -> CannedReply:
    row = db.one(_BY_ID, {"id": reply_id, "workspaces": workspace_ids})
    if row is None:
        raise UnknownCannedReply
    return _from_row(row)


def _get_by_name(db: Db, workspace_id: str, name: str) -> CannedReply:
    found = _find(db, workspace_id, name)
    if found is None:
        raise UnknownCannedReply
    return found


def _find(db: Db, workspace_id: str, name: str) -> CannedReply | None:
    row = db.one(_BY_NAME, {"workspace": workspace_id, "name_key": _key(name)})
    return None if row is None else _from_row(row)


def _from_row(row: Row) -> CannedReply:
    return CannedReply(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        text=row["text"],
        revision=row["revision"],
        saved_by=row["saved_by"],
        saved_at=from_ms(row["saved_at"]),
    )
