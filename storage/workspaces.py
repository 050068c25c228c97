"""Workspaces, with their departments and categories."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from bot.tickets.workspace import Category, Department, NewWorkspace, Plan, UnknownCategoryPolicy, Workspace
from storage.cache import ReadCache
from storage.db import Db, Row
from storage.engine import Engine
from storage.errors import UnknownWorkspace, WorkspaceNameTaken
from storage.mapping import from_ms, to_ms
from storage.outbox import reroute_stranded

WorkspaceChange = Callable[[Workspace], Workspace]

_by_version: ReadCache[Workspace] = ReadCache()  # a version is never another workspace's, in any database


class WorkspaceRepository:
    """Every method is one transaction. Workspaces are cached until one changes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_id: ReadCache[Workspace] = ReadCache()

    async def add(self, new: NewWorkspace, now: datetime) -> Workspace:
        """Raises WorkspaceNameTaken."""
        return await self._engine.write(
            lambda db: insert_workspace(db, new, now), locks=[f"workspace:{new.name}"]
        )

    async def list_all(self) -> list[Workspace]:
        """All workspaces, oldest first."""
        return await self._engine.read(select_workspaces)

    async def get(self, workspace_id: str) -> Workspace:
        """Raises UnknownWorkspace."""
        return await self._by_id.get(
            workspace_id, lambda: self._engine.read(lambda db: get_workspace(db, workspace_id))
        )

    async def get_by_name(self, name: str) -> Workspace:
        """Raises UnknownWorkspace."""
        return await self._engine.read(lambda db: get_workspace_by_name(db, name))

    async def list_of_guild(self, guild_id: int) -> list[Workspace]:
        """The workspaces of a Discord guild, oldest first."""
        return await self._engine.read(
            lambda db: _from_rows(
                db,
                db.all(
                    "SELECT * FROM workspaces WHERE guild_id = :id ORDER BY created_at, name",
                    {"id": guild_id},
                ),
            )
        )

    async def change(self, workspace_id: str, change: WorkspaceChange) -> Workspace:
        """Apply a change, and reroute deliveries that were pending for a deleted channel.

        Raises what `change` raises, and UnknownWorkspace.
        """
        try:
            return await self._engine.write(lambda db: _change(db, workspace_id, change))
        finally:
            self._by_id.invalidate()


def _change(db: Db, workspace_id: str, change: WorkspaceChange) -> Workspace:
    before = _lock_workspace(db, workspace_id)
    changed = change(before)
    db.run(
        """
        UPDATE workspaces SET
            version = :version, tickets_channel_id = :tickets_channel_id,
            reports_channel_id = :reports_channel_id, staff_role_id = :staff_role_id,
            log_channel_id = :log_channel_id, watcher_role_id = :watcher_role_id,
            admin_role_id = :admin_role_id, plan = :plan, tickets_enabled = :tickets_enabled,
            unknown_categories = :unknown_categories, thank_reporters = :thank_reporters,
            name_staff = :name_staff, default_department = :default_department,
            retention_days = :retention_days
        WHERE id = :id
        """,
        _params(changed),
    )
    if _rules(before) != _rules(changed):
        _delete_rules(db, changed.id)
        _insert_rules(db, changed)
    reroute_stranded(db, changed)
    return changed


def _rules(workspace: Workspace) -> tuple[object, ...]:
    """What of a workspace is in other tables."""
    return workspace.categories, workspace.departments, workspace.tags


# Everything below runs within a transaction of the caller.


def insert_workspace(db: Db, new: NewWorkspace, now: datetime) -> Workspace:
    """Raises WorkspaceNameTaken."""
    if db.one("SELECT 1 FROM workspaces WHERE name = :name", {"name": new.name}):
        raise WorkspaceNameTaken(f"There is already a workspace named {new.name}. Choose another name.")
    workspace = Workspace(id=str(uuid.uuid4()), created_at=now, **asdict(new))
    db.run(
        """
        INSERT INTO workspaces (
            id, version, name, guild_id, tickets_channel_id, reports_channel_id, staff_role_id,
            log_channel_id, watcher_role_id, admin_role_id, plan, tickets_enabled, unknown_categories,
            thank_reporters, name_staff, default_department, retention_days, created_at
        ) VALUES (
            :id, :version, :name, :guild_id, :tickets_channel_id, :reports_channel_id, :staff_role_id,
            :log_channel_id, :watcher_role_id, :admin_role_id, :plan, :tickets_enabled, :unknown_categories,
            :thank_reporters, :name_staff,
            :default_department, :retention_days, :created_at
        )
        """,
        _params(workspace),
    )
    _insert_rules(db, workspace)
    return workspace


def get_workspace(db: Db, workspace_id: str) -> Workspace:
    """Raises UnknownWorkspace."""
    row = db.one("SELECT * FROM workspaces WHERE id = :id", {"id": workspace_id})
    if row is None:
        raise unknown_workspace(workspace_id)
    return _from_rows(db, [row])[0]


def _lock_workspace(db: Db, workspace_id: str) -> Workspace:
    """A workspace that no other transaction can change until this one ends. Raises UnknownWorkspace."""
    db.one("SELECT 1 FROM workspaces WHERE id = :id FOR UPDATE", {"id": workspace_id})
    return get_workspace(db, workspace_id)


def get_workspace_by_name(db: Db, name: str) -> Workspace:
    """Raises UnknownWorkspace."""
    row = db.one("SELECT * FROM workspaces WHERE name = :name", {"name": name})
    if row is None:
        raise UnknownWorkspace(
            f"There is no workspace named {name}. "
            "`ticketbridge workspace list` shows them, `ticketbridge workspace create` makes one."
        )
    return _from_rows(db, [row])[0]


def select_workspaces(db: Db) -> list[Workspace]:
    """All workspaces, oldest first."""
    return _from_rows(db, db.all("SELECT * FROM workspaces ORDER BY created_at, name"))


def unknown_workspace(workspace_id: str) -> UnknownWorkspace:
    return UnknownWorkspace(f"There is no workspace with the id {workspace_id}.")


def _params(workspace: Workspace) -> dict[str, object]:
    return {
        "id": workspace.id,
        "version": uuid.uuid4().hex,
        "name": workspace.name,
        "guild_id": workspace.guild_id,
        "tickets_channel_id": workspace.tickets_channel_id,
        "reports_channel_id": workspace.reports_channel_id,
        "staff_role_id": workspace.staff_role_id,
        "log_channel_id": workspace.log_channel_id,
        "watcher_role_id": workspace.watcher_role_id,
        "admin_role_id": workspace.admin_role_id,
        "plan": workspace.plan.value,
        "tickets_enabled": int(workspace.tickets_enabled),
        "unknown_categories": workspace.unknown_categories.value,
        "thank_reporters": int(workspace.thank_reporters),
        "name_staff": int(workspace.name_staff),
        "default_department": workspace.default_department,
        "retention_days": workspace.retention_days,
        "created_at": to_ms(workspace.created_at),
    }


def _delete_rules(db: Db, workspace_id: str) -> None:
    here = {"workspace": workspace_id}
    db.run("DELETE FROM department_categories WHERE workspace_id = :workspace", here)
    db.run("DELETE FROM department_members WHERE workspace_id = :workspace", here)
    db.run("DELETE FROM departments WHERE workspace_id = :workspace", here)
    db.run("DELETE FROM categories WHERE workspace_id = :workspace", here)
    db.run("DELETE FROM tags WHERE workspace_id = :workspace", here)


def _insert_rules(db: Db, workspace: Workspace) -> None:
    here = {"workspace": workspace.id}
    db.run_many(
        "INSERT INTO tags (workspace_id, name) VALUES (:workspace, :name)",
        [{**here, "name": name} for name in workspace.tags],
    )
    db.run_many(
        """
        INSERT INTO categories (workspace_id, id, position, name, max_open)
        VALUES (:workspace, :id, :position, :name, :max_open)
        """,
        [{**here, "position": n, **asdict(one)} for n, one in enumerate(workspace.categories)],
    )
    db.run_many(
        """
        INSERT INTO departments (workspace_id, id, position, name, channel_id, staff_role_id)
        VALUES (:workspace, :id, :position, :name, :channel_id, :staff_role_id)
        """,
        [
            {
                **here,
                "id": one.id,
                "position": n,
                "name": one.name,
                "channel_id": one.channel_id,
                "staff_role_id": one.staff_role_id,
            }
            for n, one in enumerate(workspace.departments)
        ],
    )
    db.run_many(
        """
        INSERT INTO department_categories (workspace_id, department_id, category_id, position)
        VALUES (:workspace, :department, :value, :position)
        """,
        [
            {**here, "department": one.id, "value": category, "position": n}
            for one in workspace.departments
            for n, category in enumerate(one.categories)
        ],
    )
    db.run_many(
        """
        INSERT INTO department_members (workspace_id, department_id, member_id, position)
        VALUES (:workspace, :department, :value, :position)
        """,
        [
            {**here, "department": one.id, "value": member, "position": n}
            for one in workspace.departments
            for n, member in enumerate(one.members)
        ],
    )


def _from_rows(db: Db, rows: Sequence[Row]) -> list[Workspace]:
    """The workspaces of rows. What one has in other tables is read once for each version of it."""
    return [_by_version.remember(row["version"], lambda row=row: _from_row(db, row)) for row in rows]  # type: ignore[misc]


def _from_row(db: Db, row: Row) -> Workspace:
    return Workspace(
        id=row["id"],
        name=row["name"],
        guild_id=row["guild_id"],
        tickets_channel_id=row["tickets_channel_id"],
        reports_channel_id=row["reports_channel_id"],
        staff_role_id=row["staff_role_id"],
        log_channel_id=row["log_channel_id"],
        watcher_role_id=row["watcher_role_id"],
        admin_role_id=row["admin_role_id"],
        plan=Plan(row["plan"]),
        tickets_enabled=bool(row["tickets_enabled"]),
        unknown_categories=UnknownCategoryPolicy(row["unknown_categories"]),
        thank_reporters=bool(row["thank_reporters"]),
        name_staff=bool(row["name_staff"]),
        default_department=row["default_department"],
        retention_days=row["retention_days"],
        departments=_select_departments(db, row["id"]),
        categories=_select_categories(db, row["id"]),
        tags=_select_tags(db, row["id"]),
        created_at=from_ms(row["created_at"]),
    )


def _select_categories(db: Db, workspace_id: str) -> tuple[Category, ...]:
    rows = db.all(
        "SELECT id, name, max_open FROM categories WHERE workspace_id = :id ORDER BY position",
        {"id": workspace_id},
    )
    return tuple(Category(id=row["id"], name=row["name"], max_open=row["max_open"]) for row in rows)


def _select_tags(db: Db, workspace_id: str) -> tuple[str, ...]:
    rows = db.all("SELECT name FROM tags WHERE workspace_id = :id ORDER BY name", {"id": workspace_id})
    return tuple(row["name"] for row in rows)


def _select_departments(db: Db, workspace_id: str) -> tuple[Department, ...]:
    here = {"id": workspace_id}
    categories = _grouped(
        db.all(
            """
            SELECT department_id, category_id AS value FROM department_categories
            WHERE workspace_id = :id ORDER BY position
            """,
            here,
        )
    )
    members = _grouped(
        db.all(
            """
            SELECT department_id, member_id AS value FROM department_members
            WHERE workspace_id = :id ORDER BY position
            """,
            here,
        )
    )
    rows = db.all(
        """
        SELECT id, name, channel_id, staff_role_id FROM departments
        WHERE workspace_id = :id ORDER BY position
        """,
        here,
    )
    return tuple(
        Department(
            id=row["id"],
            name=row["name"],
            channel_id=row["channel_id"],
            staff_role_id=row["staff_role_id"],
            categories=tuple(categories[row["id"]]),
            members=tuple(members[row["id"]]),
        )
        for row in rows
    )


def _grouped(rows: Sequence[Row]) -> defaultdict[str, list[str]]:
    """Values by department."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        values[row["department_id"]].append(row["value"])
    return values
