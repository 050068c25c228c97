"""Direct messages: opened, sent, refused and answered by Discord's rules, with discord.py."""

from __future__ import annotations

import discord
import pytest

from bot.sandbox import ControlError
from bot.sandbox.rest.errors import FLAGGED_FOR_SPAM, OPENING_DMS_TOO_FAST
from tests.sandbox.bot_harness import ConnectedBot, eventually


async def open_dm(connected: ConnectedBot, user: str = "pete") -> discord.DMChannel:
    return await connected.bot.create_dm(discord.Object(connected.guild.members[user]))


async def test_a_direct_message_is_read_by_its_user_alone(connected: ConnectedBot) -> None:
    channel = await open_dm(connected)

    sent = await channel.send("hello", nonce="once")

    assert [one["id"] for one in connected.sandbox.messages("@pete", as_user="pete")] == [str(sent.id)]
    assert [one.id async for one in channel.history()] == [sent.id]
    with pytest.raises(ControlError, match="cannot see"):
        connected.sandbox.messages("@pete", as_user="mia")
    assert (await open_dm(connected)).id == channel.id


async def test_a_user_who_takes_none_gets_none_and_can_still_be_opened(connected: ConnectedBot) -> None:
    connected.sandbox.change_user("pete", takes_direct_messages=False)
    channel = await open_dm(connected)

    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hello")

    assert refused.value.code == 50007
    await (await open_dm(connected, "paula")).send("hello")
    connected.sandbox.change_user("pete", takes_direct_messages=True)
    await channel.send("hello")


async def test_a_user_in_no_guild_of_the_bot_gets_none(connected: ConnectedBot) -> None:
    channel = await open_dm(connected)
    connected.sandbox.remove_member("pete")

    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hello")

    assert refused.value.code == 50278


async def test_an_interaction_in_a_direct_message_has_a_user_and_no_guild(connected: ConnectedBot) -> None:
    found: list[discord.Interaction] = []

    async def answer(interaction: discord.Interaction) -> None:
        found.append(interaction)
        await interaction.response.send_message("seen", ephemeral=True)

    connected.bot.add_listener(answer, "on_interaction")
    connected.sandbox.change_user("pete", locale="de")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Press", custom_id="press"))
    sent = await (await open_dm(connected)).send("hello", view=view)

    record = await connected.sandbox.press("pete", sent.id, "press")

    (interaction,) = found
    assert (interaction.guild_id, interaction.user.id) == (None, connected.guild.members["pete"])
    assert isinstance(interaction.user, discord.User)
    assert isinstance(interaction.channel, discord.DMChannel)
    assert interaction.locale is discord.Locale.german
    assert [one["content"] for one in record["messages"]] == ["seen"]


@pytest.mark.parametrize(
    ("fault", "code"), [("direct-message-limit", OPENING_DMS_TOO_FAST), ("spam-flag", FLAGGED_FOR_SPAM)]
)
async def test_discords_limits_of_direct_messages_can_be_injected(
    connected: ConnectedBot, fault: str, code: int
) -> None:
    connected.sandbox.fail(fault, path="/users/@me/channels$")

    with pytest.raises(discord.Forbidden) as refused:
        await open_dm(connected)

    assert refused.value.code == code
    await open_dm(connected)


async def test_a_user_writes_to_the_bot(connected: ConnectedBot) -> None:
    connected.sandbox.say("pete", "@pete", "hello")

    await eventually(lambda: connected.bot.messages)
    assert isinstance(connected.bot.messages[0].channel, discord.DMChannel)


@pytest.mark.parametrize("changes", [{"locale": 5}, {"takes_direct_messages": "no"}, {"name": "x"}])
async def test_only_what_users_have_can_be_changed(
    connected: ConnectedBot, changes: dict[str, object]
) -> None:
    with pytest.raises(ControlError, match="cannot be"):
        connected.sandbox.change_user("pete", **changes)
