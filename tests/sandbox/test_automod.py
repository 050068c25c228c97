"""AutoMod: messages, edits and thread names with a blocked word are refused."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.sandbox import ControlError
from tests.sandbox.bot_harness import ConnectedBot

BLOCKED = (
    {"content": "so BAD a word"},
    {"embed": discord.Embed(title="bad")},
    {"embed": discord.Embed(description="x").add_field(name="n", value="too bad")},
    {"embed": discord.Embed(description="x").set_footer(text="bad")},
)


@pytest.mark.parametrize("message", BLOCKED)
async def test_a_blocked_word_is_refused_in_messages_and_edits(
    connected: ConnectedBot, message: dict[str, Any]
) -> None:
    posted = await connected.send("good")
    connected.sandbox.change_settings(blocked_words=["bad"])

    refused = []
    for act in (connected.channel().send, posted.edit):
        with pytest.raises(discord.HTTPException) as error:
            await act(**message)
        refused.append((error.value.status, error.value.code))

    assert refused == [(400, 200000)] * 2
    (kept,) = connected.sandbox.messages("tickets")
    assert (kept["content"], kept["embeds"]) == ("good", [])


async def test_users_and_thread_names_are_refused_too(connected: ConnectedBot) -> None:
    connected.sandbox.change_settings(blocked_words=["bad"])
    thread = await connected.channel("general").create_thread(name="good")

    for rename in (connected.channel("general").create_thread, thread.edit):
        with pytest.raises(discord.HTTPException) as refused:
            await rename(name="bad")
        assert refused.value.code == 200001
    with pytest.raises(ControlError, match="automatic moderation"):
        connected.sandbox.say("mia", "general", "bad")


async def test_a_harmful_link_has_a_code_of_its_own(connected: ConnectedBot) -> None:
    connected.sandbox.change_settings(harmful_links=["evil.example"])

    with pytest.raises(discord.HTTPException) as refused:
        await connected.send("see https://evil.example/x")

    assert (refused.value.status, refused.value.code) == (400, 240000)


async def test_words_that_are_no_longer_blocked_are_sent(connected: ConnectedBot) -> None:
    connected.sandbox.change_settings(blocked_words=["bad"])
    changed = connected.sandbox.change_settings(blocked_words=[])

    assert changed["blocked_words"] == ()
    assert (await connected.send("bad")).content == "bad"
