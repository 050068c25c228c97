"""Reading over REST: message history, members, unknown objects, the request log."""

from __future__ import annotations

import discord

from bot.sandbox import Permission
from tests.sandbox.bot_harness import ConnectedBot
from tests.sandbox.raw_api import serve_raw_api


async def test_history_is_paged_before_after_and_around(connected: ConnectedBot) -> None:
    sent = [connected.sandbox.say("mia", "tickets", str(i)) for i in range(7)]
    middle = discord.Object(int(sent[3]["id"]))

    async def contents(**page: object) -> list[int]:
        return [m.id async for m in connected.channel().history(**page)]  # type: ignore[arg-type]  # history checks it

    ids = [int(message["id"]) for message in sent]
    assert await contents(limit=2) == [ids[6], ids[5]]
    assert await contents(before=middle, limit=2) == [ids[2], ids[1]]
    assert await contents(after=middle, limit=2) == [ids[4], ids[5]]
    assert await contents(around=middle, limit=3) == [ids[4], ids[3], ids[2]]


async def test_history_is_empty_without_permission_to_read_it(connected: ConnectedBot) -> None:
    await connected.send()
    connected.sandbox.set_overwrite(
        "tickets", connected.discord_guild.me.id, deny=Permission.READ_MESSAGE_HISTORY
    )

    assert [message async for message in connected.channel().history()] == []


async def test_members_are_fetched_with_their_roles(connected: ConnectedBot) -> None:
    mia = await connected.discord_guild.fetch_member(connected.guild.members["mia"])

    assert [role.id for role in mia.roles[1:]] == [connected.guild.roles["Staff"]]
    assert mia.display_name == "Mia"


async def test_unknown_objects_get_their_error_code() -> None:
    async with serve_raw_api() as api:
        tickets = api.guild.channels["tickets"]
        for path, status, code in (
            ("/channels/1", 404, 10003),
            ("/guilds/1/threads/active", 404, 10004),
            (f"/guilds/{api.guild.id}/members/1", 404, 10013),
            (f"/channels/{tickets}/messages/1", 404, 10008),
            ("/users/1", 404, 10013),
            ("/channels/word", 400, 50035),
            ("/nowhere", 404, 0),
        ):
            got, body = await api.call("GET", path)
            assert (path, got, body["code"]) == (path, status, code)


async def test_requests_are_logged_with_status_and_body() -> None:
    async with serve_raw_api() as api:
        await api.send({"content": "hello"})
        await api.call("GET", "/channels/1", params={"x": "1"})

        sent, missed = api.sandbox.requests
    assert (sent["method"], sent["path"], sent["status"]) == ("POST", api.messages, 200)
    assert sent["body"] == {"content": "hello"}
    assert (missed["query"], missed["status"]) == ("x=1", 404)
