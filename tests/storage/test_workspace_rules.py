"""A workspace's rules: changed all or nothing, and applied to every later ticket."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.tickets.errors import InvalidWorkspaceRule, UnknownDepartment
from bot.tickets.workspace import Category, Department, Plan, UnknownCategoryPolicy, Workspace
from storage import Store, UnknownWorkspace
from tests.storage.samples import NOW, ids, new_ticket, opened

QA = Department(
    id="qä 東", name="Qualität 😀", channel_id=1 << 62, categories=("bug", "b\"'ug"), members=("1", "ß")
)


def everything(workspace: Workspace) -> Workspace:
    ruled = (
        workspace.with_category(Category(id="bug", name="Käfer 🐛", max_open=3))
        .with_category(Category(id="b\"'ug", name="';--"))
        .with_department(QA)
        .with_default_department(QA.id)
        .with_tag("vip")
        .with_tag("dupe 🐛")
    )
    return replace(
        ruled,
        plan=Plan.FREE,
        tickets_enabled=False,
        thank_reporters=True,
        name_staff=True,
        unknown_categories=UnknownCategoryPolicy.REFUSE,
        tickets_channel_id=1 << 61,
        reports_channel_id=21,
        staff_role_id=22,
    )


async def test_every_rule_comes_back_as_it_was_stored(store: Store, workspace: Workspace, path: Path) -> None:
    changed = await store.workspaces.change(workspace.id, everything)

    assert changed == everything(workspace) == await store.workspaces.get(workspace.id)
    async with opened(path) as again:
        assert await again.workspaces.list_all() == [changed]


async def test_a_rule_the_workspace_refuses_changes_nothing(store: Store, workspace: Workspace) -> None:
    changed = await store.workspaces.change(workspace.id, everything)

    with pytest.raises(InvalidWorkspaceRule):
        await store.workspaces.change(workspace.id, lambda found: found.without_department(QA.id))
    with pytest.raises(UnknownDepartment):
        await store.workspaces.change(workspace.id, lambda found: found.with_default_department("nowhere"))

    assert await store.workspaces.get(workspace.id) == changed


async def test_an_unknown_workspace_has_no_rules_to_change(store: Store) -> None:
    with pytest.raises(UnknownWorkspace):
        await store.workspaces.change("nowhere", everything)


async def test_concurrent_rule_changes_are_all_stored(store: Store, workspace: Workspace) -> None:
    def adding(number: int) -> asyncio.Task[Workspace]:
        category = Category(id=f"c{number}", name="C")
        return asyncio.create_task(
            store.workspaces.change(workspace.id, lambda found: found.with_category(category))
        )

    await asyncio.gather(*map(adding, range(30)))

    assert len((await store.workspaces.get(workspace.id)).categories) == 30


async def test_a_ticket_gets_the_department_and_channel_of_the_rules(
    store: Store, workspace: Workspace
) -> None:
    await store.workspaces.change(workspace.id, everything)
    other = Department(id="bans", name="Bans", categories=())
    await store.workspaces.change(
        workspace.id, lambda found: found.with_department(other).with_default_department("bans")
    )

    bug = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    tea = await store.intake.add_ticket(workspace.id, new_ticket(category="tea", view_only=True), ids(), NOW)

    assert (bug.department, tea.department) == (QA.id, "bans")
    channels = [
        {row.channel_id for row in await store.outbox.pending_for_ticket(each.id)} for each in (bug, tea)
    ]
    assert channels == [{QA.channel_id}, {21}]


async def test_tickets_of_a_removed_department_can_still_be_worked_on(
    store: Store, workspace: Workspace
) -> None:
    category = Category(id="bug", name="Bugs")
    lab = Department(id="lab", name="Lab", channel_id=30, categories=("bug",))
    await store.workspaces.change(
        workspace.id, lambda found: found.with_category(category).with_department(lab)
    )
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    await store.workspaces.change(workspace.id, lambda found: found.without_department("lab"))

    assert (await store.tickets.get(ticket.id)).department == "lab"
    later = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    assert later.department == "general"
