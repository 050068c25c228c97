"""The gateway: what was missed is replayed, what was lost is announced, roles and members are told of."""

from __future__ import annotations

from typing import Any

import aiohttp
import discord
import pytest

from bot.sandbox import Permission, Sandbox, demo_guild
from tests.sandbox.bot_harness import Listener, Stage, eventually, logged_in


async def test_a_resumed_session_gets_what_it_missed(stage: Stage) -> None:
    await stage.sandbox.disconnect()
    stage.sandbox.say("mia", "tickets", "meanwhile")

    await eventually(lambda: "resumed" in stage.bot.heard)
    await eventually(lambda: stage.bot.received)
    assert stage.bot.heard.count("ready") == 1


async def test_a_dropped_connection_is_resumed_too(stage: Stage) -> None:
    await stage.sandbox.disconnect(code=4000)
    stage.sandbox.say("mia", "tickets", "meanwhile")

    await eventually(lambda: stage.bot.received)
    assert stage.sandbox.snapshot()["connected_sessions"] == 1


async def test_roles_members_and_channels_are_told_of() -> None:
    intents = discord.Intents(guilds=True, members=True, guild_messages=True)
    async with logged_in(Listener(intents, chunk_guilds_at_startup=False)) as stage:
        role = stage.sandbox.create_role("Helpers")
        stage.sandbox.add_member("zoe", ["Helpers"])
        stage.sandbox.give_role("pete", "Helpers")
        stage.sandbox.remove_member("paula")
        stage.sandbox.delete_channel("log")

        await eventually(lambda: "guild_channel_delete" in stage.bot.heard)
        helpers = stage.home.get_role(int(role["id"]))
        assert helpers is not None
        assert {member.name for member in helpers.members} == {"zoe", "pete"}
        assert "raw_member_remove" in stage.bot.heard
        assert stage.bot.get_channel(stage.guild.channels["log"]) is None


async def test_a_deleted_channel_takes_its_threads_with_it_and_is_told_of_alone(stage: Stage) -> None:
    post = await stage.send()
    await post.create_thread(name="talk")
    await eventually(lambda: stage.bot.get_channel(post.id))
    sent = [session.sent for session in stage.sandbox.state.gateway.sessions.values()]

    stage.sandbox.delete_channel("tickets")

    await eventually(lambda: "guild_channel_delete" in stage.bot.heard)
    assert [name for events in sent for _, name, _ in events][-1] == "CHANNEL_DELETE"
    assert "THREAD_DELETE" not in [name for events in sent for _, name, _ in events]
    assert stage.bot.get_channel(post.id) is None
    with pytest.raises(discord.NotFound) as unknown:
        await stage.bot.fetch_channel(post.id)
    assert unknown.value.code == 10003


async def test_messages_deleted_together_are_told_of_once(stage: Stage) -> None:
    doomed = [stage.sandbox.say("mia", "tickets", str(number))["id"] for number in range(3)]

    stage.sandbox.delete_messages("tickets", doomed)

    await eventually(lambda: "raw_bulk_message_delete" in stage.bot.heard)
    assert "raw_message_delete" not in stage.bot.heard
    assert stage.sandbox.messages("tickets") == []


async def test_the_bot_is_told_what_it_may_do_whenever_that_changes(stage: Stage) -> None:
    """Without the members intent too: of itself it hears in any case."""
    sandbox, channel, bot = stage.sandbox, stage.channel("general"), "ticketbridge"

    def may() -> bool:
        return channel.permissions_for(stage.home.me).manage_messages

    role = sandbox.snapshot()["guilds"][0]["roles"][-1]["id"]
    sandbox.set_overwrite("general", bot, deny=Permission.MANAGE_MESSAGES)
    await eventually(lambda: not may() and stage.bot.heard.count("guild_channel_update") == 1)
    sandbox.delete_overwrite("general", bot)
    await eventually(may)
    sandbox.take_role(bot, role)
    await eventually(lambda: not may() and stage.bot.heard.count("member_update") == 1)
    sandbox.give_role(bot, role)
    await eventually(may)
    sandbox.change_role(role, Permission.VIEW_CHANNEL)
    await eventually(lambda: not may() and stage.bot.heard.count("guild_role_update") == 1)


async def test_a_bot_that_is_thrown_out_and_invited_again_joins_the_guild_anew(stage: Stage) -> None:
    stage.sandbox.remove_member("ticketbridge")
    await eventually(lambda: "guild_remove" in stage.bot.heard)
    assert stage.bot.get_guild(stage.guild.id) is None

    stage.sandbox.add_member("ticketbridge")

    await eventually(lambda: "guild_join" in stage.bot.heard)
    assert stage.bot.get_channel(stage.guild.channels["general"]) is not None


async def _packets(sandbox: Sandbox, *sent: dict[str, Any]) -> tuple[list[dict[str, Any]], int | None]:
    """What a bare client is sent after these packets, until READY or the close and its code."""
    got: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as socket:
        for packet in sent:
            await socket.send_json(packet)
        async for frame in socket:
            got.append(frame.json())
            if got[-1]["t"] == "GUILD_CREATE" or got[-1]["op"] == 9:
                return got, None
    return got, socket.close_code


async def test_a_bare_client_is_greeted_acknowledged_and_made_ready() -> None:
    sandbox = Sandbox()
    demo_guild(sandbox)
    identify = {"op": 2, "d": {"token": sandbox.token, "intents": 1, "properties": {}}}
    async with sandbox.serve():
        got, _ = await _packets(sandbox, {"op": 1, "d": None}, {"op": 1, "d": None}, identify)

    assert [packet["op"] for packet in got] == [10, 1, 11, 0, 0]
    assert [packet["s"] for packet in got[3:]] == [1, 2]


async def test_latency_is_measured_even_if_discord_py_has_not_noted_its_heartbeat(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Its keep-alive thread notes the time of a heartbeat after sending it, however late that thread runs."""
    keep_alive = stage.bot.ws._keep_alive
    assert keep_alive is not None
    await eventually(lambda: stage.bot.latency < float("inf"))
    keep_alive.latency = float("inf")
    keep_alive._last_send -= 3600  # the last one noted is an interval old

    await stage.bot.ws.send_heartbeat(keep_alive.get_payload())

    await eventually(lambda: stage.bot.latency < float("inf"))
    assert stage.bot.latency < 3600
    assert "Can't keep up" not in caplog.text


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 1}}, 4004),
        ({"op": 3, "d": {}}, 4003),
        ({"d": {}}, 4002),
    ],
)
async def test_a_client_that_breaks_the_rules_is_hung_up_on(packet: dict[str, Any], code: int) -> None:
    sandbox = Sandbox()
    async with sandbox.serve():
        assert (await _packets(sandbox, packet))[1] == code


async def test_an_unknown_session_cannot_be_resumed() -> None:
    sandbox = Sandbox()
    resume = {"op": 6, "d": {"token": sandbox.token, "session_id": "gone", "seq": 1}}
    async with sandbox.serve():
        got, _ = await _packets(sandbox, resume)

    assert (got[-1]["op"], got[-1]["d"]) == (9, False)
