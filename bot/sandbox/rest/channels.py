"""REST routes of channels and threads."""

from __future__ import annotations

from bot.sandbox.model.json import ChannelKind, Json, parse_int
from bot.sandbox.model.payloads import channel_payload, thread_member_payload, thread_payload
from bot.sandbox.model.permissions import P, can_see, require, send_permission, thread_permission
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    MISSING_ACCESS,
    UNKNOWN_MEMBER,
    UNKNOWN_USER,
    discord_error,
    invalid_form,
)
from bot.sandbox.rest.request import Created, RestRequest, RestRoute
from bot.sandbox.services import channels, messages


def get_channel(request: RestRequest) -> Json:
    return channel_payload(request.state.world, request.channel())


def edit_channel(request: RestRequest) -> Json:
    channel = request.channel()
    channels.edit_thread(request.state, channel, request.bot_id, request.body)
    return channel_payload(request.state.world, channel)


def set_overwrite(request: RestRequest) -> None:
    channel = request.channel(P.MANAGE_ROLES)
    target = request.path_id("target")
    with channels.thread_list_sync(request.state):
        channel.overwrites[target] = channels.parse_overwrite(target, request.body)
        request.state.emit_channel("UPDATE", channel)


def delete_overwrite(request: RestRequest) -> None:
    channel = request.channel(P.MANAGE_ROLES)
    with channels.thread_list_sync(request.state):
        channel.overwrites.pop(request.path_id("target"), None)
        request.state.emit_channel("UPDATE", channel)


def create_thread_from_message(request: RestRequest) -> Created:
    parent = request.channel(thread_permission(ChannelKind.PUBLIC_THREAD) | P.READ_MESSAGE_HISTORY)
    starter = request.message(parent)
    channels.check_new_thread(request.body)
    thread = channels.create_thread(
        request.state, parent, request.bot_id, request.body, ChannelKind.PUBLIC_THREAD, starter=starter
    )
    messages.announce_thread_from_message(request.state, thread, request.bot_id, starter)
    return Created(thread_payload(request.state.world, thread))


def create_thread(request: RestRequest) -> Created:
    parent = request.channel()
    kind = parse_int(request.body.get("type", ChannelKind.PRIVATE_THREAD))
    if kind not in (ChannelKind.PUBLIC_THREAD, ChannelKind.PRIVATE_THREAD):
        raise invalid_form(("type",), "BASE_TYPE_CHOICES", "Value must be one of {10, 11, 12}.")
    kind = ChannelKind(kind)
    require(request.state.world, request.bot_id, parent, thread_permission(kind))
    channels.check_new_thread(request.body)
    thread = channels.create_thread(request.state, parent, request.bot_id, request.body, kind)
    if kind == ChannelKind.PUBLIC_THREAD:
        messages.announce_thread(request.state, parent, request.bot_id, thread)
    return Created(thread_payload(request.state.world, thread))


def add_thread_member(request: RestRequest) -> None:
    thread = request.channel()
    if not thread.is_thread:
        raise discord_error(MISSING_ACCESS)
    user_id = request.path_id("user")
    if thread.archived:
        raise discord_error(ARCHIVED_THREAD)
    require(request.state.world, request.bot_id, thread, send_permission(thread))
    messages.check_not_locked(request.state, thread, request.bot_id)
    guild = request.state.world.guild(thread.guild_id or 0)
    if user_id not in guild.members:
        raise discord_error(UNKNOWN_USER if user_id not in request.state.world.users else UNKNOWN_MEMBER)
    if not can_see(request.state.world, user_id, request.state.world.parent_of(thread)):
        raise discord_error(MISSING_ACCESS)
    channels.add_members(request.state, thread, [user_id])


def list_archived_threads(request: RestRequest) -> Json:
    """List public archived threads, latest first; the `before` query parameter is a time."""
    parent = request.channel(P.READ_MESSAGE_HISTORY)
    public = [t for t in request.state.world.threads_in(parent) if t.archived and not t.is_private_thread]
    before = request.http.query.get("before")
    latest_first = sorted(public, key=lambda t: t.archived_at, reverse=True)
    threads = [t for t in latest_first if before is None or t.archived_at < before]
    limit = request.limit(50, 100)
    page = threads[:limit]
    return {
        "threads": [thread_payload(request.state.world, thread) for thread in page],
        "members": [thread_member_payload(t, request.bot_id) for t in page if request.bot_id in t.joined],
        "has_more": len(threads) > limit,
    }


ROUTES = (
    RestRoute("GET", "/channels/{channel}", get_channel),
    RestRoute("PATCH", "/channels/{channel}", edit_channel),
    RestRoute("PUT", "/channels/{channel}/permissions/{target}", set_overwrite),
    RestRoute("DELETE", "/channels/{channel}/permissions/{target}", delete_overwrite),
    RestRoute("POST", "/channels/{channel}/messages/{message}/threads", create_thread_from_message),
    RestRoute("POST", "/channels/{channel}/threads", create_thread),
    RestRoute("PUT", "/channels/{channel}/thread-members/{user}", add_thread_member),
    RestRoute("GET", "/channels/{channel}/threads/archived/public", list_archived_threads),
)
