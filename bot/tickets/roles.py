"""Rights: what a member of the Discord server may do in a workspace, by the roles they have there."""

from collections.abc import Callable, Collection, Iterable

from bot.tickets.actions import Role
from bot.tickets.workspace import Workspace

TicketFilter = Callable[[str, str], bool]  # by the ids of a ticket's workspace and department


def role_on(workspace: Workspace, department_id: str, role_ids: Collection[int]) -> Role | None:
    """Return the role on a department's tickets that these Discord roles give; None: no access.

    The workspace's staff work on all tickets, a department's staff on those of their department. Watchers
    look at all tickets, and add notes.
    """
    if workspace.staff_role_id in role_ids:
        return Role.STAFF
    for one in workspace.departments:
        if one.id == department_id and one.staff_role_id in role_ids:
            return Role.STAFF
    return Role.WATCHER if workspace.watcher_role_id in role_ids else None


def roles_in(workspace: Workspace, role_ids: Collection[int]) -> set[Role]:
    """Return every role on tickets of a workspace that these Discord roles give."""
    departments = (one.id for one in workspace.departments)
    found = {role_on(workspace, one, role_ids) for one in departments}
    return {role for role in found if role is not None}


def is_staff(workspace: Workspace, role_ids: Collection[int]) -> bool:
    """Whether these Discord roles make a member staff of all departments."""
    return workspace.staff_role_id in role_ids


def is_admin(workspace: Workspace, role_ids: Collection[int]) -> bool:
    """Whether these Discord roles let a member change the workspace without Manage Server."""
    return workspace.admin_role_id in role_ids


def tickets_with_role(
    workspaces: Iterable[Workspace], role_ids: Collection[int], allowed: Collection[Role]
) -> TicketFilter:
    """Make a filter for the tickets on which these Discord roles give an allowed role."""
    by_id = {workspace.id: workspace for workspace in workspaces}

    def has_role(workspace_id: str, department_id: str) -> bool:
        workspace = by_id.get(workspace_id)
        return workspace is not None and role_on(workspace, department_id, role_ids) in allowed

    return has_role
