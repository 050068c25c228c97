"""After any changes of a workspace, in any order, every ticket has a department to go to."""

import contextlib
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from bot.tickets.errors import TicketError
from bot.tickets.workspace import Category, Department, Workspace
from tests.tickets.samples import GAME_REPORT, TICKET, WORKSPACE

Change = Callable[[Workspace], Workspace]

IDS = st.sampled_from(["general", "a", "b", "c", "Ä", ""])
LISTS = st.lists(IDS, max_size=3)


def _placing(department: str, channel: int | None, categories: list[str]) -> Change:
    placed = Department(id=department, name="N", channel_id=channel, categories=tuple(categories))
    return lambda workspace: workspace.with_department(placed)


def _sorting(category: str, most: int | None, departments: list[str] | None) -> Change:
    placed = Category(id=category, name="N", max_open=most)
    return lambda workspace: workspace.with_category(placed, departments)


def _removing_department(department: str) -> Change:
    return lambda workspace: workspace.without_department(department)


def _removing_category(category: str) -> Change:
    return lambda workspace: workspace.without_category(category)


def _defaulting(department: str) -> Change:
    return lambda workspace: workspace.with_default_department(department)


CHANGES = st.one_of(
    st.builds(_placing, IDS, st.none() | st.integers(1, 9), LISTS),
    st.builds(_sorting, IDS, st.none() | st.integers(-1, 1001), st.none() | LISTS),
    st.builds(_removing_department, IDS),
    st.builds(_removing_category, IDS),
    st.builds(_defaulting, IDS),
)


@given(st.lists(CHANGES, max_size=30))
def test_every_category_has_a_department_after_any_changes(changes: list[Change]) -> None:
    workspace = WORKSPACE
    for change in changes:
        with contextlib.suppress(TicketError):
            workspace = change(workspace)

        for category in ("a", "Ä", "no such thing", ""):
            department = workspace.department_for(category)
            assert department in workspace.departments
            assert workspace.channel_for(TICKET, department.id)
            assert workspace.channel_for(GAME_REPORT, department.id)


@given(st.lists(CHANGES, max_size=30))
def test_ids_stay_unique_and_departments_have_only_existing_categories(changes: list[Change]) -> None:
    workspace = WORKSPACE
    for change in changes:
        with contextlib.suppress(TicketError):
            workspace = change(workspace)

    departments = [one.id for one in workspace.departments]
    categories = [one.id for one in workspace.categories]
    assert len(set(departments)) == len(departments) <= 100
    assert len(set(categories)) == len(categories) <= 100
    assert all(set(one.categories) <= set(categories) for one in workspace.departments)
