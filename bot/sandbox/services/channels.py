"""Channels and threads: create, edit, delete, members and DMs, with their gateway events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bot.sandbox.model.guilds import DEFAULT_AUTO_ARCHIVE, Channel, Message, Overwrite
from bot.sandbox.model.json import ChannelKind, Json, parse_int, timestamp
from bot.sandbox.model.payloads import channel_payload, member_payload, thread_member_payload, thread_payload
from bot.sandbox.model.permissions import P, can, can_see, require, send_permission
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    INVALID_RECIPIENTS,
    MISSING_PERMISSIONS,
    THREAD_EXISTS,
    THREAD_LOCKED,
    TITLE_BLOCKED_BY_AUTOMOD,
    TOO_MANY_ACTIVE_THREADS,
    WRONG_CHANNEL_TYPE,
    FormErrors,
    discord_error,
)
from bot.sandbox.services.message_builder import HAS_THREAD

THREAD_FIELDS = ("name", "locked", "auto_archive_duration", "rate_limit_per_user", "invitable", "flags")
DURATIONS = (60, 1440, 4320, 10080)
PARENTS = (ChannelKind.TEXT, ChannelKind.ANNOUNCEMENT)


def check_new_thread(body: Json) -> None:
    """Validate the body of a new thread."""
    errors = FormErrors()
    if body.get("name") is None:
        errors.add(("name",), "BASE_TYPE_REQUIRED", "This field is required")
    check_thread_settings(errors, body)
    errors.raise_if_any()


def check_thread_settings(errors: FormErrors, body: Json) -> None:
    name = body.get("name")
    if name is not None and not 1 <= len(str(name).strip()) <= 100:
        errors.add(("name",), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if body.get("auto_archive_duration") not in (None, *DURATIONS):
        message = f"Value must be one of {DURATIONS}."
        errors.add(("auto_archive_duration",), "BASE_TYPE_CHOICES", message)
    slowmode = body.get("rate_limit_per_user")
    if slowmode is not None and not 0 <= int(slowmode) <= 21600:
        message = "int value should be between 0 and 21600."
        errors.add(("rate_limit_per_user",), "NUMBER_TYPE_MAX", message)


def create_thread(
    state: SandboxState,
    parent: Channel,
    owner_id: int,
    body: Json,
    kind: ChannelKind,
    *,
    starter: Message | None = None,
) -> Channel:
    """Create a thread with its owner as member; one from a message takes the message's id."""
    if parent.kind not in PARENTS or (kind == ChannelKind.PRIVATE_THREAD and parent.kind != ChannelKind.TEXT):
        raise discord_error(WRONG_CHANNEL_TYPE)
    if starter is not None and (starter.id in state.world.channels or starter.payload["flags"] & HAS_THREAD):
        raise discord_error(THREAD_EXISTS)
    _check_thread_name(state, body)
    _check_active_threads(state, parent)
    default_duration = parent.default_auto_archive_duration or DEFAULT_AUTO_ARCHIVE
    thread = Channel(
        id=starter.id if starter else state.world.next_id(),
        kind=kind,
        name=str(body["name"]).strip(),
        guild_id=parent.guild_id,
        parent_id=parent.id,
        owner_id=owner_id,
        joined={owner_id: timestamp()},
        auto_archive_duration=body.get("auto_archive_duration") or default_duration,
        rate_limit_per_user=body.get("rate_limit_per_user") or 0,
        invitable=body.get("invitable", True),
    )
    state.world.channels[thread.id] = thread
    state.emit_channel("CREATE", thread, newly_created=True)
    return thread


def _check_thread_name(state: SandboxState, body: Json) -> None:
    """Raise `DiscordApiError` 200001 for a name with a blocked word."""
    name = str(body.get("name") or "").lower()
    if any(word.lower() in name for word in state.settings.blocked_words):
        raise discord_error(TITLE_BLOCKED_BY_AUTOMOD)


def _check_active_threads(state: SandboxState, channel: Channel) -> None:
    """Raise `DiscordApiError` 160006 if the guild can have no further active thread."""
    threads = (c for c in state.world.channels.values() if c.is_thread and c.guild_id == channel.guild_id)
    if sum(not thread.archived for thread in threads) >= state.settings.max_active_threads:
        raise discord_error(TOO_MANY_ACTIVE_THREADS)


def update_starter_message(state: SandboxState, thread: Channel) -> None:
    """Refresh the thread object in the message the thread was created from."""
    starter = state.world.parent_of(thread).messages.get(thread.id)
    if starter is not None:
        starter.payload["thread"] = thread_payload(state.world, thread)


def unarchive(state: SandboxState, thread: Channel) -> None:
    """Unarchive a thread when a message is sent in it; raises `DiscordApiError` 160006."""
    if thread.archived:
        _check_active_threads(state, thread)
        thread.archived = False
        thread.archived_at = timestamp()
        state.emit_channel("UPDATE", thread)


def add_members(state: SandboxState, thread: Channel, user_ids: Iterable[int]) -> None:
    """Add users to a thread; those already in it are skipped."""
    new = [user_id for user_id in dict.fromkeys(user_ids) if user_id not in thread.joined]
    if not new:
        return
    bot = state.world.bot.id
    was_visible = can_see(state.world, bot, thread)
    thread.joined |= dict.fromkeys(new, timestamp())
    if bot in new and not was_visible:
        state.emit_channel("CREATE", thread)
    update_starter_message(state, thread)
    _emit_members_update(
        state, thread, {"added_members": [_added_member(state, thread, user_id) for user_id in new]}
    )


def remove_member(state: SandboxState, thread: Channel, user_id: int) -> None:
    if thread.joined.pop(user_id, None) is not None:
        update_starter_message(state, thread)
        _emit_members_update(state, thread, {"removed_member_ids": [str(user_id)]})


def _added_member(state: SandboxState, thread: Channel, user_id: int) -> Json:
    member = state.world.guild(thread.guild_id or 0).members[user_id]
    event = thread_member_payload(thread, user_id)
    return event | {"member": member_payload(member), "presence": None}


def _emit_members_update(state: SandboxState, thread: Channel, changes: Json) -> None:
    event = {
        "id": str(thread.id),
        "guild_id": str(thread.guild_id),
        "member_count": len(thread.joined),
    }
    state.emit("THREAD_MEMBERS_UPDATE", event | changes, thread)


def add_mentioned_members(state: SandboxState, thread: Channel, message: Message) -> None:
    """Add users mentioned by a message to its thread, if they can see the parent channel."""
    guild = state.world.guild_of(thread)
    if guild is None or not thread.is_thread or not _may_invite(state, thread, message.author_id):
        return
    roles = {int(role_id) for role_id in message.payload["mention_roles"]}
    pinged = [int(user["id"]) for user in message.payload["mentions"]]
    pinged += [member.user.id for member in guild.members.values() if roles & set(member.roles)]
    parent = state.world.parent_of(thread)
    add_members(state, thread, [u for u in pinged if u in guild.members and can_see(state.world, u, parent)])


def _may_invite(state: SandboxState, thread: Channel, user_id: int) -> bool:
    if not thread.is_private_thread or thread.invitable or thread.owner_id == user_id:
        return True
    return can(state.world, user_id, thread, P.MANAGE_THREADS)


def delete_thread(state: SandboxState, thread: Channel) -> None:
    """Delete a thread; the message it was created from stays."""
    event = {
        "id": str(thread.id),
        "guild_id": str(thread.guild_id),
        "parent_id": str(thread.parent_id),
        "type": int(thread.kind),
    }
    state.emit("THREAD_DELETE", event, thread)
    starter = state.world.parent_of(thread).messages.get(thread.id)
    if starter is not None:
        starter.payload.pop("thread", None)
        starter.payload["flags"] &= ~HAS_THREAD
    del state.world.channels[thread.id]


def edit_thread(state: SandboxState, channel: Channel, user_id: int, body: Json) -> None:
    """Edit a thread as a user or the bot, with permission checks; raises `DiscordApiError`."""
    if not channel.is_thread:
        raise discord_error(WRONG_CHANNEL_TYPE)
    errors = FormErrors()
    check_thread_settings(errors, body)
    errors.raise_if_any()
    _check_may_edit_thread(state, channel, user_id, body)
    _check_thread_name(state, body)
    update_thread(state, channel, body)


def _check_may_edit_thread(state: SandboxState, thread: Channel, user_id: int, body: Json) -> None:
    require(state.world, user_id, thread, P.VIEW_CHANNEL)
    can_manage = can(state.world, user_id, thread, P.MANAGE_THREADS)
    if thread.archived and body.get("archived") is not False:
        raise discord_error(ARCHIVED_THREAD)
    if can_manage:
        return
    if thread.locked:
        raise discord_error(THREAD_LOCKED)
    if set(body) == {"archived"} and body["archived"] is False:
        require(state.world, user_id, thread, send_permission(thread))
    elif thread.owner_id != user_id or "locked" in body or "rate_limit_per_user" in body:
        raise discord_error(MISSING_PERMISSIONS)


def update_thread(state: SandboxState, thread: Channel, body: Json) -> None:
    """Apply changes to a thread without permission checks; raises `DiscordApiError` 160006."""
    if thread.archived and body.get("archived") is False:
        _check_active_threads(state, thread)
    for key in THREAD_FIELDS:
        if body.get(key) is not None:
            setattr(thread, key, body[key])
    if body.get("archived") not in (None, thread.archived):
        thread.archived = bool(body["archived"])
        thread.archived_at = timestamp()
    update_starter_message(state, thread)
    state.emit_channel("UPDATE", thread)


@contextmanager
def thread_list_sync(state: SandboxState) -> Iterator[None]:
    """Send THREAD_LIST_SYNC with the threads of the channels that the bot sees only after the block."""
    seen = {channel.id for channel in _visible_channels(state)}
    yield
    gained = [channel for channel in _visible_channels(state) if channel.id not in seen]
    for guild_id in dict.fromkeys(channel.guild_id for channel in gained):
        _emit_thread_list_sync(state, [channel for channel in gained if channel.guild_id == guild_id])


def _visible_channels(state: SandboxState) -> list[Channel]:
    bot = state.world.bot.id
    channels = [c for c in state.world.channels.values() if c.kind in PARENTS]
    return [channel for channel in channels if can_see(state.world, bot, channel)]


def _emit_thread_list_sync(state: SandboxState, gained: list[Channel]) -> None:
    """Send the active threads the bot sees in these channels of one guild."""
    bot = state.world.bot.id
    threads = [thread for channel in gained for thread in state.world.threads_in(channel)]
    visible = [t for t in threads if not t.archived and can_see(state.world, bot, t)]
    event = {
        "guild_id": str(gained[0].guild_id),
        "channel_ids": [str(channel.id) for channel in gained],
        "threads": [thread_payload(state.world, thread) for thread in visible],
        "members": [thread_member_payload(thread, bot) for thread in visible if bot in thread.joined],
    }
    state.emit("THREAD_LIST_SYNC", event)


def parse_overwrite(target_id: int, given: Json) -> Overwrite:
    allow, deny = (parse_int(given.get(key)) or 0 for key in ("allow", "deny"))
    return Overwrite(id=target_id, kind=int(given.get("type") or 0), allow=allow, deny=deny)


def delete_channel(state: SandboxState, channel: Channel) -> None:
    """Delete a thread, or a channel with its threads; Discord sends no event for those threads."""
    if channel.is_thread:
        delete_thread(state, channel)
        return
    state.emit("CHANNEL_DELETE", channel_payload(state.world, channel), channel)
    for thread in list(state.world.threads_in(channel)):
        del state.world.channels[thread.id]
    del state.world.channels[channel.id]


def open_dm(state: SandboxState, user_id: int) -> Channel:
    """Return the bot's DM channel with a user; raises `DiscordApiError` for an invalid recipient."""
    if user_id == state.world.bot.id or user_id not in state.world.users:
        raise discord_error(INVALID_RECIPIENTS)
    known = set(state.world.channels)
    channel = state.world.dm_channel(user_id)
    if channel.id not in known:
        state.emit_channel("CREATE", channel)
    return channel
