"""Workspaces, with their departments and categories as JSON in the row."""

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any

import aiosqlite

from bot.tickets.workspace import Category, Department, NewWorkspace, Plan, UnknownCategoryPolicy, Workspace
from storage.cache import ReadCache
from storage.errors import UnknownWorkspace, WorkspaceNameTaken
from storage.mapping import from_ms, to_ms
from storage.outbox import reroute_stranded
from storage.sqlite.connection import BUSY_TIMEOUT
from storage.sqlite.engine import Database

WorkspaceChange = Callable[[Workspace], Workspace]


class WorkspaceStore(Database):
    """Every method is one transaction. Workspaces are cached until one changes."""

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> None:
        super().__init__(writer, reader, busy_timeout=busy_timeout)
        self._workspaces: ReadCache[Workspace] = ReadCache()

    async def add_workspace(self, new: NewWorkspace, now: datetime) -> Workspace:
        """Raises WorkspaceNameTaken."""
        async with self._write() as db:
            if await by_name(db, new.name):
                raise WorkspaceNameTaken(
                    f"There is already a workspace named {new.name}. Choose another name."
                )
            return await insert(db, new, now)

    async def workspaces(self) -> list[Workspace]:
        """All workspaces, oldest first."""
        async with self._read() as db:
            return await select_all(db)

    async def workspace(self, workspace_id: str) -> Workspace:
        """Raises UnknownWorkspace."""
        found = await self._workspaces.get(workspace_id, self._select_workspace)
        if found is None:
            raise unknown_workspace(workspace_id)
        return found

    async def workspace_by_name(self, name: str) -> Workspace:
        """Raises UnknownWorkspace."""
        async with self._read() as db:
            return await require_workspace_by_name(db, name)

    async def workspaces_of_guild(self, guild_id: int) -> list[Workspace]:
        """The workspaces of a Discord guild, oldest first."""
        async with self._read() as db:
            return await by_guild(db, guild_id)

    async def change_workspace(self, workspace_id: str, change: WorkspaceChange) -> Workspace:
        """Apply a change, and reroute deliveries that were pending for a deleted channel.

        Raises what `change` raises, and UnknownWorkspace.
        """
        try:
            async with self._write() as db:
                changed = change(await require_workspace(db, workspace_id))
                await update(db, changed)
                await reroute_stranded(db, changed)
        finally:
            self._workspaces.invalidate()
        self._notify_outbox()
        return changed

    async def _select_workspace(self, workspace_id: str) -> Workspace | None:
        async with self._read() as db:
            return await by_id(db, workspace_id)


async def require_workspace(db: aiosqlite.Connection, workspace_id: str) -> Workspace:
    """Raises UnknownWorkspace."""
    found = await by_id(db, workspace_id)
    if found is None:
        raise unknown_workspace(workspace_id)
    return found


def unknown_workspace(workspace_id: str) -> UnknownWorkspace:
    return UnknownWorkspace(f"There is no workspace with the id {workspace_id}.")


async def require_workspace_by_name(db: aiosqlite.Connection, name: str) -> Workspace:
    found = await by_name(db, name)
    if found is None:
        raise UnknownWorkspace(
            f"There is no workspace named {name}. "
            "`ticketbridge workspace list` shows them, `ticketbridge workspace create` makes one."
        )
    return found


async def insert(db: aiosqlite.Connection, new: NewWorkspace, now: datetime) -> Workspace:
    workspace = Workspace(id=str(uuid.uuid4()), created_at=now, **asdict(new))
    await db.execute(
        """
        INSERT INTO workspaces (
            id, name, guild_id, tickets_channel_id, reports_channel_id, staff_role_id, log_channel_id, plan,
            tickets_enabled, unknown_categories, default_department, departments, categories, created_at
        ) VALUES (
            :id, :name, :guild_id, :tickets_channel_id, :reports_channel_id, :staff_role_id,
            :log_channel_id, :plan, :tickets_enabled, :unknown_categories, :default_department,
            :departments, :categories, :created_at
        )
        """,
        _params(workspace),
    )
    return workspace


async def update(db: aiosqlite.Connection, workspace: Workspace) -> None:
    await db.execute(
        """
        UPDATE workspaces SET
            tickets_channel_id = :tickets_channel_id, reports_channel_id = :reports_channel_id,
            staff_role_id = :staff_role_id, log_channel_id = :log_channel_id, plan = :plan,
            tickets_enabled = :tickets_enabled, unknown_categories = :unknown_categories,
            default_department = :default_department, departments = :departments, categories = :categories
        WHERE id = :id
        """,
        _params(workspace),
    )


async def select_all(db: aiosqlite.Connection) -> list[Workspace]:
    """All workspaces, oldest first."""
    rows = await db.execute_fetchall("SELECT * FROM workspaces ORDER BY created_at, name")
    return [workspace_from_row(row) for row in rows]


async def by_name(db: aiosqlite.Connection, name: str) -> Workspace | None:
    rows = await db.execute_fetchall("SELECT * FROM workspaces WHERE name = :name", {"name": name})
    return next((workspace_from_row(row) for row in rows), None)


async def by_id(db: aiosqlite.Connection, workspace_id: str) -> Workspace | None:
    rows = await db.execute_fetchall(SELECT_BY_ID, {"id": workspace_id})
    return next((workspace_from_row(row) for row in rows), None)


SELECT_BY_ID = "SELECT * FROM workspaces WHERE id = :id"


async def by_guild(db: aiosqlite.Connection, guild_id: int) -> list[Workspace]:
    """The workspaces of a guild, oldest first."""
    rows = await db.execute_fetchall(
        "SELECT * FROM workspaces WHERE guild_id = :id ORDER BY created_at, name", {"id": guild_id}
    )
    return [workspace_from_row(row) for row in rows]


def _params(workspace: Workspace) -> dict[str, object]:
    return {
        "id": workspace.id,
        "name": workspace.name,
        "guild_id": workspace.guild_id,
        "tickets_channel_id": workspace.tickets_channel_id,
        "reports_channel_id": workspace.reports_channel_id,
        "staff_role_id": workspace.staff_role_id,
        "log_channel_id": workspace.log_channel_id,
        "plan": workspace.plan.value,
        "tickets_enabled": workspace.tickets_enabled,
        "unknown_categories": workspace.unknown_categories.value,
        "default_department": workspace.default_department,
        "departments": _rules_to_json(workspace.departments),
        "categories": _rules_to_json(workspace.categories),
        "created_at": to_ms(workspace.created_at),
    }


def _rules_to_json(rules: Iterable[Department] | Iterable[Category]) -> str:
    return json.dumps([asdict(rule) for rule in rules], ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=64)
def workspace_from_row(row: sqlite3.Row) -> Workspace:
    """Cached by the row: every ticket reads its workspace, whose JSON takes long to parse."""
    return Workspace(
        id=row["id"],
        name=row["name"],
        guild_id=row["guild_id"],
        tickets_channel_id=row["tickets_channel_id"],
        reports_channel_id=row["reports_channel_id"],
        staff_role_id=row["staff_role_id"],
        log_channel_id=row["log_channel_id"],
        plan=Plan(row["plan"]),
        tickets_enabled=bool(row["tickets_enabled"]),
        unknown_categories=UnknownCategoryPolicy(row["unknown_categories"]),
        default_department=row["default_department"],
        departments=tuple(map(_department_from_json, json.loads(row["departments"]))),
        categories=tuple(Category(**category) for category in json.loads(row["categories"])),
        created_at=from_ms(row["created_at"]),
    )


def _department_from_json(fields: dict[str, Any]) -> Department:
    lists = {name: tuple(fields[name]) for name in ("categories", "members")}
    return Department(**fields | lists)
