"""Logging in: the token, the guild as the bot finds it, commands that are registered."""

from __future__ import annotations

from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.sandbox import Sandbox
from tests.sandbox.bot_harness import Listener, Stage, aimed_at, logged_in


async def test_the_bot_finds_its_guild_with_channels_roles_and_itself(stage: Stage) -> None:
    home = stage.home

    assert home.name == "Ticketbridge Demo"
    assert {channel.name for channel in home.text_channels} == {"tickets", "reports", "general", "log"}
    assert home.get_role(stage.guild.roles["Staff"]) is not None
    assert home.me.id == stage.guild.members["ticketbridge"]
    assert home.member_count == 6


async def test_without_the_presences_intent_only_the_bot_itself_is_known(stage: Stage) -> None:
    assert [member.name for member in stage.home.members] == ["ticketbridge"]


async def test_a_wrong_token_is_refused() -> None:
    sandbox = Sandbox()
    async with sandbox.serve(), Listener() as bot:
        with aimed_at(sandbox), pytest.raises(discord.LoginFailure):
            await bot.start("another")


async def test_a_disallowed_intent_closes_the_gateway() -> None:
    intents = discord.Intents(guilds=True, message_content=True)

    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with logged_in(Listener(intents), disallowed_intents=1 << 15):
            pass


async def test_synced_commands_keep_their_ids(stage: Stage) -> None:
    async def act(interaction: discord.Interaction) -> None:
        """Does nothing."""

    stage.bot.tree.add_command(app_commands.Command(name="look", description="Looks.", callback=act))

    first = await stage.bot.tree.sync()
    again = await stage.bot.tree.sync()

    assert [command.name for command in first] == ["look"]
    assert [command.id for command in again] == [command.id for command in first]


async def test_commands_of_a_guild_are_its_own(stage: Stage) -> None:
    async def act(interaction: discord.Interaction) -> None:
        """Does nothing."""

    home = discord.Object(stage.guild.id)
    look: Any = app_commands.Command(name="look", description="Looks.", callback=act)
    stage.bot.tree.add_command(look, guild=home)

    (synced,) = await stage.bot.tree.sync(guild=home)

    assert synced.guild_id == stage.guild.id
    (registered,) = stage.sandbox.snapshot()["commands"]
    assert registered["guild_id"] == str(stage.guild.id)


async def test_json_answers_name_no_charset() -> None:
    sandbox = Sandbox()
    async with sandbox.serve(), aiohttp.ClientSession() as session:
        async with session.get(sandbox.api_base + "/gateway") as answer:
            assert answer.headers["Content-Type"] == "application/json"
            assert (await answer.json())["url"] == sandbox.gateway_url
        async with session.get(sandbox.api_base + "/users/@me") as answer:
            assert (answer.status, await answer.json()) == (401, {"message": "401: Unauthorized", "code": 0})
