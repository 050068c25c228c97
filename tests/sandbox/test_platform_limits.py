"""Limits of the whole platform: edits of old messages, requests per second, active threads."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import discord
import pytest

from bot.sandbox import ControlError
from bot.sandbox.model.guilds import DISCORD_EPOCH_MS, age
from bot.sandbox.model.json import Json
from bot.sandbox.rest.rate_limits import RateLimit
from tests.sandbox.bot_harness import ConnectedBot, limit_until_a_429
from tests.sandbox.raw_api import RawApi, serve_raw_api


@pytest.fixture
async def api() -> AsyncIterator[RawApi]:
    async with serve_raw_api() as served:
        yield served


async def sent_message(api: RawApi, channel: str = "tickets") -> str:
    """Send a message and return its path."""
    path = f"/channels/{api.guild.channels[channel]}/messages"
    _, message = await api.call("POST", path, {"content": "x"})
    return f"{path}/{message['id']}"


async def edit(api: RawApi, message: str) -> tuple[int, Json]:
    return await api.call("PATCH", message, {"content": "y"})


async def test_the_fourth_edit_of_old_messages_in_a_channel_gets_30046(api: RawApi) -> None:
    api.sandbox.change_settings(old_message_age=0)
    api.sandbox.set_rate_limit("old-edits", 3, 20.0)
    first, second = await sent_message(api), await sent_message(api)

    edits = [await edit(api, message) for message in (first, second, first, second)]
    elsewhere = await edit(api, await sent_message(api, "general"))

    assert [status for status, _ in edits] == [200, 200, 200, 429]
    refused = edits[-1][1]
    assert (refused["code"], refused["global"]) == (30046, False)
    assert refused["message"].startswith("Maximum number of edits to messages older than 1 hour reached")
    assert 0 < refused["retry_after"] <= 20
    assert elsewhere[0] == 200
    assert (await api.call("GET", first))[1]["content"] == "y"


async def test_edits_of_messages_younger_than_an_hour_are_not_limited(api: RawApi) -> None:
    api.sandbox.set_rate_limit("old-edits", 0, 20.0)
    message = await sent_message(api)

    young = await edit(api, message)
    api.sandbox.change_settings(old_message_age=0)
    old = await edit(api, message)

    assert (young[0], old[0]) == (200, 429)


def test_an_id_tells_the_age_of_its_object() -> None:
    hour_ago = int((time.time() - 3600) * 1000) - DISCORD_EPOCH_MS

    assert age(hour_ago << 22) >= 3600


async def test_discord_py_waits_out_a_limit_on_old_edits(connected: ConnectedBot) -> None:
    message = await connected.send()
    connected.sandbox.change_settings(old_message_age=0)
    limit_until_a_429(connected.sandbox, "old-edits", RateLimit(requests=1, per=0.1))

    for number in range(2):
        await message.edit(content=str(number))

    statuses = [r["status"] for r in connected.sandbox.requests if r["method"] == "PATCH"]
    assert statuses == [200, 429, 200]
    assert connected.message_payload(message.id)["content"] == "1"


async def test_discord_py_gives_up_after_five_refused_old_edits(connected: ConnectedBot) -> None:
    message = await connected.send()
    connected.sandbox.change_settings(old_message_age=0)
    connected.sandbox.set_rate_limit("old-edits", 0, 0.01)

    with pytest.raises(discord.HTTPException) as refused:
        await message.edit(content="other")
    await connected.send("new ones are posted")

    assert (refused.value.status, refused.value.code) == (429, 30046)
    assert [r["status"] for r in connected.sandbox.requests if r["method"] == "PATCH"] == [429] * 5


async def test_the_global_limit_holds_for_all_routes_but_interactions(api: RawApi) -> None:
    api.sandbox.set_rate_limit("global", 2, 60.0)
    passed = [await api.call("GET", "/users/@me"), await api.send({"content": "x"})]
    headers = {"Authorization": f"Bot {api.sandbox.token}"}

    async with api.session.get(api.sandbox.api_base + "/gateway/bot", headers=headers) as response:
        limited, answer = response, await response.json()
    interaction = await api.call("POST", "/interactions/1/token/callback", {"type": 5})

    assert [status for status, _ in passed] == [200, 200]
    assert (limited.status, answer["global"]) == (429, True)
    assert (limited.headers["X-RateLimit-Scope"], limited.headers["X-RateLimit-Global"]) == ("global", "true")
    assert interaction[0] == 404


async def test_discord_py_waits_out_the_global_limit(connected: ConnectedBot) -> None:
    limit_until_a_429(connected.sandbox, "global", RateLimit(requests=2, per=0.1))

    for channel in ("tickets", "reports", "general", "log"):
        await connected.send("hello", channel)

    sends = [r["status"] for r in connected.sandbox.requests if r["method"] == "POST"]
    assert sends == [200, 200, 429, 200, 200]


async def test_too_many_invalid_requests_get_cloudflare_s_page(api: RawApi) -> None:
    api.sandbox.set_rate_limit("invalid", 2, 600.0)
    api.sandbox.fail("429-shared", retry_after=0.1)
    for path in ("/users/@me", "/users/1"):  # neither a shared limit nor a 404 counts
        await api.call("GET", path)

    api.sandbox.fail("forbidden", times=2)
    invalid = [(await api.call("GET", "/users/@me"))[0] for _ in range(2)]
    async with api.session.get(api.sandbox.api_base + "/gateway") as response:
        banned = response

    assert invalid == [403, 403]
    assert (banned.status, banned.content_type) == (429, "text/html")
    assert "Via" not in banned.headers


async def test_a_guild_has_a_limited_number_of_active_threads(connected: ConnectedBot) -> None:
    connected.sandbox.change_settings(max_active_threads=2)
    post, channel = await connected.send(), connected.channel("general")
    await channel.create_thread(name="private")
    await channel.create_thread(name="public", type=discord.ChannelType.public_thread)

    refused = []
    for create in (post.create_thread, channel.create_thread):
        with pytest.raises(discord.HTTPException) as error:
            await create(name="one more")
        refused.append((error.value.status, error.value.code))
    with pytest.raises(ControlError, match="Maximum number of active threads"):
        connected.sandbox.open_thread("mia", "general", "by hand")

    assert refused == [(400, 160006)] * 2


async def test_archiving_a_thread_makes_room_and_unarchiving_needs_it(connected: ConnectedBot) -> None:
    connected.sandbox.change_settings(max_active_threads=1)
    first = await (await connected.send()).create_thread(name="first")
    await first.edit(archived=True)
    second = await (await connected.send()).create_thread(name="second")

    for wake_up in (first.edit(archived=False), first.send("a message un-archives")):
        with pytest.raises(discord.HTTPException) as refused:
            await wake_up
        assert refused.value.code == 160006
    with pytest.raises(ControlError, match="160006"):
        connected.sandbox.change_thread(first.id, archived=False)
    await second.edit(archived=True)

    assert not (await first.edit(archived=False)).archived
