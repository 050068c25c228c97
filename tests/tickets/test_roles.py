"""Rights: who is staff, watcher or admin by their Discord roles."""

from dataclasses import replace

import pytest

from bot.tickets.actions import ACTIONS, NOTE, Role
from bot.tickets.roles import is_admin, is_staff, role_on, roles_in, tickets_with_role
from bot.tickets.workspace import Department
from tests.tickets.samples import WORKSPACE

STAFF, WATCHER, ADMIN, BUILDER = 4, 5, 6, 7
LAB = Department(id="lab", name="Lab")
BUILDERS = Department(id="builders", name="Builders", staff_role_id=BUILDER)
HERE = replace(
    WORKSPACE,
    watcher_role_id=WATCHER,
    admin_role_id=ADMIN,
    departments=(*WORKSPACE.departments, LAB, BUILDERS),
)


@pytest.mark.parametrize(
    ("role_ids", "in_lab", "among_builders"),
    [
        ({STAFF}, Role.STAFF, Role.STAFF),
        ({STAFF, WATCHER}, Role.STAFF, Role.STAFF),
        ({BUILDER}, None, Role.STAFF),
        ({BUILDER, WATCHER}, Role.WATCHER, Role.STAFF),
        ({WATCHER}, Role.WATCHER, Role.WATCHER),
        ({ADMIN}, None, None),
        ({99}, None, None),
        (set(), None, None),
    ],
)
def test_what_people_are_depends_on_their_roles_and_the_department(
    role_ids: set[int], in_lab: Role | None, among_builders: Role | None
) -> None:
    assert role_on(HERE, "lab", role_ids) is in_lab
    assert role_on(HERE, "builders", role_ids) is among_builders
    assert roles_in(HERE, role_ids) == {in_lab, among_builders} - {None}


def test_a_removed_department_leaves_its_tickets_to_the_workspaces_staff() -> None:
    without = HERE.without_department("builders")

    assert role_on(without, "builders", {BUILDER}) is None
    assert role_on(without, "builders", {STAFF}) is Role.STAFF
    assert role_on(without, "builders", {WATCHER}) is Role.WATCHER


def test_without_a_watcher_or_admin_role_nobody_is_one() -> None:
    assert role_on(WORKSPACE, "general", {WATCHER}) is None
    assert not is_admin(WORKSPACE, {ADMIN})
    assert is_admin(HERE, {ADMIN})
    assert not is_admin(HERE, {STAFF})


def test_staff_of_a_department_are_not_staff_of_the_workspace() -> None:
    assert is_staff(HERE, {STAFF})
    assert not is_staff(HERE, {BUILDER})
    assert HERE.staff_role_ids("builders") == (STAFF, BUILDER)
    assert HERE.staff_role_ids("lab") == HERE.staff_role_ids("nowhere") == (STAFF,)


def test_tickets_are_offered_by_workspace_and_department() -> None:
    offered = tickets_with_role([HERE], {BUILDER}, [Role.STAFF])

    assert offered(HERE.id, "builders")
    assert not offered(HERE.id, "lab")
    assert not offered("elsewhere", "builders")


def test_watchers_may_note_and_do_nothing_else() -> None:
    assert [one for one in ACTIONS.values() if Role.WATCHER in one.allowed] == [NOTE]
