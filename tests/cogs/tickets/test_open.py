"""`/ticket open` under a workspace's own categories."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.tickets.workspace import Category, UnknownCategoryPolicy, Workspace
from bot.tickets.workspace_changes import update_workspace
from cogs.tickets.modals import category_options
from tests.support.bridge_harness import RunningBridge, reply_text

Rule = Callable[[Workspace], Workspace]


async def change_workspace(bridge: RunningBridge, *rules: Rule) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    for rule in rules:
        await bridge.application.store.workspaces.change(workspace.id, rule)


def with_category(category_id: str, name: str | None = None, max_open: int | None = None) -> Rule:
    category = Category(id=category_id, name=name or category_id, max_open=max_open)
    return lambda workspace: workspace.with_category(category)


def without_category(category_id: str) -> Rule:
    return lambda workspace: workspace.without_category(category_id)


async def open_modal(bridge: RunningBridge) -> dict[str, Any]:
    return await bridge.sandbox.command("pete", "general", "ticket open")


def options_of(modal: dict[str, Any]) -> list[tuple[str, str]]:
    (select,) = (one["component"] for one in modal["modal"]["components"] if one["label"] == "Category")
    return [(option["value"], option["label"]) for option in select["options"]]


async def submit(bridge: RunningBridge, modal: dict[str, Any], category: str) -> str:
    values = {"category": [category], "subject": "Lost items", "body": "My sword is gone."}
    return reply_text(await bridge.sandbox.modal("pete", modal["id"], values))


async def saved_tickets(bridge: RunningBridge) -> list[tuple[str, str]]:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    return [
        (one.category, one.department)
        for one in await bridge.application.store.tickets.autocomplete("", [workspace.id])
    ]


async def test_without_categories_the_default_ones_are_offered(bridge: RunningBridge) -> None:
    offered = [value for value, _ in options_of(await open_modal(bridge))]

    assert offered == ["question", "bug", "player", "appeal", "other"]


async def test_a_workspaces_own_categories_are_offered_and_lead_to_their_department(
    bridge: RunningBridge,
) -> None:
    await change_workspace(bridge, with_category("shop", "The shop"), with_category("mobs"))
    await change_workspace(
        bridge,
        lambda workspace: workspace.with_category(
            Category(id="shop", name="The shop"), [workspace.default_department]
        ),
    )
    modal = await open_modal(bridge)

    assert options_of(modal) == [("shop", "The shop"), ("mobs", "mobs")]
    assert "is saved" in await submit(bridge, modal, "shop")
    assert await saved_tickets(bridge) == [("shop", "general")]


async def test_at_most_25_categories_are_offered(bridge: RunningBridge) -> None:
    await change_workspace(bridge, *(with_category(f"c{number}") for number in range(30)))

    assert len(options_of(await open_modal(bridge))) == 25


@pytest.mark.parametrize("policy", UnknownCategoryPolicy)
async def test_a_ticket_of_a_category_that_was_removed_meanwhile_is_saved_as_other(
    bridge: RunningBridge, policy: UnknownCategoryPolicy
) -> None:
    await change_workspace(
        bridge,
        with_category("shop"),
        with_category("mobs"),
        lambda workspace: update_workspace(workspace, unknown_categories=policy),
    )
    modal = await open_modal(bridge)
    await change_workspace(bridge, without_category("shop"))

    assert "is saved" in await submit(bridge, modal, "shop")
    assert [category for category, _ in await saved_tickets(bridge)] == ["other"]


async def test_an_open_modal_with_default_categories_still_works_after_the_workspace_got_its_own(
    bridge: RunningBridge,
) -> None:
    modal = await open_modal(bridge)
    await change_workspace(bridge, with_category("shop"))

    assert "is saved" in await submit(bridge, modal, "bug")
    assert [category for category, _ in await saved_tickets(bridge)] == ["other"]


@pytest.mark.parametrize("limit", [1, 2])
async def test_the_limit_of_open_tickets_is_enforced(bridge: RunningBridge, limit: int) -> None:
    await change_workspace(bridge, with_category("shop", max_open=limit))
    for _ in range(limit):
        assert "is saved" in await submit(bridge, await open_modal(bridge), "shop")

    answer = await submit(bridge, await open_modal(bridge), "shop")

    assert "already has as many open tickets in this category" in answer
    assert len(await saved_tickets(bridge)) == limit


async def test_a_category_with_an_invisible_name_is_offered_by_its_id(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()

    shown = category_options(workspace.with_category(Category(id="shop", name="\u3164")))

    assert shown[0][0] == "shop"
    assert shown[0][1]
