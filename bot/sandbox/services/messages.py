"""Messages: send, edit, delete and reply by Discord's rules, with their gateway events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import ChannelKind, Json, parse_int, timestamp
from bot.sandbox.model.permissions import P, can, require, send_permission
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    BLOCKED_BY_AUTOMOD,
    CANNOT_EDIT_OTHERS_MESSAGE,
    CANNOT_MESSAGE_USER,
    HARMFUL_LINK,
    NO_MUTUAL_GUILDS,
    NOT_A_TEXT_CHANNEL,
    SYSTEM_MESSAGE,
    THREAD_LOCKED,
    DiscordApiError,
    discord_error,
    invalid_form,
)
from bot.sandbox.services import channels
from bot.sandbox.services.message_builder import (
    HAS_THREAD,
    SUPPRESS_EMBEDS,
    MessageType,
    attach_files,
    build_message,
    edited_attachments,
    set_mentions,
)
from bot.sandbox.validation.components import with_component_ids
from bot.sandbox.validation.messages import File, check_edit, check_new_message, message_texts, strip_text

EDITABLE_TYPES = (
    MessageType.DEFAULT,
    MessageType.REPLY,
    MessageType.CHAT_COMMAND,
    MessageType.MENU_COMMAND,
)


def send(
    state: SandboxState, channel: Channel, author_id: int, body: Json, files: Mapping[int, File]
) -> Message:
    """Send a message as a user or the bot, with permission checks; raises `DiscordApiError`."""
    _check_may_send(state, channel, author_id, body, files)
    check_new_message(body, files, state.settings.attachment_size_limit)
    _check_automod(state, body)
    nonce = body.get("nonce")
    if nonce is not None and body.get("enforce_nonce"):
        earlier_id = state.message_with_nonce(author_id, nonce)
        if earlier_id is not None:
            return state.find_message(earlier_id)
    return post(state, channel, author_id, body, files, _reply_fields(state, channel, author_id, body))


def _check_may_send(
    state: SandboxState, channel: Channel, author_id: int, body: Json, files: Mapping[int, File]
) -> None:
    if channel.kind == ChannelKind.CATEGORY:
        raise discord_error(NOT_A_TEXT_CHANNEL)
    require(state.world, author_id, channel, send_permission(channel))
    check_not_locked(state, channel, author_id)
    if channel.kind == ChannelKind.DM and author_id == state.world.bot.id:
        _check_may_write_to(state, channel)
    if files:
        require(state.world, author_id, channel, P.ATTACH_FILES)
    if body.get("embeds"):
        require(state.world, author_id, channel, P.EMBED_LINKS)


def _check_may_write_to(state: SandboxState, dm: Channel) -> None:
    """Raise `DiscordApiError` 50278 without a mutual guild, 50007 for a user who takes no messages."""
    for user_id in dm.recipients:
        if not state.world.have_mutual_guild(user_id):
            raise discord_error(NO_MUTUAL_GUILDS)
        if not state.world.user(user_id).takes_direct_messages:
            raise discord_error(CANNOT_MESSAGE_USER)


def _check_automod(state: SandboxState, body: Json) -> None:
    """Raise `DiscordApiError` 200000 for a blocked word, 240000 for a harmful link."""
    texts = " ".join(message_texts(body)).lower()
    if any(word.lower() in texts for word in state.settings.blocked_words):
        raise discord_error(BLOCKED_BY_AUTOMOD)
    if any(link.lower() in texts for link in state.settings.harmful_links):
        raise discord_error(HARMFUL_LINK)


def check_not_locked(state: SandboxState, channel: Channel, user_id: int) -> None:
    if channel.locked and not can(state.world, user_id, channel, P.MANAGE_THREADS):
        raise discord_error(THREAD_LOCKED)


def _reply_fields(state: SandboxState, channel: Channel, author_id: int, body: Json) -> Json:
    """Return the fields of a reply if the body has a message_reference, otherwise {}."""
    reference = body.get("message_reference")
    if not reference:
        return {}
    if not can(state.world, author_id, channel, P.READ_MESSAGE_HISTORY):
        raise DiscordApiError(400, 160002, "Cannot reply without permission to read message history")
    referenced = channel.messages.get(parse_int(reference.get("message_id")) or 0)
    if referenced is not None:
        return reply_fields(channel, referenced)
    if reference.get("fail_if_not_exists", True):
        raise invalid_form(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
    return {}


def reply_fields(channel: Channel, referenced: Message) -> Json:
    """Return the fields that make a message a reply to `referenced`."""
    quoted = {key: value for key, value in referenced.payload.items() if key != "referenced_message"}
    return {
        "type": int(MessageType.REPLY),
        "message_reference": message_reference(channel, referenced.id),
        "referenced_message": quoted,
    }


def message_reference(channel: Channel, message_id: int | None) -> Json:
    reference: Json = {"type": 0, "channel_id": str(channel.id)}
    if message_id is not None:
        reference["message_id"] = str(message_id)
    return reference | {"guild_id": str(channel.guild_id)} if channel.guild_id else reference


def post(
    state: SandboxState,
    channel: Channel,
    author_id: int,
    body: Json,
    files: Mapping[int, File],
    extra: Json | None = None,
    *,
    ephemeral_for: int | None = None,
) -> Message:
    """Store a message without permission checks; an ephemeral one in no channel and without event."""
    payload = build_message(state, channel, author_id, strip_text(body), files, extra or {})
    message = Message(
        id=int(payload["id"]),
        channel_id=channel.id,
        author_id=author_id,
        payload=payload,
        nonce=body.get("nonce"),
        ephemeral_for=ephemeral_for,
    )
    if ephemeral_for is not None:
        state.ephemeral[message.id] = message
        return message
    if channel.is_thread:
        channels.unarchive(state, channel)
        channels.add_members(state, channel, [author_id])
    _store(state, channel, message)
    if state.settings.echo or author_id != state.world.bot.id:
        state.emit_message("MESSAGE_CREATE", message, **nonce_field(message))
    channels.add_mentioned_members(state, channel, message)
    return message


def _store(state: SandboxState, channel: Channel, message: Message) -> None:
    channel.messages[message.id] = message
    channel.last_message_id = message.id
    if message.nonce is not None:
        state.remember_nonce(message)
    if channel.is_thread:
        channel.total_sent += 1
        channels.update_starter_message(state, channel)


def nonce_field(message: Message) -> Json:
    """Return the nonce field, which only MESSAGE_CREATE and the sender's response carry."""
    return {} if message.nonce is None else {"nonce": message.nonce}


def check_may_edit(message: Message, user_id: int, body: Json) -> None:
    """Raise unless the user is the author or only sets flags (suppressing embeds)."""
    if message.author_id != user_id and set(body) - {"flags"}:
        raise discord_error(CANNOT_EDIT_OTHERS_MESSAGE)


def edit(state: SandboxState, message: Message, body: Json, files: Mapping[int, File]) -> None:
    """Edit content, embeds, components, attachments or flags; raises `DiscordApiError`."""
    channel = state.world.channels[message.channel_id]
    if message.ephemeral_for is None:
        if channel.archived:
            raise discord_error(ARCHIVED_THREAD)
        check_not_locked(state, channel, message.author_id)
    if message.payload["type"] not in EDITABLE_TYPES:
        raise discord_error(SYSTEM_MESSAGE)
    check_edit(body, files, message.payload, state.settings.attachment_size_limit)
    if message.ephemeral_for is None:
        _check_automod(state, body)
    _apply_edit(state, channel, message, strip_text(body), files)
    if message.ephemeral_for is None:
        state.emit_message("MESSAGE_UPDATE", message)


def _apply_edit(
    state: SandboxState, channel: Channel, message: Message, body: Json, files: Mapping[int, File]
) -> None:
    payload = message.payload
    payload["attachments"] = edited_attachments(state, payload, body, files)
    for key, empty in (("content", ""), ("embeds", [])):
        if key in body:
            payload[key] = body[key] or empty
    if "components" in body:
        payload["components"] = with_component_ids(body["components"] or [])
    if body.get("flags") is not None:
        payload["flags"] = payload["flags"] & ~SUPPRESS_EMBEDS | int(body["flags"]) & SUPPRESS_EMBEDS
    attach_files(payload)
    if "content" in body or "allowed_mentions" in body:
        set_mentions(state, channel, payload, body.get("allowed_mentions"), replied_to=_still_pinged(payload))
    payload["edited_timestamp"] = timestamp()


def _still_pinged(payload: Json) -> int | None:
    """Return the author of the referenced message, if the reply mentioned them."""
    author = (payload.get("referenced_message") or {}).get("author", {}).get("id")
    return int(author) if author in [user["id"] for user in payload["mentions"]] else None


def check_may_delete(state: SandboxState, message: Message, user_id: int) -> None:
    channel = state.world.channels[message.channel_id]
    own = message.author_id == user_id
    require(state.world, user_id, channel, P.VIEW_CHANNEL if own else P.MANAGE_MESSAGES)
    if channel.archived:
        raise discord_error(ARCHIVED_THREAD)
    if message.payload["type"] == MessageType.THREAD_STARTER:
        raise discord_error(SYSTEM_MESSAGE)


def delete(state: SandboxState, message: Message) -> None:
    if message.ephemeral_for is not None:
        state.ephemeral.pop(message.id, None)
        return
    channel = state.world.channels[message.channel_id]
    _remove(state, channel, message)
    state.emit("MESSAGE_DELETE", {"id": str(message.id)} | channel_ids(channel), channel)


def bulk_delete(state: SandboxState, channel: Channel, messages: Sequence[Message]) -> None:
    """Delete several messages of a channel with one event."""
    for message in messages:
        _remove(state, channel, message)
    event: Json = {"ids": [str(message.id) for message in messages]} | channel_ids(channel)
    state.emit("MESSAGE_DELETE_BULK", event, channel)


def _remove(state: SandboxState, channel: Channel, message: Message) -> None:
    """Remove a message from its channel, and from the replies that quote it."""
    channel.messages.pop(message.id, None)
    for other in channel.messages.values():
        referenced = other.payload.get("referenced_message")
        if referenced and referenced["id"] == str(message.id):
            other.payload["referenced_message"] = None
    if channel.is_thread:
        channels.update_starter_message(state, channel)


def channel_ids(channel: Channel) -> Json:
    ids = {"channel_id": str(channel.id)}
    return ids | {"guild_id": str(channel.guild_id)} if channel.guild_id else ids


def announce_thread_from_message(
    state: SandboxState, thread: Channel, owner_id: int, starter: Message
) -> None:
    """Mark the message a thread was created from, and quote it in the thread."""
    parent = state.world.parent_of(thread)
    starter.payload["flags"] |= HAS_THREAD
    channels.update_starter_message(state, thread)
    state.emit_message("MESSAGE_UPDATE", starter)
    quote = reply_fields(parent, starter) | {"type": int(MessageType.THREAD_STARTER)}
    first = post(state, thread, owner_id, {"allowed_mentions": {"parse": []}}, {}, quote)
    thread.starter_id = first.id
    thread.total_sent -= 1
    channels.update_starter_message(state, thread)


def announce_thread(state: SandboxState, parent: Channel, owner_id: int, thread: Channel) -> None:
    """Post the system message for a public thread created without a message."""
    extra = {"type": int(MessageType.THREAD_CREATED), "message_reference": message_reference(thread, None)}
    post(state, parent, owner_id, {"content": thread.name, "allowed_mentions": {"parse": []}}, {}, extra)
