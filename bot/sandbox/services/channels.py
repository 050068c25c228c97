"""Channels and threads: opened, joined, changed and deleted by Discord's rules, and their events."""

from __future__ import annotations

from collections.abc import Iterable

from bot.sandbox.model.guilds import Channel, Message, Overwrite
from bot.sandbox.model.json import ChannelKind, Json, timestamp, whole_number
from bot.sandbox.model.payloads import channel_payload, member_payload, thread_member_payload, thread_payload
from bot.sandbox.model.permissions import P, can, can_see, require, sending_right
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    INVALID_RECIPIENTS,
    MISSING_PERMISSIONS,
    THREAD_EXISTS,
    THREAD_LOCKED,
    WRONG_CHANNEL_TYPE,
    FormErrors,
    refused,
)
from bot.sandbox.services.message_builder import HAS_THREAD

DURATIONS = (60, 1440, 4320, 10080)
PARENTS = (ChannelKind.TEXT, ChannelKind.ANNOUNCEMENT)


def check_thread(body: Json) -> None:
    """Checks the name and settings of a thread to be opened or changed."""
    errors = FormErrors()
    if body.get("name") is None:
        errors.add(("name",), "BASE_TYPE_REQUIRED", "This field is required")
    check_settings(errors, body)
    errors.settle()


def check_settings(errors: FormErrors, body: Json) -> None:
    name = body.get("name")
    if name is not None and not 1 <= len(str(name).strip()) <= 100:
        errors.add(("name",), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if body.get("auto_archive_duration") not in (None, *DURATIONS):
        told = f"Value must be one of {DURATIONS}."
        errors.add(("auto_archive_duration",), "BASE_TYPE_CHOICES", told)
    slow = body.get("rate_limit_per_user")
    if slow is not None and not 0 <= int(slow) <= 21600:
        told = "int value should be between 0 and 21600."
        errors.add(("rate_limit_per_user",), "NUMBER_TYPE_MAX", told)


def open_thread(
    stand: StandIn,
    parent: Channel,
    owner_id: int,
    body: Json,
    kind: ChannelKind,
    *,
    starter: Message | None = None,
) -> Channel:
    """Makes a thread whose owner is in it, and tells of it; one from a message has that message's id."""
    if parent.kind not in PARENTS or (kind == ChannelKind.PRIVATE_THREAD and parent.kind != ChannelKind.TEXT):
        raise refused(WRONG_CHANNEL_TYPE)
    if starter is not None and (starter.id in stand.world.channels or starter.wire["flags"] & HAS_THREAD):
        raise refused(THREAD_EXISTS)
    thread = Channel(
        id=starter.id if starter else stand.world.next_id(),
        kind=kind,
        name=str(body["name"]).strip(),
        guild_id=parent.guild_id,
        parent_id=parent.id,
        owner_id=owner_id,
        joined={owner_id: timestamp()},
        auto_archive_duration=body.get("auto_archive_duration") or 4320,
        rate_limit_per_user=body.get("rate_limit_per_user") or 0,
        invitable=body.get("invitable", True),
    )
    stand.world.channels[thread.id] = thread
    stand.emit_channel("CREATE", thread, newly_created=True)
    return thread


def refresh_starter(stand: StandIn, thread: Channel) -> None:
    """The message a thread was made from shows the thread as it is now."""
    starter = stand.world.parent_of(thread).messages.get(thread.id)
    if starter is not None:
        starter.wire["thread"] = thread_payload(stand.world, thread)


def wake(stand: StandIn, thread: Channel) -> None:
    """Un-archives a thread somebody writes in."""
    if thread.archived:
        thread.archived = False
        thread.archived_at = timestamp()
        stand.emit_channel("UPDATE", thread)


def join(stand: StandIn, thread: Channel, user_ids: Iterable[int]) -> None:
    """Adds users to a thread and tells of it; whoever is in it already is not told of again."""
    new = [user_id for user_id in dict.fromkeys(user_ids) if user_id not in thread.joined]
    if not new:
        return
    bot = stand.world.bot.id
    was_visible = can_see(stand.world, bot, thread)
    thread.joined |= dict.fromkeys(new, timestamp())
    if bot in new and not was_visible:
        stand.emit_channel("CREATE", thread)
    refresh_starter(stand, thread)
    _tell_of_members(stand, thread, {"added_members": [_added(stand, thread, user_id) for user_id in new]})


def leave(stand: StandIn, thread: Channel, user_id: int) -> None:
    if thread.joined.pop(user_id, None) is not None:
        refresh_starter(stand, thread)
        _tell_of_members(stand, thread, {"removed_member_ids": [str(user_id)]})


def _added(stand: StandIn, thread: Channel, user_id: int) -> Json:
    member = stand.world.guild(thread.guild_id or 0).members[user_id]
    told = thread_member_payload(thread, user_id)
    return told | {"member": member_payload(member), "presence": None}


def _tell_of_members(stand: StandIn, thread: Channel, change: Json) -> None:
    told = {
        "id": str(thread.id),
        "guild_id": str(thread.guild_id),
        "member_count": len(thread.joined),
    }
    stand.emit("THREAD_MEMBERS_UPDATE", told | change, thread)


def join_mentioned(stand: StandIn, thread: Channel, message: Message) -> None:
    """Adds to the thread whom a message in it pings, if they can see its channel."""
    guild = stand.world.guild_of(thread)
    if guild is None or not thread.is_thread or not _may_invite(stand, thread, message.author_id):
        return
    roles = {int(role_id) for role_id in message.wire["mention_roles"]}
    pinged = [int(user["id"]) for user in message.wire["mentions"]]
    pinged += [member.user.id for member in guild.members.values() if roles & set(member.roles)]
    parent = stand.world.parent_of(thread)
    join(stand, thread, [u for u in pinged if u in guild.members and can_see(stand.world, u, parent)])


def _may_invite(stand: StandIn, thread: Channel, user_id: int) -> bool:
    if not thread.is_private_thread or thread.invitable or thread.owner_id == user_id:
        return True
    return can(stand.world, user_id, thread, P.MANAGE_THREADS)


def drop(stand: StandIn, thread: Channel) -> None:
    """Deletes a thread; the message it was made from stays."""
    told = {
        "id": str(thread.id),
        "guild_id": str(thread.guild_id),
        "parent_id": str(thread.parent_id),
        "type": int(thread.kind),
    }
    stand.emit("THREAD_DELETE", told, thread)
    starter = stand.world.parent_of(thread).messages.get(thread.id)
    if starter is not None:
        starter.wire.pop("thread", None)
        starter.wire["flags"] &= ~HAS_THREAD
    del stand.world.channels[thread.id]


OF_THREADS = ("name", "locked", "auto_archive_duration", "rate_limit_per_user", "invitable", "flags")


def change(stand: StandIn, channel: Channel, user_id: int, body: Json) -> None:
    """PATCH of a thread as a user or the bot; raises `Refused`, for other channels too."""
    if not channel.is_thread:
        raise refused(WRONG_CHANNEL_TYPE)
    errors = FormErrors()
    check_settings(errors, body)
    errors.settle()
    _check_may_change_thread(stand, channel, user_id, body)
    change_thread(stand, channel, body)


def _check_may_change_thread(stand: StandIn, thread: Channel, user_id: int, body: Json) -> None:
    require(stand.world, user_id, thread, P.VIEW_CHANNEL)
    manages = can(stand.world, user_id, thread, P.MANAGE_THREADS)
    if thread.archived and body.get("archived") is not False:
        raise refused(ARCHIVED_THREAD)
    if manages:
        return
    if thread.locked:
        raise refused(THREAD_LOCKED)
    if set(body) == {"archived"} and body["archived"] is False:
        require(stand.world, user_id, thread, sending_right(thread))
    elif thread.owner_id != user_id or "locked" in body or "rate_limit_per_user" in body:
        raise refused(MISSING_PERMISSIONS)


def change_thread(stand: StandIn, thread: Channel, body: Json) -> None:
    """Changes a thread without asking for rights, and tells of it."""
    for key in OF_THREADS:
        if body.get(key) is not None:
            setattr(thread, key, body[key])
    if body.get("archived") not in (None, thread.archived):
        thread.archived = bool(body["archived"])
        thread.archived_at = timestamp()
    refresh_starter(stand, thread)
    stand.emit_channel("UPDATE", thread)


def overwrite_of(target_id: int, given: Json) -> Overwrite:
    allow, deny = (whole_number(given.get(key)) or 0 for key in ("allow", "deny"))
    return Overwrite(id=target_id, kind=int(given.get("type") or 0), allow=allow, deny=deny)


def delete(stand: StandIn, channel: Channel) -> None:
    """Deletes a thread, or a channel with its threads; of those Discord does not tell one by one."""
    if channel.is_thread:
        drop(stand, channel)
        return
    stand.emit("CHANNEL_DELETE", channel_payload(stand.world, channel), channel)
    for thread in list(stand.world.threads_in(channel)):
        del stand.world.channels[thread.id]
    del stand.world.channels[channel.id]


def make_conversation(stand: StandIn, user_id: int) -> Channel:
    """The bot's direct conversation with somebody; raises `Refused` for who cannot be talked to."""
    if user_id == stand.world.bot.id or user_id not in stand.world.users:
        raise refused(INVALID_RECIPIENTS)
    known = set(stand.world.channels)
    made = stand.world.conversation(user_id)
    if made.id not in known:
        stand.emit_channel("CREATE", made)
    return made
