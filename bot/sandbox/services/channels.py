"""Channels and threads changed and deleted by Discord's rules."""

from __future__ import annotations

from bot.sandbox.model.guilds import Channel, Overwrite
from bot.sandbox.model.json import Json, timestamp, whole_number
from bot.sandbox.model.payloads import channel_payload
from bot.sandbox.model.permissions import P, can, require, sending_right
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    INVALID_RECIPIENTS,
    MISSING_PERMISSIONS,
    THREAD_LOCKED,
    WRONG_CHANNEL_TYPE,
    FormErrors,
    refused,
)
from bot.sandbox.services import threads

OF_THREADS = ("name", "locked", "auto_archive_duration", "rate_limit_per_user", "invitable", "flags")


def change(stand: StandIn, channel: Channel, user_id: int, body: Json) -> None:
    """PATCH of a thread as a user or the bot; raises `Refused`, for other channels too."""
    if not channel.is_thread:
        raise refused(WRONG_CHANNEL_TYPE)
    errors = FormErrors()
    threads.check_settings(errors, body)
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
    threads.refresh_starter(stand, thread)
    stand.emit_channel("UPDATE", thread)


def overwrite_of(target_id: int, given: Json) -> Overwrite:
    allow, deny = (whole_number(given.get(key)) or 0 for key in ("allow", "deny"))
    return Overwrite(id=target_id, kind=int(given.get("type") or 0), allow=allow, deny=deny)


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
