"""The gateway: resuming, events of changes, heartbeats, invalid packets."""

from __future__ import annotations

from typing import Any

import aiohttp
import discord
import pytest

from bot.sandbox import Permission, Sandbox, demo_guild
from tests.sandbox.bot_harness import ConnectedBot, RecordingBot, connect, eventually


async def test_a_resumed_session_receives_missed_events(connected: ConnectedBot) -> None:
    await connected.sandbox.disconnect()
    connected.sandbox.say("mia", "tickets", "meanwhile")

    await eventually(lambda: "resumed" in connected.bot.events)
    await eventually(lambda: connected.bot.messages)
    assert connected.bot.events.count("ready") == 1


async def test_a_closed_connection_is_resumed(connected: ConnectedBot) -> None:
    await connected.sandbox.disconnect(code=4000)
    connected.sandbox.say("mia", "tickets", "meanwhile")

    await eventually(lambda: connected.bot.messages)
    assert connected.sandbox.snapshot()["connected_sessions"] == 1


async def test_changes_of_roles_members_and_channels_are_sent() -> None:
    intents = discord.Intents(guilds=True, members=True, guild_messages=True)
    async with connect(RecordingBot(intents, chunk_guilds_at_startup=False)) as connected:
        role = connected.sandbox.create_role("Helpers")
        connected.sandbox.add_member("zoe", ["Helpers"])
        connected.sandbox.give_role("pete", "Helpers")
        connected.sandbox.remove_member("paula")
        connected.sandbox.delete_channel("log")

        await eventually(lambda: "guild_channel_delete" in connected.bot.events)
        helpers = connected.discord_guild.get_role(int(role["id"]))
        assert helpers is not None
        assert {member.name for member in helpers.members} == {"zoe", "pete"}
        assert "raw_member_remove" in connected.bot.events
        assert connected.bot.get_channel(connected.guild.channels["log"]) is None


async def test_deleting_a_channel_deletes_its_threads_with_one_event(connected: ConnectedBot) -> None:
    post = await connected.send()
    await post.create_thread(name="talk")
    await eventually(lambda: connected.bot.get_channel(post.id))
    sent = [session.sent for session in connected.sandbox.state.gateway.sessions.values()]

    connected.sandbox.delete_channel("tickets")

    await eventually(lambda: "guild_channel_delete" in connected.bot.events)
    assert [name for events in sent for _, name, _ in events][-1] == "CHANNEL_DELETE"
    assert "THREAD_DELETE" not in [name for events in sent for _, name, _ in events]
    assert connected.bot.get_channel(post.id) is None
    with pytest.raises(discord.NotFound) as unknown:
        await connected.bot.fetch_channel(post.id)
    assert unknown.value.code == 10003


async def test_a_bulk_delete_is_one_event(connected: ConnectedBot) -> None:
    doomed = [connected.sandbox.say("mia", "tickets", str(number))["id"] for number in range(3)]

    connected.sandbox.delete_messages("tickets", doomed)

    await eventually(lambda: "raw_bulk_message_delete" in connected.bot.events)
    assert "raw_message_delete" not in connected.bot.events
    assert connected.sandbox.messages("tickets") == []


async def test_changes_of_the_bot_s_permissions_are_sent(connected: ConnectedBot) -> None:
    """Without the members intent too: of itself it hears in any case."""
    sandbox, channel, bot = connected.sandbox, connected.channel("general"), "ticketbridge"

    def may() -> bool:
        return channel.permissions_for(connected.discord_guild.me).manage_messages

    role = sandbox.snapshot()["guilds"][0]["roles"][-1]["id"]
    sandbox.set_overwrite("general", bot, deny=Permission.MANAGE_MESSAGES)
    await eventually(lambda: not may() and connected.bot.events.count("guild_channel_update") == 1)
    sandbox.delete_overwrite("general", bot)
    await eventually(may)
    sandbox.take_role(bot, role)
    await eventually(lambda: not may() and connected.bot.events.count("member_update") == 1)
    sandbox.give_role(bot, role)
    await eventually(may)
    sandbox.change_role(role, Permission.VIEW_CHANNEL)
    await eventually(lambda: not may() and connected.bot.events.count("guild_role_update") == 1)


async def test_a_removed_bot_can_join_the_guild_again(connected: ConnectedBot) -> None:
    connected.sandbox.remove_member("ticketbridge")
    await eventually(lambda: "guild_remove" in connected.bot.events)
    assert connected.bot.get_guild(connected.guild.id) is None

    connected.sandbox.add_member("ticketbridge")

    await eventually(lambda: "guild_join" in connected.bot.events)
    assert connected.bot.get_channel(connected.guild.channels["general"]) is not None


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


async def test_a_raw_client_gets_hello_heartbeat_ack_and_ready() -> None:
    sandbox = Sandbox()
    demo_guild(sandbox)
    identify = {"op": 2, "d": {"token": sandbox.token, "intents": 1, "properties": {}}}
    async with sandbox.serve():
        got, _ = await _packets(sandbox, {"op": 1, "d": None}, {"op": 1, "d": None}, identify)

    assert [packet["op"] for packet in got] == [10, 1, 11, 0, 0]
    assert [packet["s"] for packet in got[3:]] == [1, 2]


async def test_latency_is_measured_even_if_discord_py_has_not_noted_its_heartbeat(
    connected: ConnectedBot, caplog: pytest.LogCaptureFixture
) -> None:
    """Its keep-alive thread notes the time of a heartbeat after sending it, however late that thread runs."""
    keep_alive = connected.bot.ws._keep_alive
    assert keep_alive is not None
    await eventually(lambda: connected.bot.latency < float("inf"))
    keep_alive.latency = float("inf")
    keep_alive._last_send -= 3600  # the last one noted is an interval old

    await connected.bot.ws.send_heartbeat(keep_alive.get_payload())

    await eventually(lambda: connected.bot.latency < float("inf"))
    assert connected.bot.latency < 3600
    assert "Can't keep up" not in caplog.text


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 1}}, 4004),
        ({"op": 3, "d": {}}, 4003),
        ({"d": {}}, 4002),
    ],
)
async def test_an_invalid_packet_closes_the_connection(packet: dict[str, Any], code: int) -> None:
    sandbox = Sandbox()
    async with sandbox.serve():
        assert (await _packets(sandbox, packet))[1] == code


async def test_an_unknown_session_cannot_be_resumed() -> None:
    sandbox = Sandbox()
    resume = {"op": 6, "d": {"token": sandbox.token, "session_id": "gone", "seq": 1}}
    async with sandbox.serve():
        got, _ = await _packets(sandbox, resume)

    assert (got[-1]["op"], got[-1]["d"]) == (9, False)
