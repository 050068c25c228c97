"""REST routes of channels and threads."""

from __future__ import annotations

from bot.sandbox.model.json import ChannelKind, Json, whole_number
from bot.sandbox.model.payloads import channel_payload, thread_member_payload, thread_payload
from bot.sandbox.model.permissions import P, can_see, require, right_to_open, sending_right
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    MISSING_ACCESS,
    UNKNOWN_MEMBER,
    UNKNOWN_USER,
    invalid_form,
    refused,
)
from bot.sandbox.rest.request import Call, Created, Route
from bot.sandbox.services import channels, messages


def channel(call: Call) -> Json:
    return channel_payload(call.stand.world, call.channel())


def change(call: Call) -> Json:
    found = call.channel()
    channels.change(call.stand, found, call.bot, call.body)
    return channel_payload(call.stand.world, found)


def set_overwrite(call: Call) -> None:
    found = call.channel(P.MANAGE_ROLES)
    target = call.number("target")
    found.overwrites[target] = channels.overwrite_of(target, call.body)
    call.stand.emit_channel("UPDATE", found)


def drop_overwrite(call: Call) -> None:
    found = call.channel(P.MANAGE_ROLES)
    found.overwrites.pop(call.number("target"), None)
    call.stand.emit_channel("UPDATE", found)


def from_message(call: Call) -> Created:
    parent = call.channel(right_to_open(ChannelKind.PUBLIC_THREAD) | P.READ_MESSAGE_HISTORY)
    starter = call.message(parent)
    channels.check_thread(call.body)
    thread = channels.open_thread(
        call.stand, parent, call.bot, call.body, ChannelKind.PUBLIC_THREAD, starter=starter
    )
    messages.announce_starter(call.stand, thread, call.bot, starter)
    return Created(thread_payload(call.stand.world, thread))


def from_nothing(call: Call) -> Created:
    parent = call.channel()
    kind = whole_number(call.body.get("type", ChannelKind.PRIVATE_THREAD))
    if kind not in (ChannelKind.PUBLIC_THREAD, ChannelKind.PRIVATE_THREAD):
        raise invalid_form(("type",), "BASE_TYPE_CHOICES", "Value must be one of {10, 11, 12}.")
    kind = ChannelKind(kind)
    require(call.stand.world, call.bot, parent, right_to_open(kind))
    channels.check_thread(call.body)
    thread = channels.open_thread(call.stand, parent, call.bot, call.body, kind)
    if kind == ChannelKind.PUBLIC_THREAD:
        messages.announce_thread(call.stand, parent, call.bot, thread)
    return Created(thread_payload(call.stand.world, thread))


def add(call: Call) -> None:
    thread = call.channel()
    if not thread.is_thread:
        raise refused(MISSING_ACCESS)
    user_id = call.number("user")
    if thread.archived:
        raise refused(ARCHIVED_THREAD)
    require(call.stand.world, call.bot, thread, sending_right(thread))
    messages.check_not_locked(call.stand, thread, call.bot)
    guild = call.stand.world.guild(thread.guild_id or 0)
    if user_id not in guild.members:
        raise refused(UNKNOWN_USER if user_id not in call.stand.world.users else UNKNOWN_MEMBER)
    if not can_see(call.stand.world, user_id, call.stand.world.parent_of(thread)):
        raise refused(MISSING_ACCESS)
    channels.join(call.stand, thread, [user_id])


def archived_public(call: Call) -> Json:
    """A page, the latest archived first; the query's `before` is a time."""
    parent = call.channel(P.READ_MESSAGE_HISTORY)
    public = [t for t in call.stand.world.threads_in(parent) if t.archived and not t.is_private_thread]
    before = call.request.query.get("before")
    found = sorted(public, key=lambda t: t.archived_at, reverse=True)
    found = [t for t in found if before is None or t.archived_at < before]
    limit = call.limit(50, 100)
    page = found[:limit]
    return {
        "threads": [thread_payload(call.stand.world, thread) for thread in page],
        "members": [thread_member_payload(t, call.bot) for t in page if call.bot in t.joined],
        "has_more": len(found) > limit,
    }


ROUTES = (
    Route("GET", "/channels/{channel}", channel),
    Route("PATCH", "/channels/{channel}", change),
    Route("PUT", "/channels/{channel}/permissions/{target}", set_overwrite),
    Route("DELETE", "/channels/{channel}/permissions/{target}", drop_overwrite),
    Route("POST", "/channels/{channel}/messages/{message}/threads", from_message),
    Route("POST", "/channels/{channel}/threads", from_nothing),
    Route("PUT", "/channels/{channel}/thread-members/{user}", add),
    Route("GET", "/channels/{channel}/threads/archived/public", archived_public),
)
