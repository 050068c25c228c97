"""What staff type in a ticket's thread is a reply, where that is switched on: kept first, then confirmed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.application import StartupError, run_application
from bot.sandbox import Permission
from bot.sandbox.gateway.events import Intent
from bot.tickets.message import Message, MessageKind
from bot.tickets.outbox import DeliveryKind, Destination
from bot.tickets.ticket import Status, Ticket
from tests.storage.samples import raw
from tests.support.bridge_harness import RunningBridge, running_sandbox, settings_for, wait_for
from tests.support.bridge_harness import running_bridge as run_town


@pytest.fixture
async def typing(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A town in which typed replies are on."""
    async with (
        running_sandbox() as (sandbox, guild),
        run_town(tmp_path / "ticketbridge.db", sandbox, guild, typed_replies=True) as running_town,
    ):
        yield running_town


async def replies(town: RunningBridge, ticket: Ticket) -> list[Message]:
    return await town.application.store.list_messages(ticket.id, [MessageKind.REPLY])


def thread_of(ticket: Ticket) -> int:
    assert ticket.post.thread_id is not None
    return ticket.post.thread_id


async def reaction(town: RunningBridge, place: int, message: dict[str, Any]) -> str:
    """The first one on a message, once there is one."""

    def look() -> str:
        (found,) = (one for one in town.sandbox.messages(place) if one["id"] == message["id"])
        return "".join(one["emoji"]["name"] for one in found.get("reactions", []))

    return str(await wait_for(look))


async def notice(town: RunningBridge, place: int) -> str:
    def look() -> str:
        told = [one["content"] for one in town.sandbox.messages(place) if one["author"].get("bot")]
        return " ".join(text for text in told if text)

    return str(await wait_for(look))


async def quiet(town: RunningBridge, place: int) -> None:
    """Whatever was typed before in that place has been seen to."""
    last = town.sandbox.say("mia", place, "the last word")
    await reaction(town, place, last)


async def test_what_staff_type_in_the_thread_is_kept_once_and_confirmed(typing: RunningBridge) -> None:
    ticket = await typing.ticket()

    typed = typing.sandbox.say("mia", thread_of(ticket), "We are on it.")

    assert await reaction(typing, thread_of(ticket), typed) == "✅"
    (reply,) = await replies(typing, ticket)
    assert (reply.text, reply.author.name) == ("We are on it.", "Mia")
    assert reply.author.id == str(typing.guild.members["mia"])


async def test_a_typed_reply_goes_to_the_game_and_is_not_shown_twice(typing: RunningBridge) -> None:
    ticket = await typing.ticket()
    typed = typing.sandbox.say("mia", thread_of(ticket), "We are on it.")
    await reaction(typing, thread_of(ticket), typed)

    waiting = await typing.application.store.pending_for_ticket(ticket.id, Destination.GAME)
    await typing.refresh(ticket)

    assert [one.kind for one in waiting] == [DeliveryKind.SEND_TO_GAME]
    shown = [one for one in typing.sandbox.messages(thread_of(ticket)) if one["embeds"]]
    assert shown == []


async def test_it_is_not_confirmed_before_it_is_kept(typing: RunningBridge, tmp_path: Path) -> None:
    ticket = await typing.ticket()

    with raw(tmp_path / "ticketbridge.db") as other:
        other.execute("BEGIN IMMEDIATE")
        typed = typing.sandbox.say("mia", thread_of(ticket), "We are on it.")
        await asyncio.sleep(0.3)
        assert "reactions" not in typing.sandbox.messages(thread_of(ticket))[-1]
        other.execute("ROLLBACK")

    assert await reaction(typing, thread_of(ticket), typed) == "✅"


async def test_what_begins_with_two_slashes_stays_between_staff(typing: RunningBridge) -> None:
    ticket = await typing.ticket()

    aside = typing.sandbox.say("mia", thread_of(ticket), "// is he the one from yesterday?")

    await quiet(typing, thread_of(ticket))
    assert [one.text for one in await replies(typing, ticket)] == ["the last word"]
    (found,) = (m for m in typing.sandbox.messages(thread_of(ticket)) if m["id"] == aside["id"])
    assert "reactions" not in found


async def test_what_others_than_staff_type_is_no_reply(typing: RunningBridge) -> None:
    ticket = await typing.ticket()
    typing.sandbox.set_overwrite("tickets", "everyone", allow=Permission.VIEW_CHANNEL)

    typing.sandbox.say("pete", thread_of(ticket), "me too")

    await quiet(typing, thread_of(ticket))
    assert [one.text for one in await replies(typing, ticket)] == ["the last word"]


async def test_a_file_alone_is_no_reply_and_staff_are_told(typing: RunningBridge) -> None:
    ticket = await typing.ticket()

    typed = typing.sandbox.say(
        "mia", thread_of(ticket), attachments=[{"filename": "map.txt", "content": "here"}]
    )

    assert await reaction(typing, thread_of(ticket), typed) == "⚠️"
    assert "not kept as a reply" in await notice(typing, thread_of(ticket))
    assert await replies(typing, ticket) == []


async def test_the_text_beside_a_file_is_kept_and_staff_are_told_of_the_file(typing: RunningBridge) -> None:
    ticket = await typing.ticket()

    typed = typing.sandbox.say(
        "mia", thread_of(ticket), "Look here.", attachments=[{"filename": "map.txt", "content": "here"}]
    )

    assert await reaction(typing, thread_of(ticket), typed) == "✅"
    assert "files do not reach the reporter" in await notice(typing, thread_of(ticket))


async def test_on_a_closed_ticket_staff_are_told_why_it_is_no_reply(typing: RunningBridge) -> None:
    ticket = await typing.ticket()
    await typing.press("mia", ticket, "Close")
    assert (await typing.refresh(ticket)).status is Status.CLOSED

    typed = typing.sandbox.say("mia", thread_of(ticket), "One more thing.")

    assert await reaction(typing, thread_of(ticket), typed) == "⚠️"
    assert "This ticket is closed. Reopen it first." in await notice(typing, thread_of(ticket))
    assert await replies(typing, ticket) == []


async def test_a_reply_that_takes_no_reaction_is_kept_all_the_same(typing: RunningBridge) -> None:
    ticket = await typing.ticket()
    bot = typing.guild.members["ticketbridge"]
    view = Permission.VIEW_CHANNEL
    typing.sandbox.set_overwrite("tickets", bot, allow=view, deny=Permission.ADD_REACTIONS)

    typing.sandbox.say("mia", thread_of(ticket), "We are on it.")

    assert await wait_for(lambda: replies(typing, ticket))


async def test_under_a_game_report_nothing_typed_becomes_a_reply(typing: RunningBridge) -> None:
    report = await typing.game_report()
    thread = typing.sandbox.open_thread("mia", "reports", "let us talk", message=report.post.message_id)

    typed = typing.sandbox.say("mia", thread["id"], "We banned them.")

    assert "view-only" in await notice(typing, int(thread["id"]))
    assert typed["id"] not in [one["id"] for one in typing.sandbox.messages(thread["id"])]
    assert await replies(typing, report) == []


async def test_without_the_setting_nothing_typed_is_read_or_kept(town: RunningBridge) -> None:
    ticket = await town.ticket()
    (session,) = town.sandbox.state.gateway.sessions.values()
    assert not session.intents & Intent.MESSAGE_CONTENT

    town.sandbox.say("mia", thread_of(ticket), "We are on it.")

    place = thread_of(ticket)
    await wait_for(lambda: heard_to_the_end(town, place))
    assert await replies(town, ticket) == []


async def heard_to_the_end(town: RunningBridge, place: int) -> bool:
    newest = int(town.sandbox.messages(place)[-1]["id"])
    return (await town.application.store.read_marks([place])).get(place) == newest


async def test_an_intent_discord_does_not_grant_is_said_with_its_cure(tmp_path: Path) -> None:
    async with running_sandbox(disallowed_intents=int(Intent.MESSAGE_CONTENT)) as (sandbox, _):
        settings = settings_for(sandbox, tmp_path / "ticketbridge.db", typed_replies=True)
        async with run_application(settings) as bridge:
            with pytest.raises(StartupError, match=r"Message Content Intent.*developer portal, page Bot"):
                await bridge.discord_task
