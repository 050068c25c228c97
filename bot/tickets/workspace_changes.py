"""Changing a workspace's rules part by part: what is not named stays as it is."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict, Unpack

from bot.tickets.errors import BadRule
from bot.tickets.workspace import Category, Department, Plan, UnknownCategories, Workspace

_NAME_LENGTH = 100


class WorkspaceParts(TypedDict, total=False):
    """What can be changed of a workspace itself."""

    tickets_channel_id: int
    reports_channel_id: int
    staff_role_id: int
    log_channel_id: int | None
    plan: Plan
    tickets_enabled: bool
    unknown_categories: UnknownCategories
    default_department: str


class DepartmentParts(TypedDict, total=False):
    """What can be changed of a department."""

    name: str
    channel_id: int | None
    categories: tuple[str, ...]
    members: tuple[str, ...]


class CategoryParts(TypedDict, total=False):
    """What can be changed of a category."""

    name: str
    max_open: int | None


def check_workspace_name(name: str) -> None:
    """Raises BadRule."""
    if not name or name != name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise BadRule(
            f"A workspace's name has 1 to {_NAME_LENGTH} characters, all visible; no blanks around it."
        )


def amended(workspace: Workspace, **parts: Unpack[WorkspaceParts]) -> Workspace:
    """Raises UnknownDepartment for a default department that is not there."""
    changed = replace(workspace, **parts)
    return changed.with_default_department(changed.default_department)


def with_department_amended(
    workspace: Workspace, department_id: str, **parts: Unpack[DepartmentParts]
) -> Workspace:
    """Change a department, or add one; a new one is named by its id. Raises BadRule."""
    new = Department(id=department_id, name=department_id)
    kept = next((one for one in workspace.departments if one.id == department_id), new)
    return workspace.with_department(replace(kept, **parts))


def with_category_amended(
    workspace: Workspace,
    category_id: str,
    departments: Iterable[str] | None = None,
    **parts: Unpack[CategoryParts],
) -> Workspace:
    """Change a category, or add one, named by its id; `departments` are all that handle it then.

    Raises BadRule, UnknownDepartment.
    """
    kept = workspace.category(category_id) or Category(id=category_id, name=category_id)
    return workspace.with_category(replace(kept, **parts), departments)
