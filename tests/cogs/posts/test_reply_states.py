"""What became of a reply to a reporter in a game, on the ticket in Discord: waiting, read, fetched."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import DemoGuild, Sandbox
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.outbox import DeliveryKind, DeliveryState
from bot.tickets.ticket import Ticket
from tests.cogs.tickets.test_commands import opened_by
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

NO_READERS = (
    "No game server has asked for events with a modl key of this workspace yet: "
    "see Events in the API documentation."
)
WAITING = "⏳ Waiting for the game server to ask for it."
READ = r"📬 Read by survival\\?-1 (within a second|\d+ s later)\."


async def use_named_key(bridge: RunningBridge, name: str = "survival-1") -> None:
    """Ask with a key that has a name from now on."""
    bridge.keys["modl"], prefix = generate_api_key()
    await bridge.application.store.api_keys.add(
        "main",
        "modl",
        prefix=prefix,
        key_hash=hash_api_key(bridge.keys["modl"]),
        now=datetime.now(UTC),
        name=name,
    )


async def reply(bridge: RunningBridge, ticket: Ticket, text: str) -> str:
    """Reply with `/ticket reply`, and wait until it is shown; the confirmation."""
    record = await bridge.sandbox.command(
        "mia", "tickets", "ticket reply", {"ticket": ticket.public_id, "message": text}
    )
    await bridge.refresh(ticket)
    return reply_text(record)


def embeds(bridge: RunningBridge, ticket: Ticket) -> list[dict[str, Any]]:
    messages = bridge.sandbox.messages(ticket.post.thread_id or 0)
    return [embed for message in messages for embed in message["embeds"]]


def states(bridge: RunningBridge, ticket: Ticket) -> list[str]:
    """What the replies in a ticket's thread say about themselves, oldest first."""
    shown = [one for one in embeds(bridge, ticket) if one.get("title") == "💬 Reply to the reporter"]
    return [" ".join(field["value"] for field in one.get("fields", [])) for one in shown]


async def read_all(bridge: RunningBridge, ticket: Ticket) -> None:
    """Ask for the events, then for those after them, and wait until Discord shows it."""
    page = await bridge.ask_for_events()
    await bridge.ask_for_events(page["next"])
    await bridge.refresh(ticket)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Path, Sandbox, DemoGuild]]:
    """A database for one bridge after another, and a Discord that stays."""
    async with running_sandbox() as (sandbox, guild):
        yield tmp_path / "ticketbridge.db", sandbox, guild


async def test_a_reply_says_that_nobody_asks_then_that_it_waits_then_who_has_read_it(
    bridge: RunningBridge,
) -> None:
    await use_named_key(bridge)
    ticket = await bridge.ticket()

    confirmation = await reply(bridge, ticket, "We are on it.")
    before = states(bridge, ticket)
    page = await bridge.ask_for_events()
    await bridge.refresh(ticket)
    asked = states(bridge, ticket)
    await bridge.ask_for_events(page["next"])
    await bridge.refresh(ticket)

    assert confirmation == f"✅ Your reply to {ticket.public_id} is saved. {NO_READERS}"
    assert before == [f"⚠️ {NO_READERS}"]
    assert asked == [WAITING]
    (read,) = states(bridge, ticket)
    assert re.fullmatch(READ, read)
    assert embeds(bridge, ticket)[-1]["description"] == "We are on it."


async def test_each_reply_has_a_state_of_its_own(bridge: RunningBridge) -> None:
    await use_named_key(bridge)
    ticket = await bridge.ticket()
    await bridge.ask_for_events()
    confirmation = await reply(bridge, ticket, "first")
    await reply(bridge, ticket, "second")

    await bridge.ask_for_events(1)
    await bridge.refresh(ticket)

    assert confirmation.endswith("is saved. Waiting for the game server to ask for it.")
    read, waiting = states(bridge, ticket)
    assert re.fullmatch(READ, read)
    assert waiting == WAITING


async def test_a_key_without_a_name_is_named_by_its_prefix(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "We are on it.")

    await read_all(bridge, ticket)

    prefix = bridge.keys["modl"].split("_")[1]
    assert states(bridge, ticket)[0].startswith(f"📬 Read by key {prefix} ")


async def test_the_name_of_a_key_is_shown_as_text(bridge: RunningBridge) -> None:
    await use_named_key(bridge, "**[x](https://evil.example)** <@1> @everyone")
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "We are on it.")

    await read_all(bridge, ticket)

    (shown,) = states(bridge, ticket)
    for alive in ("](https://evil", "<@1>", "@everyone"):
        assert alive not in shown


async def test_a_server_that_fetches_the_ticket_has_the_reply(bridge: RunningBridge) -> None:
    await use_named_key(bridge)
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "We are on it.")
    url = f"{bridge.application.webhook_address}/v1/minecraft/tickets/{ticket.public_id}"

    for method in ("HEAD", "GET"):
        unread = states(bridge, ticket)
        async with bridge.session.request(method, url, headers={"X-API-Key": bridge.keys["modl"]}) as got:
            assert got.status == 200
        await bridge.refresh(ticket)
    await read_all(bridge, ticket)

    assert unread == [f"⚠️ {NO_READERS}"]
    (shown,) = states(bridge, ticket)
    assert re.fullmatch(READ.replace("Read", "Fetched with the ticket"), shown)


async def test_what_was_read_before_a_restart_is_shown_after_it(
    place: tuple[Path, Sandbox, DemoGuild],
) -> None:
    sandbox = place[1]
    async with running_bridge(*place) as first:
        await use_named_key(first)
        ticket = await first.ticket()
        await reply(first, ticket, "one")
        await reply(first, ticket, "two")
        page = await first.ask_for_events()
        await first.refresh(ticket)
        sandbox.fail("503", method="PATCH", times=None)
        await first.ask_for_events(1)
        waiting = states(first, ticket)
    sandbox.clear_faults()

    async with running_bridge(*place, keys=first.keys) as second:
        await second.refresh(ticket)
        one, two = states(second, ticket)
        await second.ask_for_events(page["next"])
        await second.refresh(ticket)

        assert waiting == [WAITING, WAITING]
        assert re.fullmatch(READ, one)
        assert two == WAITING
        assert all(re.fullmatch(READ, state) for state in states(second, ticket))


async def test_a_reply_whose_message_was_deleted_is_no_dead_letter(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "gone")
    (message,) = (m for m in bridge.sandbox.messages(ticket.post.thread_id or 0) if m["embeds"])
    bridge.sandbox.delete_message(message["id"], "mia")

    await read_all(bridge, ticket)

    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []
    assert states(bridge, ticket) == []


async def test_a_thread_that_was_archived_is_archived_again_behind_its_edit(bridge: RunningBridge) -> None:
    await use_named_key(bridge)
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "Done.")
    await bridge.close("mia", ticket)
    await bridge.refresh(ticket)

    await read_all(bridge, ticket)

    assert re.fullmatch(READ, states(bridge, ticket)[0])
    assert bridge.sandbox.state.world.channels[ticket.post.thread_id or 0].archived


async def test_a_game_report_and_its_notes_say_nothing_about_the_game(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    await bridge.sandbox.command(
        "mia", "reports", "ticket note", {"ticket": report.public_id, "text": "A smurf."}
    )
    await bridge.press("mia", report, "Resolve")
    await bridge.refresh(report)

    page = await bridge.ask_for_events(source="series")
    await bridge.ask_for_events(page["next"], source="series")

    assert [one["type"] for one in page["events"]] == ["ticket.status"]
    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []
    shown = [embed for message in bridge.sandbox.messages("reports") for embed in message["embeds"]]
    assert "In the game" not in str(shown)


async def test_a_private_ticket_says_nothing_about_a_game(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")

    confirmation = await reply(bridge, ticket, "Here I am.")

    assert confirmation.endswith("is saved. It is shown in the thread.")
    assert states(bridge, ticket) == [""]


async def test_staff_see_the_state_of_each_reply_with_the_ticket(bridge: RunningBridge) -> None:
    await use_named_key(bridge)
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "first")
    await reply(bridge, ticket, "second")
    await bridge.ask_for_events(1)

    record = await bridge.sandbox.command("mia", "tickets", "ticket view", {"ticket": ticket.public_id})

    fields = record["messages"][-1]["embeds"][0]["fields"]
    first, second = (field["value"] for field in fields if field["name"].startswith("💬 Reply"))
    assert re.fullmatch(rf"first\n-# {READ}", first)
    assert second == f"second\n-# {WAITING}"


async def test_a_typed_reply_gets_a_second_reaction_once_it_is_read(
    place: tuple[Path, Sandbox, DemoGuild],
) -> None:
    sandbox = place[1]
    async with running_bridge(*place, typed_replies=True) as bridge:
        ticket = await bridge.ticket()
        thread = ticket.post.thread_id or 0

        def reactions() -> list[str]:
            typed = [one for one in sandbox.messages(thread) if not one["author"].get("bot")]
            return ["".join(r["emoji"]["name"] for r in one.get("reactions", [])) for one in typed]

        def notices() -> list[str]:
            return [one["content"] for one in sandbox.messages(thread) if NO_READERS in one["content"]]

        sandbox.say("mia", thread, "first")
        await wait_for(notices)
        sandbox.say("mia", thread, "second")
        await wait_for(lambda: reactions() == ["✅", "✅"])
        await bridge.ask_for_events()
        await bridge.ask_for_events(1)
        await bridge.refresh(ticket)

        assert reactions() == ["✅📬", "✅"]
        assert len(notices()) == 1


async def test_an_edit_that_has_to_wait_makes_its_channel_not_late(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "We are on it.")
    bridge.sandbox.fail("503", method="PATCH", times=None)

    await bridge.ask_for_events()

    (depth,) = await bridge.application.store.outbox_admin.depths()
    assert (depth.state, depth.kind) == (DeliveryState.PENDING, DeliveryKind.UPDATE_MESSAGE)
    assert await bridge.application.store.outbox.backlogs() == []
