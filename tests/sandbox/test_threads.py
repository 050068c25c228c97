"""Threads: from messages, from nothing, private ones, forum posts; locked and archived ones."""

from __future__ import annotations

import discord
import pytest

from bot.sandbox import ControlError
from tests.sandbox.bot_harness import Stage, eventually


async def test_a_thread_of_a_message_has_its_id_and_there_is_only_one(stage: Stage) -> None:
    post = await stage.send()

    thread = await post.create_thread(name="talk")

    assert (thread.id, thread.owner_id) == (post.id, stage.guild.members["ticketbridge"])
    assert stage.shown(post.id)["thread"]["name"] == "talk"
    with pytest.raises(discord.HTTPException) as refused:
        await stage.channel().get_partial_message(post.id).create_thread(name="again")
    assert refused.value.code == 160004


async def test_a_thread_begins_by_quoting_its_message(stage: Stage) -> None:
    post = await stage.send("the post")
    thread = await post.create_thread(name="talk")
    await thread.send("first words")

    (quote, words) = stage.sandbox.messages(thread.id)

    assert (quote["type"], quote["referenced_message"]["content"]) == (21, "the post")
    assert words["content"] == "first words"
    assert stage.shown(post.id)["thread"]["message_count"] == 1


async def test_the_thread_is_told_of_before_the_messages_in_it(stage: Stage) -> None:
    post = await stage.send()
    await post.create_thread(name="talk")

    await eventually(lambda: len(stage.bot.received) == 2)
    told = [name for name in stage.bot.heard if name in ("message", "thread_create")]
    assert told == ["message", "thread_create", "message"]


async def test_a_private_thread_is_seen_by_who_is_in_it(stage: Stage) -> None:
    thread = await stage.channel("general").create_thread(name="private")

    with pytest.raises(ControlError, match="Missing Access"):
        stage.sandbox.say("pete", thread.id, "may I?")
    await thread.add_user(discord.Object(stage.guild.members["pete"]))

    assert stage.sandbox.say("pete", thread.id, "I may")["content"] == "I may"
    assert stage.members_of(thread) == {stage.guild.members["ticketbridge"], stage.guild.members["pete"]}


async def test_nobody_is_added_who_cannot_see_the_channel(stage: Stage) -> None:
    thread = await stage.channel("tickets").create_thread(name="private")

    with pytest.raises(discord.Forbidden):
        await thread.add_user(discord.Object(stage.guild.members["pete"]))


async def test_a_mention_brings_people_into_a_private_thread(stage: Stage) -> None:
    staff, pete = stage.guild.roles["Staff"], stage.guild.members["pete"]
    thread = await stage.channel("tickets").create_thread(name="private")

    await thread.send(f"<@&{staff}> <@{pete}>", allowed_mentions=discord.AllowedMentions.all())

    inside = stage.members_of(thread)
    assert {stage.guild.members["mia"], stage.guild.members["noah"]} <= inside
    assert pete not in inside


async def test_a_mention_that_pings_nobody_brings_nobody(stage: Stage) -> None:
    thread = await stage.channel("tickets").create_thread(name="private")

    none = discord.AllowedMentions.none()
    await thread.send(f"<@{stage.guild.members['mia']}>", allowed_mentions=none)

    assert stage.members_of(thread) == {stage.guild.members["ticketbridge"]}


async def test_a_thread_made_by_hand_reaches_the_bot_and_its_channel(stage: Stage) -> None:
    made = stage.sandbox.open_thread("mia", "general", "by hand")

    await eventually(lambda: stage.bot.get_channel(int(made["id"])))
    (told,) = stage.sandbox.messages("general")
    assert (told["type"], told["content"]) == (18, "by hand")
    with pytest.raises(ControlError, match="Missing Permissions"):
        stage.sandbox.open_thread("pete", "general", "not allowed", private=True)


async def test_sending_wakes_an_archived_thread_but_nothing_in_it_is_edited(stage: Stage) -> None:
    thread = await (await stage.send()).create_thread(name="talk")
    words = await thread.send("words")
    await thread.edit(archived=True)

    with pytest.raises(discord.HTTPException) as refused:
        await words.edit(content="other words")
    stage.sandbox.say("mia", thread.id, "wake up")

    assert refused.value.code == 50083
    assert not (await thread.parent.fetch_message(thread.id)).thread.archived  # type: ignore[union-attr]  # it has both


async def test_an_archived_thread_cannot_be_locked_before_it_is_woken(stage: Stage) -> None:
    thread = await (await stage.send()).create_thread(name="talk")
    await thread.edit(archived=True)

    with pytest.raises(discord.HTTPException) as refused:
        await thread.edit(locked=True)
    woken = await thread.edit(archived=False, locked=True)

    assert refused.value.code == 50083
    assert woken.locked


async def test_in_a_locked_thread_only_who_manages_threads_writes(stage: Stage) -> None:
    made = stage.sandbox.open_thread("pete", "general", "talk")
    stage.sandbox.change_thread(made["id"], locked=True)

    with pytest.raises(ControlError, match="locked"):
        stage.sandbox.say("pete", made["id"], "still here")

    assert stage.sandbox.say("mia", made["id"], "I may")["content"] == "I may"


async def test_archived_and_active_threads_are_listed_apart(stage: Stage) -> None:
    sleeping = await (await stage.send()).create_thread(name="sleeping")
    awake = await (await stage.send()).create_thread(name="awake")
    await sleeping.edit(archived=True)

    assert [thread.id for thread in await stage.home.active_threads()] == [awake.id]
    assert [t.id async for t in stage.channel().archived_threads()] == [sleeping.id]


async def test_a_renamed_and_a_deleted_thread_show_at_their_message(stage: Stage) -> None:
    post = await stage.send()
    thread = await post.create_thread(name="talk")

    await thread.edit(name="other talk")
    assert stage.shown(post.id)["thread"]["name"] == "other talk"

    stage.sandbox.delete_channel(thread.id)
    assert "thread" not in stage.shown(post.id)
    await eventually(lambda: "thread_delete" in stage.bot.heard)
