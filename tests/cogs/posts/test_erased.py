"""Erased tickets in Discord: the bot's own messages lose all words of the player, people's own stay."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.model.guilds import Channel
from bot.tickets.erasure import Requester
from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import Status, Ticket
from tests.cogs.posts.test_pointers import MIA, add_departments, pointers, transferred
from tests.cogs.posts.test_reply_states import reply
from tests.cogs.tickets.test_commands import opened_by
from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox, wait_for

PLAYER, ACCUSED = "550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440000"
SUBJECT, BODY, CHAT, NAME, ANSWER = "Subjectword", "Bodyword", "Chatword", "Nameword", "Answerword"
WORDS = (SUBJECT, BODY, CHAT, NAME, ANSWER)
TICKET = {
    "creatorUuid": PLAYER,
    "creatorName": NAME,
    "subject": SUBJECT,
    "description": BODY * 300,
    "chatMessages": [f"12:00:01 {NAME}: {CHAT}", "12:00:02 Griefer: caughtword"],
}


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with (
        running_sandbox() as (sandbox, guild),
        running_bridge(tmp_path / "ticketbridge.db", sandbox, guild, typed_replies=True) as running,
    ):
        yield running


async def erased(bridge: RunningBridge, ticket: Ticket, player: str, source: str = "modl") -> Ticket:
    """The ticket once Discord shows that a player was erased."""
    store = bridge.application.store
    erasure_id = await store.erasures.request(
        source, player, workspace_id=None, requested_by=Requester.OPERATOR, now=datetime.now(UTC)
    )
    while await store.erasures.run_batch(erasure_id or 0, datetime.now(UTC)):
        pass
    return await bridge.refresh(ticket)


def shown(bridge: RunningBridge, words: tuple[str, ...] = WORDS) -> list[str]:
    """The words that anything in Discord has: messages, embeds and the names of threads."""
    channels = bridge.sandbox.state.world.channels.values()
    found = [
        (one.name, [_own_parts(message.payload) for message in one.messages.values()]) for one in channels
    ]
    text = json.dumps(found)
    return [word for word in words if word in text]


def _own_parts(message: dict[str, Any]) -> dict[str, Any]:
    """A message without the one it refers to, of which the stand-in has a copy and Discord has not."""
    return {name: value for name, value in message.items() if name != "referenced_message"}


def files(bridge: RunningBridge, ticket: Ticket) -> list[str]:
    return [one["filename"] for one in bridge.post_message(ticket)["attachments"]]


async def test_no_word_of_it_is_left_in_discord(bridge: RunningBridge) -> None:
    await add_departments(bridge)
    ticket = await bridge.ticket(**TICKET)
    ticket = await transferred(bridge, ticket, "builders")
    await reply(bridge, ticket, ANSWER)
    assert shown(bridge) == [SUBJECT, BODY, NAME, ANSWER]
    assert len(files(bridge, ticket)) == 2

    ticket = await erased(bridge, ticket, PLAYER)

    assert shown(bridge) == []
    assert files(bridge, ticket) == []
    (embed,) = bridge.post_message(ticket)["embeds"]
    assert "was erased <t:" in embed["description"]
    assert {field["name"] for field in embed["fields"]} >= {"Category", "Priority", "Status"}
    (pointer,) = pointers(bridge)
    assert pointer["embeds"][0]["url"].endswith(f"/{ticket.post.message_id}")


async def test_the_thread_of_a_closed_ticket_is_renamed_and_stays_archived(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(**TICKET)
    store = bridge.application.store
    await store.tickets.change(
        ticket.id, lambda one: one.set_status(Status.CLOSED), datetime.now(UTC), actor=MIA
    )
    await bridge.refresh(ticket)

    await erased(bridge, ticket, PLAYER)

    thread = _thread(bridge, ticket)
    assert thread.name == ticket.public_id
    assert thread.archived


async def test_a_message_that_a_person_typed_stays(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(**TICKET)
    bridge.sandbox.say("mia", ticket.post.thread_id or 0, "typedword")
    await wait_for(lambda: _replies(bridge, ticket))

    await erased(bridge, ticket, PLAYER)

    assert shown(bridge, ("typedword",)) == ["typedword"]


async def test_a_report_loses_its_reported_player_and_what_they_said(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(
        **TICKET | {"reportedPlayerUuid": ACCUSED, "reportedPlayerName": "Griefer", "type": "player"}
    )
    assert shown(bridge, ("Griefer",)) == ["Griefer"]

    after = await erased(bridge, ticket, ACCUSED)

    assert shown(bridge, ("Griefer", SUBJECT)) == [SUBJECT]
    assert after.chat_log == (f"12:00:01 {NAME}: {CHAT}",)
    assert files(bridge, ticket) == [f"{ticket.public_id}-message.txt", f"{ticket.public_id}-chat-log.txt"]
    assert await _content(bridge, ticket, 1) == f"12:00:01 {NAME}: {CHAT}\n"


async def test_a_private_ticket_mentions_its_reporter_no_more(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")
    mention = f"<@{ticket.reporter.id}>"
    assert mention in bridge.post_message(ticket)["content"]

    await erased(bridge, ticket, ticket.reporter.id or "", "discord")

    assert mention not in json.dumps(bridge.post_message(ticket))
    assert _thread(bridge, ticket).name == ticket.public_id


async def test_an_erased_game_report_stays_view_only(bridge: RunningBridge) -> None:
    report = await bridge.game_report()

    after = await erased(bridge, report, report.reporter.id or "", "series")

    assert after == replace(after, view_only=True, body="")
    assert "view-only" in bridge.post_message(report)["embeds"][0]["description"]
    record = await bridge.sandbox.command(
        "mia", "reports", "ticket reply", {"ticket": report.public_id, "message": "hello"}
    )
    assert "view-only" in json.dumps(record)


async def test_game_servers_get_an_erased_ticket_without_its_words(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(**TICKET)
    await reply(bridge, ticket, ANSWER)

    await erased(bridge, ticket, PLAYER)

    events = json.dumps(await bridge.ask_for_events())
    address = f"{bridge.application.webhook_address}/v1/minecraft/tickets/{ticket.public_id}"
    async with bridge.session.get(address, headers={"X-API-Key": bridge.keys["modl"]}) as response:
        text = await response.text()
        assert response.status == 200, text
    assert [word for word in (*WORDS, PLAYER) if word in events + text] == []


def _thread(bridge: RunningBridge, ticket: Ticket) -> Channel:
    return bridge.sandbox.state.world.channels[ticket.post.thread_id or 0]


async def test_a_roblox_server_gets_an_erased_report_as_before_but_for_its_words(
    bridge: RunningBridge,
) -> None:
    report = await bridge.game_report()
    gone = [report.subject, report.body, report.reporter.id or "", report.reporter.name or ""]

    await erased(bridge, report, report.reporter.id or "", "series")

    for path in (f"/tickets/get/{report.public_id}", "/tickets/list"):
        address = bridge.application.webhook_address + path
        async with bridge.session.get(address, headers={"apikey": bridge.keys["series"]}) as response:
            text = await response.text()
            assert response.status == 200, text
        assert report.public_id in text
        assert [word for word in gone if word and word in text] == []


async def test_modls_lists_have_an_erased_report_as_before_but_for_its_words(bridge: RunningBridge) -> None:
    report = await bridge.ticket(**TICKET, type="player")

    await erased(bridge, report, PLAYER)

    for path in ("/v1/minecraft/tickets?type=all", "/v1/minecraft/reports"):
        address = bridge.application.webhook_address + path
        async with bridge.session.get(address, headers={"X-API-Key": bridge.keys["modl"]}) as response:
            text = await response.text()
            assert response.status == 200, text
        assert report.public_id in text
        assert [word for word in (*WORDS, PLAYER) if word in text] == []


async def _replies(bridge: RunningBridge, ticket: Ticket) -> bool:
    kinds = [one.kind.value for one in await bridge.application.store.messages.list_of_ticket(ticket.id)]
    pending = await bridge.application.store.outbox.pending_for_ticket(ticket.id)
    return "reply" in kinds and all(one.kind is not DeliveryKind.POST_MESSAGE for one in pending)


async def _content(bridge: RunningBridge, ticket: Ticket, number: int) -> str:
    url = bridge.post_message(ticket)["attachments"][number]["url"]
    async with bridge.session.get(url) as response:
        return await response.text()
