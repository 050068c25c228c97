"""A ticket that changes hands: the department that now has it is shown where its post is."""

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
from tests.support.bridge_harness import RunningBridge, running_sandbox, wait_for
from tests.support.bridge_harness import running_bridge as run_town

MIA = Actor(id="1", name="Mia")


async def with_departments(town: RunningBridge) -> None:
    """Builders have a channel of their own, helpers have not."""
    (workspace,) = await town.application.store.workspaces()
    for one in (
        Department(id="builders", name="Builders", channel_id=town.guild.channels["log"]),
        Department(id="helpers", name="Helpers"),
    ):
        await town.application.store.change_workspace(workspace.id, methodcaller("with_department", one))


async def transfer(town: RunningBridge, ticket: Ticket, department: str) -> None:
    (workspace,) = await town.application.store.workspaces()
    await town.application.store.change_ticket(
        ticket.id, lambda kept: workspace.transfer(kept, department), datetime.now(UTC), actor=MIA
    )


async def transferred(town: RunningBridge, ticket: Ticket, department: str) -> Ticket:
    await transfer(town, ticket, department)
    return await town.refresh(ticket)


def pointers(town: RunningBridge) -> list[dict[str, Any]]:
    return town.sandbox.messages("log")


def post_url(town: RunningBridge, ticket: Ticket) -> str:
    return f"https://discord.com/channels/{town.guild.id}/{ticket.post.channel_id}/{ticket.post.message_id}"


async def test_a_transfer_to_another_channel_leaves_a_pointer_there(town: RunningBridge) -> None:
    await with_departments(town)
    ticket = await town.ticket(subject="@everyone [free](https://evil.example/x)")

    ticket = await transferred(town, ticket, "builders")

    (pointer,) = pointers(town)
    (embed,) = pointer["embeds"]
    assert embed["url"] == post_url(town, ticket)
    assert ticket.public_id.replace("-", "\\-") in embed["title"]
    assert f"[Go to its post]({post_url(town, ticket)})" in embed["description"]
    assert "free" in embed["title"]
    assert "](https://evil" not in str(embed)
    assert "@everyone" not in str(embed)
    assert not pointer["mention_everyone"]
    assert not pointer["mentions"]
    assert pointer["components"] == []
    assert {"name": "Department", "value": "Builders", "inline": True} in town.post_message(ticket)["embeds"][
        0
    ]["fields"]


async def test_a_post_says_nothing_of_the_usual_department(town: RunningBridge) -> None:
    ticket = await town.ticket()

    names = [field["name"] for field in town.post_message(ticket)["embeds"][0]["fields"]]
    assert "Department" not in names


async def test_a_transfer_within_the_same_channel_needs_no_pointer(town: RunningBridge) -> None:
    await with_departments(town)
    ticket = await town.ticket()

    ticket = await transferred(town, ticket, "helpers")

    assert ticket.department == "helpers"
    assert pointers(town) == []
    assert [one["id"] for one in town.sandbox.messages("tickets")] == [str(ticket.post.message_id)]


async def test_a_game_report_is_pointed_to_as_one(town: RunningBridge) -> None:
    await with_departments(town)
    ticket = await town.game_report()

    await transferred(town, ticket, "builders")

    assert pointers(town)[0]["embeds"][0]["title"].startswith("🚨 ")


async def test_a_pointer_whose_answer_was_lost_is_found_again_and_not_repeated(tmp_path: Path) -> None:
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),  # no help but the history
        run_town(tmp_path / "t.db", sandbox, guild) as town,
    ):
        await with_departments(town)
        ticket = await town.ticket()
        sandbox.fail(
            "reset", method="POST", path=rf"/channels/{guild.channels['log']}/messages$", when="after"
        )

        await transferred(town, ticket, "builders")

        assert len(pointers(town)) == 1
        posts = [one["path"] for one in sandbox.requests if one["method"] == "POST"]
        assert len([path for path in posts if str(guild.channels["log"]) in path]) == 1


async def test_a_ticket_that_comes_back_is_pointed_to_again(town: RunningBridge) -> None:
    await with_departments(town)
    ticket = await town.ticket()
    for department in ("builders", "general", "builders"):
        town.sandbox.fail("503", method="POST", path=rf"/channels/{town.guild.channels['log']}/messages$")
        await transferred(town, ticket, department)

    first, second = (one["embeds"][0]["footer"]["text"] for one in pointers(town))
    assert first != second


async def test_to_a_post_that_was_deleted_nothing_points(town: RunningBridge) -> None:
    await with_departments(town)
    ticket = await town.ticket()
    town.sandbox.delete_message(ticket.post.message_id or 0)

    await transferred(town, ticket, "builders")

    assert pointers(town) == []


async def test_a_pointer_waits_until_its_channel_can_be_written_to(
    town: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.send.RETRY_DELAY_SECONDS", 0.2)
    await with_departments(town)
    ticket = await town.ticket()
    bot = town.guild.members["ticketbridge"]
    town.sandbox.set_overwrite("log", bot, deny=Permission.SEND_MESSAGES)
    await transfer(town, ticket, "builders")
    await wait_for(lambda: any(r["status"] == 403 for r in town.sandbox.requests))

    town.sandbox.set_overwrite("log", bot, allow=Permission.SEND_MESSAGES)

    await town.refresh(ticket)
    assert len(pointers(town)) == 1


async def test_a_subject_discord_refuses_is_left_out_of_the_pointer(
    town: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_departments(town)
    ticket = await town.ticket()
    monkeypatch.setattr(sys.modules["cogs.posts.cog"], "transfer_embed", _too_long)

    await transferred(town, ticket, "builders")

    (pointer,) = pointers(town)
    assert pointer["embeds"][0]["url"] == post_url(town, ticket)
    assert "fly hacks" not in str(pointer)


def _too_long(ticket: Ticket, post_url: str, mark: str, workspace: Workspace) -> discord.Embed:
    return discord.Embed(title="x" * 300)
