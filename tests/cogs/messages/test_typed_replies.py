"""Messages that staff type in a ticket's thread are replies, if switched on: saved first, then confirmed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.application import StartupError, run_application
from bot.sandbox import Permission
from bot.sandbox.gateway.events import Intent
from bot.tickets.events import EventType
from bot.tickets.message import Message, MessageKind
from bot.tickets.ticket import Status, Ticket
from tests.storage.samples import raw
from tests.support.bridge_harness import (
    RunningBridge,
    running_bridge,
    running_sandbox,
    settings_for,
    wait_for,
)


@pytest.fixture
async def replying(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge with typed replies switched on."""
    async with (
        running_sandbox() as (sandbox, guild),
        running_bridge(tmp_path / "ticketbridge.db", sandbox, guild, typed_replies=True) as bridge,
    ):
        yield bridge


async def replies(bridge: RunningBridge, ticket: Ticket) -> list[Message]:
    return await bridge.application.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])


def thread_of(ticket: Ticket) -> int:
    assert ticket.post.thread_id is not None
    return ticket.post.thread_id


async def reaction(bridge: RunningBridge, channel_id: int, message: dict[str, Any]) -> str:
    """The first one on a message, once there is one."""

    def look() -> str:
        (found,) = (one for one in bridge.sandbox.messages(channel_id) if one["id"] == message["id"])
        return "".join(one["emoji"]["name"] for one in found.get("reactions", []))

    return str(await wait_for(look))


async def notice(bridge: RunningBridge, channel_id: int) -> str:
    def look() -> str:
        texts = [one["content"] for one in bridge.sandbox.messages(channel_id) if one["author"].get("bot")]
        return " ".join(text for text in texts if text)

    return str(await wait_for(look))


def ids_in(bridge: RunningBridge, channel: Any) -> list[str]:
    return [message["id"] for message in bridge.sandbox.messages(channel)]


async def all_processed(bridge: RunningBridge, channel_id: int) -> None:
    """Return once every earlier message of the channel is processed."""
    last = bridge.sandbox.say("mia", channel_id, "the last word")
    await reaction(bridge, channel_id, last)


async def test_a_message_of_staff_in_the_thread_is_saved_once_and_confirmed(replying: RunningBridge) -> None:
    ticket = await replying.ticket()

    typed = replying.sandbox.say("mia", thread_of(ticket), "We are on it.")

    assert await reaction(replying, thread_of(ticket), typed) == "✅"
    (reply,) = await replies(replying, ticket)
    assert (reply.text, reply.author.name) == ("We are on it.", "Mia")
    assert reply.author.id == str(replying.guild.members["mia"])


async def test_a_typed_reply_goes_to_the_game_and_is_not_shown_twice(replying: RunningBridge) -> None:
    ticket = await replying.ticket()
    typed = replying.sandbox.say("mia", thread_of(ticket), "We are on it.")
    await reaction(replying, thread_of(ticket), typed)

    events = await replying.application.store.events.list_of_ticket(ticket.id)
    await replying.refresh(ticket)

    assert [one.type for one in events] == [EventType.REPLY]
    shown = [one for one in replying.sandbox.messages(thread_of(ticket)) if one["embeds"]]
    assert shown == []


async def test_it_is_not_confirmed_before_it_is_saved(replying: RunningBridge, tmp_path: Path) -> None:
    ticket, report = await replying.ticket(), await replying.game_report()

    with raw(tmp_path / "ticketbridge.db") as other:
        other.execute("BEGIN IMMEDIATE")
        typed = replying.sandbox.say("mia", thread_of(ticket), "We are on it.")
        later = replying.sandbox.say("mia", "reports", "Banned.", reply_to=report.post.message_id)
        await wait_for(lambda: later["id"] not in ids_in(replying, "reports"))  # needs no write
        assert "reactions" not in replying.sandbox.messages(thread_of(ticket))[-1]
        other.execute("ROLLBACK")

    assert await reaction(replying, thread_of(ticket), typed) == "✅"


async def test_a_message_that_begins_with_two_slashes_is_not_a_reply(replying: RunningBridge) -> None:
    ticket = await replying.ticket()

    aside = replying.sandbox.say("mia", thread_of(ticket), "// is he the one from yesterday?")

    await all_processed(replying, thread_of(ticket))
    assert [one.text for one in await replies(replying, ticket)] == ["the last word"]
    (found,) = (m for m in replying.sandbox.messages(thread_of(ticket)) if m["id"] == aside["id"])
    assert "reactions" not in found


async def test_a_message_of_a_player_is_not_a_reply(replying: RunningBridge) -> None:
    ticket = await replying.ticket()
    replying.sandbox.set_overwrite("tickets", "everyone", allow=Permission.VIEW_CHANNEL)

    replying.sandbox.say("pete", thread_of(ticket), "me too")

    await all_processed(replying, thread_of(ticket))
    assert [one.text for one in await replies(replying, ticket)] == ["the last word"]


async def test_a_file_alone_is_not_a_reply_and_its_author_gets_a_notice(replying: RunningBridge) -> None:
    ticket = await replying.ticket()

    typed = replying.sandbox.say(
        "mia", thread_of(ticket), attachments=[{"filename": "map.txt", "content": "here"}]
    )

    assert await reaction(replying, thread_of(ticket), typed) == "⚠️"
    assert "not saved as a reply" in await notice(replying, thread_of(ticket))
    assert await replies(replying, ticket) == []


async def test_the_text_beside_a_file_is_saved_and_its_author_gets_a_notice_about_the_file(
    replying: RunningBridge,
) -> None:
    ticket = await replying.ticket()

    typed = replying.sandbox.say(
        "mia", thread_of(ticket), "Look here.", attachments=[{"filename": "map.txt", "content": "here"}]
    )

    assert await reaction(replying, thread_of(ticket), typed) == "✅"
    assert "files do not reach the reporter" in await notice(replying, thread_of(ticket))


async def test_on_a_closed_ticket_a_notice_says_why_it_is_not_a_reply(replying: RunningBridge) -> None:
    ticket = await replying.ticket()
    await replying.close("mia", ticket)
    assert (await replying.refresh(ticket)).status is Status.CLOSED

    typed = replying.sandbox.say("mia", thread_of(ticket), "One more thing.")

    assert await reaction(replying, thread_of(ticket), typed) == "⚠️"
    assert "Mia has closed this ticket. Reopen it first." in await notice(replying, thread_of(ticket))
    assert await replies(replying, ticket) == []


async def test_a_reply_that_takes_no_reaction_is_saved_all_the_same(replying: RunningBridge) -> None:
    ticket = await replying.ticket()
    bot = replying.guild.members["ticketbridge"]
    view = Permission.VIEW_CHANNEL
    replying.sandbox.set_overwrite("tickets", bot, allow=view, deny=Permission.ADD_REACTIONS)

    replying.sandbox.say("mia", thread_of(ticket), "We are on it.")

    assert await wait_for(lambda: replies(replying, ticket))


async def test_a_message_under_a_game_report_is_never_a_reply(replying: RunningBridge) -> None:
    report = await replying.game_report()
    thread = replying.sandbox.open_thread("mia", "reports", "let us talk", message=report.post.message_id)

    typed = replying.sandbox.say("mia", thread["id"], "We banned them.")

    assert "view-only" in await notice(replying, int(thread["id"]))
    assert typed["id"] not in ids_in(replying, thread["id"])
    assert await replies(replying, report) == []


async def test_without_the_setting_no_message_is_read_or_saved(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    (session,) = bridge.sandbox.state.gateway.sessions.values()
    assert not session.intents & Intent.MESSAGE_CONTENT

    bridge.sandbox.say("mia", thread_of(ticket), "We are on it.")

    await wait_for(lambda: read_to_the_end(bridge, thread_of(ticket)))
    assert await replies(bridge, ticket) == []


async def read_to_the_end(bridge: RunningBridge, channel_id: int) -> bool:
    newest = int(bridge.sandbox.messages(channel_id)[-1]["id"])
    return (await bridge.application.store.read_marks.get([channel_id])).get(channel_id) == newest


async def test_an_intent_that_discord_does_not_grant_stops_the_start_with_what_to_do(tmp_path: Path) -> None:
    async with running_sandbox(disallowed_intents=int(Intent.MESSAGE_CONTENT)) as (sandbox, _):
        settings = settings_for(sandbox, tmp_path / "ticketbridge.db", typed_replies=True)
        async with run_application(settings) as application:
            with pytest.raises(StartupError, match=r"Message Content Intent.*developer portal, page Bot"):
                await application.discord_task
