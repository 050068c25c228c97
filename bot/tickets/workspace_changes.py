"""Changing a workspace's rules part by part: what is not named stays as it is."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict, Unpack

from bot.tickets.errors import InvalidWorkspaceRule
from bot.tickets.workspace import Category, Department, Plan, UnknownCategoryPolicy, Workspace

_NAME_LENGTH = 100


class WorkspaceChanges(TypedDict, total=False):
    """What can be changed of a workspace itself."""

    tickets_channel_id: int
    reports_channel_id: int
    staff_role_id: int
    log_channel_id: int | None
    plan: Plan
    tickets_enabled: bool
    unknown_categories: UnknownCategoryPolicy
    default_department: str


class DepartmentChanges(TypedDict, total=False):
    """What can be changed of a department."""

    name: str
    channel_id: int | None
    categories: tuple[str, ...]
    members: tuple[str, ...]


class CategoryChanges(TypedDict, total=False):
    """What can be changed of a category."""

    name: str
    max_open: int | None


def check_workspace_name(name: str) -> None:
    """Raises BadRule."""
    if not name or name != name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidWorkspaceRule(
            f"A workspace's name has 1 to {_NAME_LENGTH} characters, all visible; no blanks around it."
        )


def update_workspace(workspace: Workspace, **parts: Unpack[WorkspaceChanges]) -> Workspace:
    """Raises UnknownDepartment for a default department that is not there."""
    changed = replace(workspace, **parts)
    return changed.with_default_department(changed.default_department)


def upsert_department(
    workspace: Workspace, department_id: str, **parts: Unpack[DepartmentChanges]
) -> Workspace:
    """Change a department, or add one; a new one is named by its id. Raises BadRule."""
    new = Department(id=department_id, name=department_id)
    kept = next((one for one in workspace.departments if one.id == department_id), new)
    return workspace.with_department(replace(kept, **parts))


def upsert_category(
    workspace: Workspace,
    category_id: str,
    departments: Iterable[str] | None = None,
    **parts: Unpack[CategoryChanges],
) -> Workspace:
    """Change a category, or add one, named by its id; `departments` are all that handle it then.

    Raises BadRule, UnknownDepartment.
    """
    kept = workspace.category(category_id) or Category(id=category_id, name=category_id)
    return workspace.with_category(replace(kept, **parts), departments)
