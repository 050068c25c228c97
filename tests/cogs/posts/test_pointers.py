"""A transferred ticket: its new department's channel gets a pointer to its post."""

import sys
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.sandbox import Permission
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Department, Workspace
from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox, wait_for

MIA = Actor(id="1", name="Mia")


async def add_departments(bridge: RunningBridge) -> None:
    """Builders have a channel of their own, helpers have not."""
    (workspace,) = await bridge.application.store.workspaces.list_all()
    for one in (
        Department(id="builders", name="Builders", channel_id=bridge.guild.channels["log"]),
        Department(id="helpers", name="Helpers"),
    ):
        await bridge.application.store.workspaces.change(workspace.id, methodcaller("with_department", one))


async def transfer(bridge: RunningBridge, ticket: Ticket, department: str) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.tickets.change(
        ticket.id, lambda ticket: workspace.transfer(ticket, department), datetime.now(UTC), actor=MIA
    )


async def transferred(bridge: RunningBridge, ticket: Ticket, department: str) -> Ticket:
    await transfer(bridge, ticket, department)
    return await bridge.refresh(ticket)


def pointers(bridge: RunningBridge) -> list[dict[str, Any]]:
    return bridge.sandbox.messages("log")


def post_url(bridge: RunningBridge, ticket: Ticket) -> str:
    return f"https://discord.com/channels/{bridge.guild.id}/{ticket.post.channel_id}/{ticket.post.message_id}"


async def test_a_transfer_to_another_channel_posts_a_pointer_there(bridge: RunningBridge) -> None:
    await add_departments(bridge)
    ticket = await bridge.ticket(subject="@everyone [free](https://evil.example/x)")

    ticket = await transferred(bridge, ticket, "builders")

    (pointer,) = pointers(bridge)
    (embed,) = pointer["embeds"]
    assert embed["url"] == post_url(bridge, ticket)
    assert ticket.public_id.replace("-", "\\-") in embed["title"]
    assert f"[Go to its post]({post_url(bridge, ticket)})" in embed["description"]
    assert "free" in embed["title"]
    assert "](https://evil" not in str(embed)
    assert "@everyone" not in str(embed)
    assert not pointer["mention_everyone"]
    assert not pointer["mentions"]
    assert pointer["components"] == []
    assert {"name": "Department", "value": "Builders", "inline": True} in bridge.post_message(ticket)[
        "embeds"
    ][0]["fields"]


async def test_a_post_does_not_name_the_default_department(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    names = [field["name"] for field in bridge.post_message(ticket)["embeds"][0]["fields"]]
    assert "Department" not in names


async def test_a_transfer_within_the_same_channel_posts_no_pointer(bridge: RunningBridge) -> None:
    await add_departments(bridge)
    ticket = await bridge.ticket()

    ticket = await transferred(bridge, ticket, "helpers")

    assert ticket.department == "helpers"
    assert pointers(bridge) == []
    assert [one["id"] for one in bridge.sandbox.messages("tickets")] == [str(ticket.post.message_id)]


async def test_a_pointer_to_a_game_report_has_its_icon(bridge: RunningBridge) -> None:
    await add_departments(bridge)
    ticket = await bridge.game_report()

    await transferred(bridge, ticket, "builders")

    assert pointers(bridge)[0]["embeds"][0]["title"].startswith("🚨 ")


async def test_a_pointer_whose_response_was_lost_is_found_again_and_not_repeated(tmp_path: Path) -> None:
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),  # only the history helps
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        await add_departments(bridge)
        ticket = await bridge.ticket()
        sandbox.fail(
            "reset", method="POST", path=rf"/channels/{guild.channels['log']}/messages$", when="after"
        )

        await transferred(bridge, ticket, "builders")

        assert len(pointers(bridge)) == 1
        posts = [one["path"] for one in sandbox.requests if one["method"] == "POST"]
        assert len([path for path in posts if str(guild.channels["log"]) in path]) == 1


async def test_a_ticket_that_is_transferred_back_gets_another_pointer(bridge: RunningBridge) -> None:
    await add_departments(bridge)
    ticket = await bridge.ticket()
    for department in ("builders", "general", "builders"):
        bridge.sandbox.fail("503", method="POST", path=rf"/channels/{bridge.guild.channels['log']}/messages$")
        await transferred(bridge, ticket, department)

    first, second = (one["embeds"][0]["footer"]["text"] for one in pointers(bridge))
    assert first != second


async def test_a_deleted_post_gets_no_pointer(bridge: RunningBridge) -> None:
    await add_departments(bridge)
    ticket = await bridge.ticket()
    bridge.sandbox.delete_message(ticket.post.message_id or 0)

    await transferred(bridge, ticket, "builders")

    assert pointers(bridge) == []


async def test_a_pointer_waits_for_a_missing_permission(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.RETRY_DELAY_SECONDS", 0.2)
    await add_departments(bridge)
    ticket = await bridge.ticket()
    bot = bridge.guild.members["ticketbridge"]
    bridge.sandbox.set_overwrite("log", bot, deny=Permission.SEND_MESSAGES)
    await transfer(bridge, ticket, "builders")
    await wait_for(lambda: any(r["status"] == 403 for r in bridge.sandbox.requests))

    bridge.sandbox.set_overwrite("log", bot, allow=Permission.SEND_MESSAGES)

    await bridge.refresh(ticket)
    assert len(pointers(bridge)) == 1


async def test_a_subject_that_discord_refuses_is_left_out_of_the_pointer(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_departments(bridge)
    ticket = await bridge.ticket()
    monkeypatch.setattr(sys.modules["cogs.posts.cog"], "transfer_embed", _too_long)

    await transferred(bridge, ticket, "builders")

    (pointer,) = pointers(bridge)
    assert pointer["embeds"][0]["url"] == post_url(bridge, ticket)
    assert "fly hacks" not in str(pointer)


def _too_long(ticket: Ticket, post_url: str, footer: str, workspace: Workspace) -> discord.Embed:
    return discord.Embed(title="x" * 300)
