"""`/ticket open` under a workspace's own categories."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.tickets.workspace import Category, UnknownCategoryPolicy, Workspace
from bot.tickets.workspace_changes import update_workspace
from cogs.tickets.modals import category_options
from tests.support.bridge_harness import RunningBridge, reply_text

Rule = Callable[[Workspace], Workspace]


async def ruled(town: RunningBridge, *rules: Rule) -> None:
    (workspace,) = await town.application.store.workspaces()
    for rule in rules:
        await town.application.store.change_workspace(workspace.id, rule)


def has(category_id: str, name: str | None = None, max_open: int | None = None) -> Rule:
    category = Category(id=category_id, name=name or category_id, max_open=max_open)
    return lambda workspace: workspace.with_category(category)


def lacks(category_id: str) -> Rule:
    return lambda workspace: workspace.without_category(category_id)


def refuses_unknown(workspace: Workspace) -> Workspace:
    return update_workspace(workspace, unknown_categories=UnknownCategoryPolicy.REFUSE)


async def form_of(town: RunningBridge) -> dict[str, Any]:
    return await town.sandbox.command("pete", "general", "ticket open")


def options_of(form: dict[str, Any]) -> list[tuple[str, str]]:
    (select,) = (one["component"] for one in form["modal"]["components"] if one["label"] == "Category")
    return [(option["value"], option["label"]) for option in select["options"]]


async def filled(town: RunningBridge, form: dict[str, Any], category: str) -> str:
    values = {"category": [category], "subject": "Lost items", "body": "My sword is gone."}
    return reply_text(await town.sandbox.modal("pete", form["id"], values))


async def kept(town: RunningBridge) -> list[tuple[str, str]]:
    (workspace,) = await town.application.store.workspaces()
    return [
        (one.category, one.department)
        for one in await town.application.store.autocomplete_tickets("", [workspace.id])
    ]


async def test_without_categories_the_usual_ones_are_offered(town: RunningBridge) -> None:
    offered = [value for value, _ in options_of(await form_of(town))]

    assert offered == ["question", "bug", "player", "appeal", "other"]


async def test_a_workspaces_own_categories_are_offered_and_lead_to_their_department(
    town: RunningBridge,
) -> None:
    await ruled(town, has("shop", "The shop"), has("mobs"))
    await ruled(
        town,
        lambda workspace: workspace.with_category(
            Category(id="shop", name="The shop"), [workspace.default_department]
        ),
    )
    form = await form_of(town)

    assert options_of(form) == [("shop", "The shop"), ("mobs", "mobs")]
    assert "is saved" in await filled(town, form, "shop")
    assert await kept(town) == [("shop", "general")]


async def test_of_many_categories_as_many_are_offered_as_discord_takes(town: RunningBridge) -> None:
    await ruled(town, *(has(f"c{number}") for number in range(30)))

    assert len(options_of(await form_of(town))) == 25


async def test_a_category_that_is_gone_becomes_other_where_unknown_ones_are_kept(town: RunningBridge) -> None:
    await ruled(town, has("shop"), has("mobs"))
    form = await form_of(town)
    await ruled(town, lacks("shop"))

    assert "is saved" in await filled(town, form, "shop")
    assert [category for category, _ in await kept(town)] == ["other"]


async def test_where_unknown_ones_are_refused_a_category_that_is_gone_is_told(town: RunningBridge) -> None:
    await ruled(town, has("shop"), has("mobs"), refuses_unknown)
    form = await form_of(town)
    await ruled(town, lacks("shop"))

    told = await filled(town, form, "shop")

    assert "That category is no longer there, so nothing was saved." in told
    assert await kept(town) == []


async def test_a_form_with_the_usual_categories_survives_that_the_workspace_gets_its_own(
    town: RunningBridge,
) -> None:
    form = await form_of(town)
    await ruled(town, has("shop"))

    assert "is saved" in await filled(town, form, "bug")
    assert [category for category, _ in await kept(town)] == ["other"]


async def test_no_form_is_opened_that_nothing_could_come_of(town: RunningBridge) -> None:
    await ruled(town, refuses_unknown)

    record = await form_of(town)

    assert record["modal"] is None
    assert "No ticket can be opened here yet" in reply_text(record)


@pytest.mark.parametrize("most", [1, 2])
async def test_who_has_as_many_open_as_the_workspace_allows_is_told(town: RunningBridge, most: int) -> None:
    await ruled(town, has("shop", max_open=most))
    for _ in range(most):
        assert "is saved" in await filled(town, await form_of(town), "shop")

    told = await filled(town, await form_of(town), "shop")

    assert "already has as many open tickets in this category" in told
    assert len(await kept(town)) == most


async def test_a_name_that_draws_to_nothing_is_offered_by_its_id(town: RunningBridge) -> None:
    (workspace,) = await town.application.store.workspaces()

    shown = category_options(workspace.with_category(Category(id="shop", name="\u3164")))

    assert shown[0][0] == "shop"
    assert shown[0][1]
