"""REST: threads opened, joined, left and listed, and the posts of forums."""

from __future__ import annotations

from bot.sandbox.model.guilds import Channel
from bot.sandbox.model.json import ChannelKind, Json, whole_number
from bot.sandbox.model.payloads import member_payload, thread_member_payload, thread_payload
from bot.sandbox.model.permissions import P, can_see, require, right_to_open, sending_right
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    MISSING_ACCESS,
    TAG_REQUIRED,
    UNKNOWN_MEMBER,
    UNKNOWN_USER,
    invalid_form,
    refused,
)
from bot.sandbox.rest.request import Call, Created, Route
from bot.sandbox.services import messages, threads
from bot.sandbox.validation.messages import check_new_message

REQUIRE_TAG = 1 << 4  # a flag of a forum


def from_message(call: Call) -> Created:
    parent = call.channel(right_to_open(ChannelKind.PUBLIC_THREAD) | P.READ_MESSAGE_HISTORY)
    starter = call.message(parent)
    threads.check_thread(call.body)
    thread = threads.open_thread(
        call.stand, parent, call.bot, call.body, ChannelKind.PUBLIC_THREAD, starter=starter
    )
    messages.announce_starter(call.stand, thread, call.bot, starter)
    return Created(thread_payload(call.stand.world, thread))


def from_nothing(call: Call) -> Created:
    parent = call.channel()
    if parent.kind == ChannelKind.FORUM:
        return _forum_post(call, parent)
    kind = whole_number(call.body.get("type", ChannelKind.PRIVATE_THREAD))
    if kind not in (ChannelKind.PUBLIC_THREAD, ChannelKind.PRIVATE_THREAD):
        raise invalid_form(("type",), "BASE_TYPE_CHOICES", "Value must be one of {10, 11, 12}.")
    kind = ChannelKind(kind)
    require(call.stand.world, call.bot, parent, right_to_open(kind))
    threads.check_thread(call.body)
    thread = threads.open_thread(call.stand, parent, call.bot, call.body, kind)
    if kind == ChannelKind.PUBLIC_THREAD:
        messages.announce_thread(call.stand, parent, call.bot, thread)
    return Created(thread_payload(call.stand.world, thread))


def _forum_post(call: Call, forum: Channel) -> Created:
    require(call.stand.world, call.bot, forum, sending_right(forum))
    threads.check_thread(call.body)
    given = call.body.get("message")
    if not isinstance(given, dict):
        raise invalid_form(("message",), "BASE_TYPE_REQUIRED", "This field is required")
    if forum.flags & REQUIRE_TAG and not call.body.get("applied_tags"):
        raise refused(TAG_REQUIRED)
    check_new_message(given, call.files, call.stand.settings.attachment_size_limit)
    thread = threads.open_thread(call.stand, forum, call.bot, call.body, ChannelKind.PUBLIC_THREAD)
    thread.starter_id = thread.id
    first = messages.post(call.stand, thread, call.bot, given, call.files, {"id": str(thread.id)})
    return Created(thread_payload(call.stand.world, thread) | {"message": first.wire})


def _thread(call: Call) -> Channel:
    thread = call.channel()
    if not thread.is_thread:
        raise refused(MISSING_ACCESS)
    return thread


def add(call: Call) -> None:
    thread = _thread(call)
    user_id = _member_meant(call)
    if thread.archived:
        raise refused(ARCHIVED_THREAD)
    require(call.stand.world, call.bot, thread, sending_right(thread))
    messages.check_not_locked(call.stand, thread, call.bot)
    guild = call.stand.world.guild(thread.guild_id or 0)
    if user_id not in guild.members:
        raise refused(UNKNOWN_USER if user_id not in call.stand.world.users else UNKNOWN_MEMBER)
    if not can_see(call.stand.world, user_id, call.stand.world.parent_of(thread)):
        raise refused(MISSING_ACCESS)
    threads.join(call.stand, thread, [user_id])


def remove(call: Call) -> None:
    thread = _thread(call)
    user_id = _member_meant(call)
    if user_id not in (call.bot,) and not (thread.is_private_thread and thread.owner_id == call.bot):
        require(call.stand.world, call.bot, thread, P.MANAGE_THREADS)
    if thread.archived:
        raise refused(ARCHIVED_THREAD)
    threads.leave(call.stand, thread, user_id)


def _member_meant(call: Call) -> int:
    return call.bot if call.word("user") == "@me" else call.number("user")


def thread_member(call: Call) -> Json:
    thread, user_id = _thread(call), _member_meant(call)
    if user_id not in thread.joined:
        raise refused(UNKNOWN_MEMBER)
    return _drawn_member(call, thread, user_id)


def thread_members(call: Call) -> list[Json]:
    thread = _thread(call)
    return [_drawn_member(call, thread, user_id) for user_id in thread.joined]


def _drawn_member(call: Call, thread: Channel, user_id: int) -> Json:
    drawn = thread_member_payload(thread, user_id)
    if call.request.query.get("with_member") not in ("1", "true"):
        return drawn
    members = call.stand.world.guild(thread.guild_id or 0).members
    return drawn | {"member": member_payload(members[user_id])}


def archived_public(call: Call) -> Json:
    parent = call.channel(P.READ_MESSAGE_HISTORY)
    return _archived(call, [t for t in call.stand.world.threads_in(parent) if not t.is_private_thread])


def archived_private(call: Call) -> Json:
    parent = call.channel(P.READ_MESSAGE_HISTORY | P.MANAGE_THREADS)
    return _archived(call, [t for t in call.stand.world.threads_in(parent) if t.is_private_thread])


def archived_joined(call: Call) -> Json:
    parent = call.channel(P.READ_MESSAGE_HISTORY)
    private = [t for t in call.stand.world.threads_in(parent) if t.is_private_thread]
    return _archived(call, [t for t in private if call.bot in t.joined])


def _archived(call: Call, among: list[Channel]) -> Json:
    """A page of those that are archived, the latest first; `before` is a time or, of joined ones, an id."""
    found = sorted((t for t in among if t.archived), key=lambda t: t.archived_at, reverse=True)
    before = call.request.query.get("before")
    if before is not None:
        number = whole_number(before)
        found = [t for t in found if (t.id < number if number else t.archived_at < before)]
    limit = call.limit(50, 100)
    page = found[:limit]
    return {
        "threads": [thread_payload(call.stand.world, thread) for thread in page],
        "members": [thread_member_payload(t, call.bot) for t in page if call.bot in t.joined],
        "has_more": len(found) > limit,
    }


ROUTES = (
    Route("POST", "/channels/{channel}/messages/{message}/threads", from_message),
    Route("POST", "/channels/{channel}/threads", from_nothing),
    Route("PUT", "/channels/{channel}/thread-members/{user}", add),
    Route("DELETE", "/channels/{channel}/thread-members/{user}", remove),
    Route("GET", "/channels/{channel}/thread-members/{user}", thread_member),
    Route("GET", "/channels/{channel}/thread-members", thread_members),
    Route("GET", "/channels/{channel}/threads/archived/public", archived_public),
    Route("GET", "/channels/{channel}/threads/archived/private", archived_private),
    Route("GET", "/channels/{channel}/users/@me/threads/archived/private", archived_joined),
)
