"""Fetching: histories by page, guilds, members, channels, and what is not there."""

from __future__ import annotations

import discord

from bot.sandbox import Permission
from tests.sandbox.bot_harness import Stage
from tests.sandbox.raw_api import raw_rest


async def test_a_history_is_paged_in_every_direction(stage: Stage) -> None:
    sent = [stage.sandbox.say("mia", "tickets", str(i)) for i in range(7)]
    middle = discord.Object(int(sent[3]["id"]))

    async def contents(**page: object) -> list[int]:
        return [m.id async for m in stage.channel().history(**page)]  # type: ignore[arg-type]  # history checks it

    ids = [int(message["id"]) for message in sent]
    assert await contents(limit=2) == [ids[6], ids[5]]
    assert await contents(before=middle, limit=2) == [ids[2], ids[1]]
    assert await contents(after=middle, limit=2) == [ids[4], ids[5]]
    assert await contents(around=middle, limit=3) == [ids[4], ids[3], ids[2]]


async def test_without_the_right_to_read_history_there_is_none(stage: Stage) -> None:
    await stage.send()
    stage.sandbox.set_overwrite("tickets", stage.home.me.id, deny=Permission.READ_MESSAGE_HISTORY)

    assert [message async for message in stage.channel().history()] == []


async def test_members_are_fetched_with_their_roles(stage: Stage) -> None:
    mia = await stage.home.fetch_member(stage.guild.members["mia"])

    assert [role.id for role in mia.roles[1:]] == [stage.guild.roles["Staff"]]
    assert mia.display_name == "Mia"


async def test_what_is_not_there_is_refused_by_its_code() -> None:
    async with raw_rest() as rest:
        tickets = rest.guild.channels["tickets"]
        for path, status, code in (
            ("/channels/1", 404, 10003),
            ("/guilds/1/threads/active", 404, 10004),
            (f"/guilds/{rest.guild.id}/members/1", 404, 10013),
            (f"/channels/{tickets}/messages/1", 404, 10008),
            ("/users/1", 404, 10013),
            ("/channels/word", 400, 50035),
            ("/nowhere", 404, 0),
        ):
            got, body = await rest.call("GET", path)
            assert (path, got, body["code"]) == (path, status, code)


async def test_every_request_is_kept_with_its_status_and_body() -> None:
    async with raw_rest() as rest:
        await rest.send({"content": "hello"})
        await rest.call("GET", "/channels/1", params={"x": "1"})

        sent, missed = rest.sandbox.requests
    assert (sent["method"], sent["path"], sent["status"]) == ("POST", rest.messages, 200)
    assert sent["body"] == {"content": "hello"}
    assert (missed["query"], missed["status"]) == ("x=1", 404)
