"""Partial changes of a workspace, its departments and categories: what is not given stays."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict, Unpack

from bot.tickets.errors import InvalidWorkspaceRule
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import Category, Department, Plan, UnknownCategoryPolicy, Workspace

_NAME_LENGTH = 100


class WorkspaceChanges(TypedDict, total=False):
    """The parts of a workspace that can be changed."""

    tickets_channel_id: int
    reports_channel_id: int
    staff_role_id: int
    log_channel_id: int | None
    watcher_role_id: int | None
    admin_role_id: int | None
    plan: Plan
    tickets_enabled: bool
    unknown_categories: UnknownCategoryPolicy
    thank_reporters: bool
    name_staff: bool
    default_department: str
    retention_days: int | None


class DepartmentChanges(TypedDict, total=False):
    """The parts of a department that can be changed."""

    name: str
    channel_id: int | None
    categories: tuple[str, ...]
    members: tuple[str, ...]
    staff_role_id: int | None


class CategoryChanges(TypedDict, total=False):
    """The parts of a category that can be changed."""

    name: str
    max_open: int | None


def check_workspace_name(name: str) -> None:
    """Raises InvalidWorkspaceRule."""
    if not name or name != name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidWorkspaceRule(
            Sentence(
                "A workspace's name has 1 to {limit} characters, all visible; no blanks around it.",
                limit=_NAME_LENGTH,
            )
        )


def update_workspace(workspace: Workspace, **parts: Unpack[WorkspaceChanges]) -> Workspace:
    """Change parts of a workspace. Raises UnknownDepartment for an unknown default department."""
    changed = replace(workspace, **parts)
    return changed.with_default_department(changed.default_department)


def upsert_department(
    workspace: Workspace, department_id: str, **parts: Unpack[DepartmentChanges]
) -> Workspace:
    """Change a department, or add one; the name of a new one is its id. Raises InvalidWorkspaceRule."""
    new = Department(id=department_id, name=department_id)
    before = next((one for one in workspace.departments if one.id == department_id), new)
    return workspace.with_department(replace(before, **parts))


def upsert_category(
    workspace: Workspace,
    category_id: str,
    departments: Iterable[str] | None = None,
    **parts: Unpack[CategoryChanges],
) -> Workspace:
    """Change a category, or add one; the name of a new one is its id.

    `departments` are all that handle it from now on; None leaves them as they are.
    Raises InvalidWorkspaceRule, UnknownDepartment.
    """
    before = workspace.category(category_id) or Category(id=category_id, name=category_id)
    return workspace.with_category(replace(before, **parts), departments)
