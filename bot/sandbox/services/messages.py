"""Messages: sent, edited and deleted by Discord's rules, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import ChannelKind, Json, timestamp, whole_number
from bot.sandbox.model.permissions import P, can, require, sending_right
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    CANNOT_EDIT_OTHERS_MESSAGE,
    SYSTEM_MESSAGE,
    THREAD_LOCKED,
    WRONG_CHANNEL_KIND,
    Refused,
    invalid_form,
    refused,
)
from bot.sandbox.services import channels
from bot.sandbox.services.message_builder import (
    HAS_THREAD,
    SUPPRESS_EMBEDS,
    MessageKind,
    kept_attachments,
    new_wire,
    ping,
    place_files,
)
from bot.sandbox.validation.components import with_ids
from bot.sandbox.validation.messages import File, check_edit, check_new_message, kept_text

WRITTEN_KINDS = (
    MessageKind.DEFAULT,
    MessageKind.REPLY,
    MessageKind.CHAT_COMMAND,
    MessageKind.MENU_COMMAND,
)


def send(stand: StandIn, channel: Channel, author_id: int, body: Json, files: Mapping[int, File]) -> Message:
    """Sends a message as a user or the bot, with the rights that takes; raises `Refused`."""
    _check_may_send(stand, channel, author_id, body, files)
    check_new_message(body, files, stand.settings.attachment_size_limit)
    nonce = body.get("nonce")
    if nonce is not None and body.get("enforce_nonce"):
        earlier = stand.message_with_nonce(author_id, nonce)
        if earlier is not None:
            return stand.message_anywhere(earlier)
    return post(stand, channel, author_id, body, files, _reply(stand, channel, author_id, body))


def _check_may_send(
    stand: StandIn, channel: Channel, author_id: int, body: Json, files: Mapping[int, File]
) -> None:
    if channel.kind == ChannelKind.CATEGORY:
        raise refused(WRONG_CHANNEL_KIND)
    require(stand.world, author_id, channel, sending_right(channel))
    check_not_locked(stand, channel, author_id)
    if files:
        require(stand.world, author_id, channel, P.ATTACH_FILES)
    if body.get("embeds"):
        require(stand.world, author_id, channel, P.EMBED_LINKS)


def check_not_locked(stand: StandIn, channel: Channel, user_id: int) -> None:
    if channel.locked and not can(stand.world, user_id, channel, P.MANAGE_THREADS):
        raise refused(THREAD_LOCKED)


def _reply(stand: StandIn, channel: Channel, author_id: int, body: Json) -> Json:
    """What makes a message a reply; {} if it is none."""
    reference = body.get("message_reference")
    if not reference:
        return {}
    if not can(stand.world, author_id, channel, P.READ_MESSAGE_HISTORY):
        raise Refused(400, 160002, "Cannot reply without permission to read message history")
    answered = channel.messages.get(whole_number(reference.get("message_id")) or 0)
    if answered is not None:
        return reply_to(channel, answered)
    if reference.get("fail_if_not_exists", True):
        raise invalid_form(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
    return {}


def reply_to(channel: Channel, answered: Message) -> Json:
    """What a reply to this message has that other messages have not."""
    quoted = {key: value for key, value in answered.wire.items() if key != "referenced_message"}
    return {
        "type": int(MessageKind.REPLY),
        "message_reference": reference_to(channel, answered.id),
        "referenced_message": quoted,
    }


def reference_to(channel: Channel, message_id: int | None) -> Json:
    reference: Json = {"type": 0, "channel_id": str(channel.id)}
    if message_id is not None:
        reference["message_id"] = str(message_id)
    return reference | {"guild_id": str(channel.guild_id)} if channel.guild_id else reference


def post(
    stand: StandIn,
    channel: Channel,
    author_id: int,
    body: Json,
    files: Mapping[int, File],
    extra: Json | None = None,
    *,
    ephemeral_for: int | None = None,
) -> Message:
    """Puts a message there without asking for rights; an ephemeral one in no channel, without an event."""
    wire = new_wire(stand, channel, author_id, kept_text(body), files, extra or {})
    message = Message(
        id=int(wire["id"]),
        channel_id=channel.id,
        author_id=author_id,
        wire=wire,
        nonce=body.get("nonce"),
        ephemeral_for=ephemeral_for,
    )
    if ephemeral_for is not None:
        stand.ephemeral[message.id] = message
        return message
    if channel.is_thread:
        channels.wake(stand, channel)
        channels.join(stand, channel, [author_id])
    _keep(stand, channel, message)
    if stand.settings.echo or author_id != stand.world.bot.id:
        stand.emit_message("MESSAGE_CREATE", message, **nonce_of(message))
    channels.join_mentioned(stand, channel, message)
    return message


def _keep(stand: StandIn, channel: Channel, message: Message) -> None:
    channel.messages[message.id] = message
    channel.last_message_id = message.id
    if message.nonce is not None:
        stand.remember_nonce(message)
    if channel.is_thread:
        channel.total_sent += 1
        channels.refresh_starter(stand, channel)


def nonce_of(message: Message) -> Json:
    """Only the answer to its sender and MESSAGE_CREATE carry a message's nonce."""
    return {} if message.nonce is None else {"nonce": message.nonce}


def check_may_edit(message: Message, user_id: int, body: Json) -> None:
    """Of others' messages only the embeds can be hidden."""
    if message.author_id != user_id and set(body) - {"flags"}:
        raise refused(CANNOT_EDIT_OTHERS_MESSAGE)


def edit(stand: StandIn, message: Message, body: Json, files: Mapping[int, File]) -> None:
    """Changes a message's content, embeds, components, attachments or flags; raises `Refused`."""
    channel = stand.world.channels[message.channel_id]
    if message.ephemeral_for is None:
        if channel.archived:
            raise refused(ARCHIVED_THREAD)
        check_not_locked(stand, channel, message.author_id)
    if message.wire["type"] not in WRITTEN_KINDS:
        raise refused(SYSTEM_MESSAGE)
    check_edit(body, files, message.wire, stand.settings.attachment_size_limit)
    rewrite(stand, channel, message, kept_text(body), files)
    if message.ephemeral_for is None:
        stand.emit_message("MESSAGE_UPDATE", message)


def rewrite(
    stand: StandIn, channel: Channel, message: Message, body: Json, files: Mapping[int, File]
) -> None:
    wire = message.wire
    wire["attachments"] = kept_attachments(stand, wire, body, files)
    for key, empty in (("content", ""), ("embeds", [])):
        if key in body:
            wire[key] = body[key] or empty
    if "components" in body:
        wire["components"] = with_ids(body["components"] or [])
    if body.get("flags") is not None:
        wire["flags"] = wire["flags"] & ~SUPPRESS_EMBEDS | int(body["flags"]) & SUPPRESS_EMBEDS
    place_files(wire)
    if "content" in body or "allowed_mentions" in body:
        ping(stand, channel, wire, body.get("allowed_mentions"), replied_to=_still_pinged(wire))
    wire["edited_timestamp"] = timestamp()


def _still_pinged(wire: Json) -> int | None:
    """The author of the message replied to, if the reply pinged them."""
    author = (wire.get("referenced_message") or {}).get("author", {}).get("id")
    return int(author) if author in [user["id"] for user in wire["mentions"]] else None


def check_may_delete(stand: StandIn, message: Message, user_id: int) -> None:
    channel = stand.world.channels[message.channel_id]
    own = message.author_id == user_id
    require(stand.world, user_id, channel, P.VIEW_CHANNEL if own else P.MANAGE_MESSAGES)
    if channel.archived:
        raise refused(ARCHIVED_THREAD)
    if message.wire["type"] == MessageKind.THREAD_STARTER:
        raise refused(SYSTEM_MESSAGE)


def delete(stand: StandIn, message: Message) -> None:
    if message.ephemeral_for is not None:
        stand.ephemeral.pop(message.id, None)
        return
    channel = stand.world.channels[message.channel_id]
    forget(stand, channel, message)
    stand.emit("MESSAGE_DELETE", {"id": str(message.id)} | place_of(channel), channel)


def delete_together(stand: StandIn, channel: Channel, doomed: Sequence[Message]) -> None:
    """Deletes several messages of a channel, which is told of once."""
    for message in doomed:
        forget(stand, channel, message)
    told: Json = {"ids": [str(message.id) for message in doomed]} | place_of(channel)
    stand.emit("MESSAGE_DELETE_BULK", told, channel)


def forget(stand: StandIn, channel: Channel, message: Message) -> None:
    """Takes a message out of its channel; replies to it then answer nothing."""
    channel.messages.pop(message.id, None)
    for other in channel.messages.values():
        answered = other.wire.get("referenced_message")
        if answered and answered["id"] == str(message.id):
            other.wire["referenced_message"] = None
    if channel.is_thread:
        channels.refresh_starter(stand, channel)


def place_of(channel: Channel) -> Json:
    place = {"channel_id": str(channel.id)}
    return place | {"guild_id": str(channel.guild_id)} if channel.guild_id else place


def announce_starter(stand: StandIn, thread: Channel, owner_id: int, starter: Message) -> None:
    """What Discord does around a thread made from a message: marks that one, quotes it in the thread."""
    parent = stand.world.parent_of(thread)
    starter.wire["flags"] |= HAS_THREAD
    channels.refresh_starter(stand, thread)
    stand.emit_message("MESSAGE_UPDATE", starter)
    quote = reply_to(parent, starter) | {"type": int(MessageKind.THREAD_STARTER)}
    first = post(stand, thread, owner_id, {"allowed_mentions": {"parse": []}}, {}, quote)
    thread.starter_id = first.id
    thread.total_sent -= 1
    channels.refresh_starter(stand, thread)


def announce_thread(stand: StandIn, parent: Channel, owner_id: int, thread: Channel) -> None:
    """Tells the channel of a public thread made from no message."""
    extra = {"type": int(MessageKind.THREAD_CREATED), "message_reference": reference_to(thread, None)}
    post(stand, parent, owner_id, {"content": thread.name, "allowed_mentions": {"parse": []}}, {}, extra)
