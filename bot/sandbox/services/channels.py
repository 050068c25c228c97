"""Channels and threads changed and deleted by Discord's rules."""

from __future__ import annotations

from typing import Any

from bot.sandbox.model.guilds import Channel, Overwrite
from bot.sandbox.model.json import ChannelKind, Json, timestamp, whole_number
from bot.sandbox.model.payloads import channel_payload
from bot.sandbox.model.permissions import P, can, require, sending_right
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    CANNOT_EXECUTE_ON_DM,
    INVALID_RECIPIENTS,
    MISSING_PERMISSIONS,
    THREAD_LOCKED,
    FormErrors,
    refused,
)
from bot.sandbox.services import threads

OF_THREADS = ("name", "locked", "auto_archive_duration", "rate_limit_per_user", "invitable", "flags")
OF_CHANNELS = ("name", "topic", "position", "nsfw", "rate_limit_per_user", "flags")


def change(stand: StandIn, channel: Channel, user_id: int, body: Json) -> None:
    """PATCH of a channel or thread as a user or the bot; raises `Refused`."""
    if channel.guild_id is None:
        raise refused(CANNOT_EXECUTE_ON_DM)
    _check(channel, body)
    if channel.is_thread:
        _check_may_change_thread(stand, channel, user_id, body)
        change_thread(stand, channel, body)
    else:
        require(stand.world, user_id, channel, P.MANAGE_CHANNELS)
        _change_channel(stand, channel, body)


def _check(channel: Channel, body: Json) -> None:
    errors = FormErrors()
    threads.check_settings(errors, body)
    most = 4096 if channel.kind == ChannelKind.FORUM else 1024
    if len(str(body.get("topic") or "")) > most:
        errors.add(("topic",), "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
    if len(body.get("applied_tags") or []) > 5:
        errors.add(("applied_tags",), "BASE_TYPE_MAX_LENGTH", "Must be 5 or fewer in length.")
    if len(body.get("available_tags") or []) > 20:
        errors.add(("available_tags",), "BASE_TYPE_MAX_LENGTH", "Must be 20 or fewer in length.")
    errors.settle()


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
    if "applied_tags" in body:
        thread.applied_tags = [str(tag) for tag in body["applied_tags"] or []]
    threads.refresh_starter(stand, thread)
    stand.emit_channel("UPDATE", thread)


def _change_channel(stand: StandIn, channel: Channel, body: Json) -> None:
    for key in OF_CHANNELS:
        if key in body and (body[key] is not None or key == "topic"):
            setattr(channel, key, body[key])
    if "parent_id" in body:
        channel.parent_id = whole_number(body["parent_id"])
    if body.get("permission_overwrites") is not None:
        listed = [
            overwrite_of(whole_number(given["id"]) or 0, given) for given in body["permission_overwrites"]
        ]
        channel.overwrites = {overwrite.id: overwrite for overwrite in listed}
    if body.get("available_tags") is not None:
        channel.available_tags = [_tag(stand, tag) for tag in body["available_tags"]]
    stand.emit_channel("UPDATE", channel)


def overwrite_of(target_id: int, given: Json) -> Overwrite:
    allow, deny = (whole_number(given.get(key)) or 0 for key in ("allow", "deny"))
    return Overwrite(id=target_id, kind=int(given.get("type") or 0), allow=allow, deny=deny)


def _tag(stand: StandIn, given: Json) -> Json:
    tag: dict[str, Any] = {"moderated": False, "emoji_id": None, "emoji_name": None} | given
    return tag | {"id": str(given.get("id") or stand.world.next_id())}


def check_may_delete(stand: StandIn, channel: Channel, user_id: int) -> None:
    needed = P.MANAGE_THREADS if channel.is_thread else P.MANAGE_CHANNELS
    require(stand.world, user_id, channel, needed)


def delete(stand: StandIn, channel: Channel) -> None:
    """Deletes a thread, or a channel with its threads; of those Discord does not tell one by one."""
    if channel.is_thread:
        threads.drop(stand, channel)
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
