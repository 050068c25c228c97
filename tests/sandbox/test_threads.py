"""Threads: created from messages or without, private, locked and archived ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import discord
import pytest

from bot.sandbox import ControlError, Permission, Sandbox
from tests.sandbox.bot_harness import ConnectedBot, eventually


async def test_a_thread_of_a_message_has_its_id_and_there_is_only_one(connected: ConnectedBot) -> None:
    post = await connected.send()

    thread = await post.create_thread(name="talk")

    assert (thread.id, thread.owner_id) == (post.id, connected.guild.members["ticketbridge"])
    assert connected.message_payload(post.id)["thread"]["name"] == "talk"
    with pytest.raises(discord.HTTPException) as refused:
        await connected.channel().get_partial_message(post.id).create_thread(name="again")
    assert refused.value.code == 160004


async def test_a_thread_begins_by_quoting_its_message(connected: ConnectedBot) -> None:
    post = await connected.send("the post")
    thread = await post.create_thread(name="talk")
    await thread.send("first words")

    (quote, words) = connected.sandbox.messages(thread.id)

    assert (quote["type"], quote["referenced_message"]["content"]) == (21, "the post")
    assert words["content"] == "first words"
    assert connected.message_payload(post.id)["thread"]["message_count"] == 1


async def test_thread_create_is_sent_before_the_thread_s_messages(connected: ConnectedBot) -> None:
    post = await connected.send()
    await post.create_thread(name="talk")

    await eventually(lambda: len(connected.bot.messages) == 2)
    answer = [name for name in connected.bot.events if name in ("message", "thread_create")]
    assert answer == ["message", "thread_create", "message"]


async def test_a_private_thread_is_visible_to_its_members(connected: ConnectedBot) -> None:
    thread = await connected.channel("general").create_thread(name="private")

    with pytest.raises(ControlError, match="Missing Access"):
        connected.sandbox.say("pete", thread.id, "may I?")
    await thread.add_user(discord.Object(connected.guild.members["pete"]))

    assert connected.sandbox.say("pete", thread.id, "I may")["content"] == "I may"
    assert connected.members_of(thread) == {
        connected.guild.members["ticketbridge"],
        connected.guild.members["pete"],
    }


async def test_a_user_who_cannot_see_the_channel_is_not_added_to_its_thread(connected: ConnectedBot) -> None:
    thread = await connected.channel("tickets").create_thread(name="private")

    with pytest.raises(discord.Forbidden) as refused:
        await thread.add_user(discord.Object(connected.guild.members["pete"]))
    assert refused.value.code == 50001
    connected.sandbox.set_overwrite("tickets", "pete", allow=Permission.VIEW_CHANNEL)
    await thread.add_user(discord.Object(connected.guild.members["pete"]))

    assert connected.guild.members["pete"] in connected.members_of(thread)


async def test_a_former_member_is_not_added_to_a_thread(connected: ConnectedBot) -> None:
    thread = await connected.channel("general").create_thread(name="private")
    connected.sandbox.remove_member("pete")

    with pytest.raises(discord.NotFound) as left:
        await thread.add_user(discord.Object(connected.guild.members["pete"]))
    with pytest.raises(discord.NotFound) as unknown:
        await thread.add_user(discord.Object(1))

    assert (left.value.code, unknown.value.code) == (10007, 10013)


async def test_a_mention_adds_members_to_a_private_thread(connected: ConnectedBot) -> None:
    staff, pete = connected.guild.roles["Staff"], connected.guild.members["pete"]
    thread = await connected.channel("tickets").create_thread(name="private")

    await thread.send(f"<@&{staff}> <@{pete}>", allowed_mentions=discord.AllowedMentions.all())

    inside = connected.members_of(thread)
    assert {connected.guild.members["mia"], connected.guild.members["noah"]} <= inside
    assert pete not in inside


async def test_a_suppressed_mention_adds_no_member(connected: ConnectedBot) -> None:
    thread = await connected.channel("tickets").create_thread(name="private")

    none = discord.AllowedMentions.none()
    await thread.send(f"<@{connected.guild.members['mia']}>", allowed_mentions=none)

    assert connected.members_of(thread) == {connected.guild.members["ticketbridge"]}


async def test_a_thread_created_by_a_user_is_announced(connected: ConnectedBot) -> None:
    made = connected.sandbox.open_thread("mia", "general", "by hand")

    await eventually(lambda: connected.bot.get_channel(int(made["id"])))
    (answer,) = connected.sandbox.messages("general")
    assert (answer["type"], answer["content"]) == (18, "by hand")
    with pytest.raises(ControlError, match="Missing Permissions"):
        connected.sandbox.open_thread("pete", "general", "not allowed", private=True)


async def test_sending_unarchives_a_thread_but_its_messages_cannot_be_edited_before(
    connected: ConnectedBot,
) -> None:
    thread = await (await connected.send()).create_thread(name="talk")
    words = await thread.send("words")
    await thread.edit(archived=True)

    with pytest.raises(discord.HTTPException) as refused:
        await words.edit(content="other words")
    connected.sandbox.say("mia", thread.id, "wake up")

    assert refused.value.code == 50083
    assert not (await thread.parent.fetch_message(thread.id)).thread.archived  # type: ignore[union-attr]  # it has both


async def test_an_archived_thread_cannot_be_locked_before_it_is_unarchived(connected: ConnectedBot) -> None:
    thread = await (await connected.send()).create_thread(name="talk")
    await thread.edit(archived=True)

    with pytest.raises(discord.HTTPException) as refused:
        await thread.edit(locked=True)
    woken = await thread.edit(archived=False, locked=True)

    assert refused.value.code == 50083
    assert woken.locked


async def test_only_who_manages_threads_can_send_in_a_locked_thread(connected: ConnectedBot) -> None:
    made = connected.sandbox.open_thread("pete", "general", "talk")
    connected.sandbox.change_thread(made["id"], locked=True)

    with pytest.raises(ControlError, match="locked"):
        connected.sandbox.say("pete", made["id"], "still here")

    assert connected.sandbox.say("mia", made["id"], "I may")["content"] == "I may"


async def test_archived_and_active_threads_are_listed_separately(connected: ConnectedBot) -> None:
    sleeping = await (await connected.send()).create_thread(name="sleeping")
    awake = await (await connected.send()).create_thread(name="awake")
    await sleeping.edit(archived=True)

    assert [thread.id for thread in await connected.discord_guild.active_threads()] == [awake.id]
    assert [t.id async for t in connected.channel().archived_threads()] == [sleeping.id]


async def test_renaming_or_deleting_a_thread_updates_its_starter_message(connected: ConnectedBot) -> None:
    post = await connected.send()
    thread = await post.create_thread(name="talk")

    await thread.edit(name="other talk")
    assert connected.message_payload(post.id)["thread"]["name"] == "other talk"

    connected.sandbox.delete_channel(thread.id)
    assert "thread" not in connected.message_payload(post.id)
    await eventually(lambda: "thread_delete" in connected.bot.events)


def hide_by_overwrite(sandbox: Sandbox, bot: int) -> None:
    sandbox.set_overwrite("log", bot, deny=Permission.VIEW_CHANNEL)


def hide_as_from_everyone(sandbox: Sandbox, bot: int) -> None:
    sandbox.delete_overwrite("log", "ticketbridge")
    sandbox.create_role("Readers")
    sandbox.set_overwrite("log", "Readers", allow=Permission.VIEW_CHANNEL)


@pytest.mark.parametrize(
    ("hide", "show"),
    [
        (hide_by_overwrite, lambda s, bot: s.set_overwrite("log", bot, allow=Permission.VIEW_CHANNEL)),
        (hide_by_overwrite, lambda s, bot: s.delete_overwrite("log", bot)),
        (hide_as_from_everyone, lambda s, bot: s.give_role(bot, "Readers")),
        (hide_as_from_everyone, lambda s, bot: s.change_role("ticketbridge", Permission.ADMINISTRATOR)),
    ],
    ids=["overwrite", "deleted overwrite", "role", "permissions"],
)
async def test_a_channel_that_becomes_visible_brings_its_active_threads(
    connected: ConnectedBot, hide: Callable[..., None], show: Callable[..., Any]
) -> None:
    bot = connected.guild.members["ticketbridge"]
    hide(connected.sandbox, bot)
    active, archived = (connected.sandbox.open_thread("mia", "log", name) for name in ("new", "old"))
    connected.sandbox.change_thread(archived["id"], archived=True)
    show(connected.sandbox, bot)

    await eventually(lambda: "thread_join" in connected.bot.events)
    assert [thread.id for thread in connected.discord_guild.threads] == [int(active["id"])]
    assert "thread_create" not in connected.bot.events


async def test_no_threads_are_sent_for_channels_that_stay_visible_or_vanish(connected: ConnectedBot) -> None:
    bot = connected.guild.members["ticketbridge"]
    connected.sandbox.set_overwrite("general", "Staff", allow=Permission.VIEW_CHANNEL)
    connected.sandbox.set_overwrite("log", bot, deny=Permission.VIEW_CHANNEL)

    sent = [session.sent for session in connected.sandbox.state.gateway.sessions.values()]
    names = [name for events in sent for _, name, _ in events]
    assert names.count("CHANNEL_UPDATE") == 2
    assert "THREAD_LIST_SYNC" not in names


async def test_new_threads_take_the_duration_of_their_channel(connected: ConnectedBot) -> None:
    connected.sandbox.change_channel("tickets", default_auto_archive_duration=60)

    await eventually(lambda: connected.channel().default_auto_archive_duration == 60)
    without_one = connected.sandbox.open_thread("mia", "tickets", "by hand")
    archived_after = [
        connected.sandbox.state.world.channel(int(without_one["id"])).auto_archive_duration,
        (
            await connected.channel().create_thread(name="its own", auto_archive_duration=1440)
        ).auto_archive_duration,
    ]

    assert archived_after == [60, 1440]
