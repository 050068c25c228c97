"""Messages: what is sent, edited and deleted is what the bot and the others see."""

from __future__ import annotations

import io

import discord
import pytest

from bot.sandbox import ControlError, Permission
from tests.sandbox.bot_harness import Listener, Stage, eventually, logged_in


async def test_a_message_keeps_its_embed_buttons_and_files(stage: Stage) -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Press", custom_id="press"))
    embed = discord.Embed(title=" Title ", description="Text").add_field(name="a", value="b")

    sent = await stage.send("hello", embed=embed, view=view, file=discord.File(io.BytesIO(b"x"), "a.txt"))

    shown = stage.shown(sent.id)
    assert (shown["embeds"][0]["title"], shown["embeds"][0]["type"]) == ("Title", "rich")
    assert shown["components"][0]["components"][0]["id"] == 2
    assert sent.attachments[0].content_type == "text/plain; charset=utf-8"
    assert await sent.attachments[0].read() == b"x"


async def test_a_file_shown_in_an_embed_is_no_attachment(stage: Stage) -> None:
    embed = discord.Embed(title="Picture").set_image(url="attachment://a.png")

    sent = await stage.send(embed=embed, file=discord.File(io.BytesIO(b"x"), "a.png"))

    assert sent.attachments == []
    assert (sent.embeds[0].image.url or "").startswith(stage.sandbox.address)


async def test_the_bot_hears_of_its_own_message_with_the_nonce_it_gave(stage: Stage) -> None:
    sent = await stage.send(nonce="once")

    await eventually(lambda: stage.bot.received)
    assert (sent.nonce, stage.bot.received[0].nonce) == ("once", "once")
    assert "nonce" not in stage.shown(sent.id)


async def test_a_nonce_used_again_returns_the_first_message(stage: Stage) -> None:
    first = await stage.send("one", nonce="same")

    again = await stage.send("two", nonce="same")
    elsewhere = await stage.send("three", channel="log", nonce="same")

    assert again.id == elsewhere.id == first.id
    assert [m["content"] for m in stage.sandbox.messages("tickets")] == ["one"]
    assert stage.sandbox.messages("log") == []


async def test_a_nonce_whose_message_was_deleted_is_an_unknown_message(stage: Stage) -> None:
    first = await stage.send("one", nonce="same")
    await first.delete()

    with pytest.raises(discord.NotFound) as refused:
        await stage.send("two", nonce="same")

    assert refused.value.code == 10008


async def test_a_nonce_is_forgotten_after_its_window() -> None:
    async with logged_in(Listener(), nonce_window=0.0) as stage:
        first = await stage.send(nonce="same")

        assert (await stage.send(nonce="same")).id != first.id


async def test_an_edit_changes_only_what_it_names(stage: Stage) -> None:
    sent = await stage.send("one", embed=discord.Embed(title="Kept"))

    edited = await sent.edit(content="two")

    assert (edited.content, edited.embeds[0].title) == ("two", "Kept")
    assert edited.edited_at is not None
    await eventually(lambda: "raw_message_edit" in stage.bot.heard)


async def test_nobody_edits_what_another_wrote(stage: Stage) -> None:
    typed = stage.sandbox.say("pete", "general", "mine")

    with pytest.raises(discord.Forbidden) as refused:
        await stage.channel("general").get_partial_message(int(typed["id"])).edit(content="yours")
    with pytest.raises(ControlError, match="Only its author"):
        stage.sandbox.edit_message("mia", typed["id"], "yours")

    assert refused.value.code == 50005


async def test_a_deleted_message_is_gone_for_replies_too(stage: Stage) -> None:
    typed = stage.sandbox.say("mia", "tickets", "first")
    answer = stage.sandbox.say("mia", "tickets", "second", reply_to=typed["id"])

    await stage.channel().get_partial_message(int(typed["id"])).delete()

    assert stage.shown(int(answer["id"]))["referenced_message"] is None
    with pytest.raises(discord.NotFound):
        await stage.channel().fetch_message(int(typed["id"]))
    with pytest.raises(ControlError, match="MESSAGE_REFERENCE_UNKNOWN_MESSAGE"):
        stage.sandbox.say("mia", "tickets", "third", reply_to=typed["id"])


async def test_without_the_content_intent_typed_words_are_empty_unless_the_bot_is_meant(
    stage: Stage,
) -> None:
    post = await stage.send("the post")
    aside = stage.sandbox.say("noah", "tickets", "secret")
    stage.sandbox.say("mia", "tickets", "hidden", reply_to=aside["id"])
    stage.sandbox.say("mia", "tickets", "a reply pings its author", reply_to=post.id)
    stage.sandbox.say("mia", "tickets", f"<@{stage.home.me.id}> open")

    await eventually(lambda: len(stage.bot.received) == 5)
    _, secret, hidden, reply, meant = stage.bot.received
    assert (secret.content, hidden.content) == ("", "")
    assert hidden.reference is not None
    assert hidden.reference.message_id == int(aside["id"])
    assert hidden.reference.resolved.content == ""  # type: ignore[union-attr]  # it is a message
    assert reply.content == "a reply pings its author"
    assert meant.content.endswith("open")


async def test_the_bot_hears_nothing_from_where_it_cannot_look(stage: Stage) -> None:
    stage.sandbox.set_overwrite("log", stage.home.me.id, deny=Permission.VIEW_CHANNEL)

    stage.sandbox.say("mia", "log", "unseen")
    stage.sandbox.say("mia", "tickets", "seen")

    await eventually(lambda: stage.bot.received)
    assert [message.channel.id for message in stage.bot.received] == [stage.guild.channels["tickets"]]
    with pytest.raises(discord.Forbidden) as refused:
        await stage.send(channel="log")
    assert refused.value.code == 50001


async def test_whoever_may_not_send_is_told_so(stage: Stage) -> None:
    stage.sandbox.set_overwrite("log", stage.home.me.id, deny=Permission.SEND_MESSAGES)

    with pytest.raises(discord.Forbidden) as refused:
        await stage.send(channel="log")
    with pytest.raises(ControlError, match="Missing Access"):
        stage.sandbox.say("pete", "tickets", "let me in")

    assert refused.value.code == 50013


async def test_a_reaction_stays_until_it_is_removed(stage: Stage) -> None:
    sent = await stage.send()

    await sent.add_reaction("✅")

    seen = await stage.channel().fetch_message(sent.id)
    assert (str(seen.reactions[0]), seen.reactions[0].me) == ("✅", True)
    await sent.remove_reaction("✅", stage.home.me)
    assert stage.shown(sent.id)["reactions"] == []


async def test_a_direct_message_reaches_the_bot_with_its_words(stage: Stage) -> None:
    pete = await stage.bot.fetch_user(stage.guild.members["pete"])
    sent = await pete.send("hello")

    stage.sandbox.say("pete", sent.channel.id, "hello yourself")

    await eventually(lambda: len(stage.bot.received) == 2)
    assert stage.bot.received[1].content == "hello yourself"
    assert stage.bot.received[1].guild is None
