"""Login: token, intents, the guild in discord.py's cache, command registration."""

from __future__ import annotations

from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.sandbox import Sandbox
from tests.sandbox.bot_harness import ConnectedBot, RecordingBot, connect, route_discord_py_to


async def test_the_bot_finds_its_guild_with_channels_roles_and_itself(connected: ConnectedBot) -> None:
    discord_guild = connected.discord_guild

    assert discord_guild.name == "Ticketbridge Demo"
    assert {channel.name for channel in discord_guild.text_channels} == {
        "tickets",
        "reports",
        "general",
        "log",
    }
    assert discord_guild.get_role(connected.guild.roles["Staff"]) is not None
    assert discord_guild.me.id == connected.guild.members["ticketbridge"]
    assert discord_guild.member_count == 6


async def test_without_the_presences_intent_only_the_bot_is_cached(connected: ConnectedBot) -> None:
    assert [member.name for member in connected.discord_guild.members] == ["ticketbridge"]


async def test_a_wrong_token_fails_the_login() -> None:
    sandbox = Sandbox()
    async with sandbox.serve(), RecordingBot() as bot:
        with route_discord_py_to(sandbox), pytest.raises(discord.LoginFailure):
            await bot.start("another")


async def test_a_disallowed_intent_closes_the_gateway() -> None:
    intents = discord.Intents(guilds=True, message_content=True)

    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connect(RecordingBot(intents), disallowed_intents=1 << 15):
            pass


async def test_synced_commands_keep_their_ids(connected: ConnectedBot) -> None:
    async def act(interaction: discord.Interaction) -> None:
        """Does nothing."""

    connected.bot.tree.add_command(app_commands.Command(name="look", description="Looks.", callback=act))

    first = await connected.bot.tree.sync()
    again = await connected.bot.tree.sync()

    assert [command.name for command in first] == ["look"]
    assert [command.id for command in again] == [command.id for command in first]


async def test_guild_commands_are_kept_per_guild(connected: ConnectedBot) -> None:
    async def act(interaction: discord.Interaction) -> None:
        """Does nothing."""

    discord_guild = discord.Object(connected.guild.id)
    look: Any = app_commands.Command(name="look", description="Looks.", callback=act)
    connected.bot.tree.add_command(look, guild=discord_guild)

    (synced,) = await connected.bot.tree.sync(guild=discord_guild)

    assert synced.guild_id == connected.guild.id
    (registered,) = connected.sandbox.snapshot()["commands"]
    assert registered["guild_id"] == str(connected.guild.id)


async def test_json_responses_have_no_charset() -> None:
    sandbox = Sandbox()
    async with sandbox.serve(), aiohttp.ClientSession() as session:
        async with session.get(sandbox.api_base + "/gateway") as response:
            assert response.headers["Content-Type"] == "application/json"
            assert (await response.json())["url"] == sandbox.gateway_url
        async with session.get(sandbox.api_base + "/users/@me") as response:
            assert (response.status, await response.json()) == (
                401,
                {"message": "401: Unauthorized", "code": 0},
            )
