"""Messages: sent, edited, deleted and received by discord.py."""

from __future__ import annotations

import io

import discord
import pytest

from bot.sandbox import ControlError, Permission
from tests.sandbox.bot_harness import ConnectedBot, RecordingBot, connect, eventually


async def test_a_message_keeps_its_embed_buttons_and_files(connected: ConnectedBot) -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Press", custom_id="press"))
    embed = discord.Embed(title=" Title ", description="Text").add_field(name="a", value="b")

    sent = await connected.send("hello", embed=embed, view=view, file=discord.File(io.BytesIO(b"x"), "a.txt"))

    message_payload = connected.message_payload(sent.id)
    assert (message_payload["embeds"][0]["title"], message_payload["embeds"][0]["type"]) == ("Title", "rich")
    assert message_payload["components"][0]["components"][0]["id"] == 2
    assert sent.attachments[0].content_type == "text/plain; charset=utf-8"
    assert await sent.attachments[0].read() == b"x"


async def test_a_file_shown_in_an_embed_is_no_attachment(connected: ConnectedBot) -> None:
    embed = discord.Embed(title="Picture").set_image(url="attachment://a.png")

    sent = await connected.send(embed=embed, file=discord.File(io.BytesIO(b"x"), "a.png"))

    assert sent.attachments == []
    assert (sent.embeds[0].image.url or "").startswith(connected.sandbox.address)


async def test_message_create_carries_the_bot_s_nonce(connected: ConnectedBot) -> None:
    sent = await connected.send(nonce="once")

    await eventually(lambda: connected.bot.messages)
    assert (sent.nonce, connected.bot.messages[0].nonce) == ("once", "once")
    assert "nonce" not in connected.message_payload(sent.id)


async def test_a_nonce_used_again_returns_the_first_message(connected: ConnectedBot) -> None:
    first = await connected.send("one", nonce="same")

    again = await connected.send("two", nonce="same")
    elsewhere = await connected.send("three", channel="log", nonce="same")

    assert again.id == elsewhere.id == first.id
    assert [m["content"] for m in connected.sandbox.messages("tickets")] == ["one"]
    assert connected.sandbox.messages("log") == []


async def test_a_nonce_whose_message_was_deleted_is_an_unknown_message(connected: ConnectedBot) -> None:
    first = await connected.send("one", nonce="same")
    await first.delete()

    with pytest.raises(discord.NotFound) as refused:
        await connected.send("two", nonce="same")

    assert refused.value.code == 10008


async def test_a_nonce_is_forgotten_after_its_window() -> None:
    async with connect(RecordingBot(), nonce_window=0.0) as connected:
        first = await connected.send(nonce="same")

        assert (await connected.send(nonce="same")).id != first.id


async def test_an_edit_changes_only_what_it_names(connected: ConnectedBot) -> None:
    sent = await connected.send("one", embed=discord.Embed(title="Kept"))

    edited = await sent.edit(content="two")

    assert (edited.content, edited.embeds[0].title) == ("two", "Kept")
    assert edited.edited_at is not None
    await eventually(lambda: "raw_message_edit" in connected.bot.events)


async def test_only_the_author_can_edit_a_message(connected: ConnectedBot) -> None:
    typed = connected.sandbox.say("pete", "general", "mine")

    with pytest.raises(discord.Forbidden) as refused:
        await connected.channel("general").get_partial_message(int(typed["id"])).edit(content="yours")
    with pytest.raises(ControlError, match="Only its author"):
        connected.sandbox.edit_message("mia", typed["id"], "yours")

    assert refused.value.code == 50005


async def test_replies_to_a_deleted_message_lose_their_reference(connected: ConnectedBot) -> None:
    typed = connected.sandbox.say("mia", "tickets", "first")
    response = connected.sandbox.say("mia", "tickets", "second", reply_to=typed["id"])

    await connected.channel().get_partial_message(int(typed["id"])).delete()

    assert connected.message_payload(int(response["id"]))["referenced_message"] is None
    with pytest.raises(discord.NotFound):
        await connected.channel().fetch_message(int(typed["id"]))
    with pytest.raises(ControlError, match="MESSAGE_REFERENCE_UNKNOWN_MESSAGE"):
        connected.sandbox.say("mia", "tickets", "third", reply_to=typed["id"])


async def test_without_the_content_intent_content_is_empty_unless_the_bot_is_mentioned(
    connected: ConnectedBot,
) -> None:
    post = await connected.send("the post")
    aside = connected.sandbox.say("noah", "tickets", "secret")
    connected.sandbox.say("mia", "tickets", "hidden", reply_to=aside["id"])
    connected.sandbox.say("mia", "tickets", "a reply pings its author", reply_to=post.id)
    connected.sandbox.say("mia", "tickets", f"<@{connected.discord_guild.me.id}> open")

    await eventually(lambda: len(connected.bot.messages) == 5)
    _, secret, hidden, reply, meant = connected.bot.messages
    assert (secret.content, hidden.content) == ("", "")
    assert hidden.reference is not None
    assert hidden.reference.message_id == int(aside["id"])
    assert hidden.reference.resolved.content == ""  # type: ignore[union-attr]  # it is a message
    assert reply.content == "a reply pings its author"
    assert meant.content.endswith("open")


async def test_the_bot_gets_no_messages_from_channels_it_cannot_see(connected: ConnectedBot) -> None:
    connected.sandbox.set_overwrite("log", connected.discord_guild.me.id, deny=Permission.VIEW_CHANNEL)

    connected.sandbox.say("mia", "log", "unseen")
    connected.sandbox.say("mia", "tickets", "seen")

    await eventually(lambda: connected.bot.messages)
    assert [message.channel.id for message in connected.bot.messages] == [connected.guild.channels["tickets"]]
    with pytest.raises(discord.Forbidden) as refused:
        await connected.send(channel="log")
    assert refused.value.code == 50001


async def test_sending_needs_permission(connected: ConnectedBot) -> None:
    connected.sandbox.set_overwrite("log", connected.discord_guild.me.id, deny=Permission.SEND_MESSAGES)

    with pytest.raises(discord.Forbidden) as refused:
        await connected.send(channel="log")
    with pytest.raises(ControlError, match="Missing Access"):
        connected.sandbox.say("pete", "tickets", "let me in")

    assert refused.value.code == 50013


async def test_a_reaction_stays_until_it_is_removed(connected: ConnectedBot) -> None:
    sent = await connected.send()

    await sent.add_reaction("✅")

    seen = await connected.channel().fetch_message(sent.id)
    assert (str(seen.reactions[0]), seen.reactions[0].me) == ("✅", True)
    await sent.remove_reaction("✅", connected.discord_guild.me)
    assert connected.message_payload(sent.id)["reactions"] == []


async def test_a_direct_message_reaches_the_bot_with_content(connected: ConnectedBot) -> None:
    pete = await connected.bot.fetch_user(connected.guild.members["pete"])
    sent = await pete.send("hello")

    connected.sandbox.say("pete", sent.channel.id, "hello yourself")

    await eventually(lambda: len(connected.bot.messages) == 2)
    assert connected.bot.messages[1].content == "hello yourself"
    assert connected.bot.messages[1].guild is None
