"""REST: messages sent, edited, deleted and read, their reactions and pins."""

from __future__ import annotations

from bot.sandbox.gateway.events import Intent, without_content
from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import Json, whole_number
from bot.sandbox.model.permissions import P, can, require
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    BULK_DELETE_COUNT,
    BULK_DELETE_TOO_OLD,
    invalid_form,
    refused,
)
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services import messages
from bot.sandbox.services import reactions as pins

TWO_WEEKS_OF_IDS = (14 * 24 * 60 * 60 * 1000) << 22


def send(call: Call) -> Json:
    sent = messages.send(call.stand, call.channel(), call.bot, call.body, call.files)
    return sent.wire | messages.nonce_of(sent)


def edit(call: Call) -> Json:
    found = call.message(call.channel())
    messages.check_may_edit(found, call.bot, call.body)
    messages.edit(call.stand, found, call.body, call.files)
    return found.wire


def delete(call: Call) -> None:
    found = call.message(call.channel())
    messages.check_may_delete(call.stand, found, call.bot)
    messages.delete(call.stand, found)


def bulk_delete(call: Call) -> None:
    channel = call.channel(P.MANAGE_MESSAGES)
    if channel.archived:
        raise refused(ARCHIVED_THREAD)
    ids = [whole_number(message_id) or 0 for message_id in call.body.get("messages") or []]
    if not 2 <= len(ids) <= 100:
        raise refused(BULK_DELETE_COUNT)
    if len(set(ids)) < len(ids):
        raise invalid_form(("messages",), "BASE_TYPE_DUPLICATES", "This field contains duplicate values")
    if min(ids) < call.stand.world.next_id() - TWO_WEEKS_OF_IDS:
        raise refused(BULK_DELETE_TOO_OLD)
    there = [channel.messages[message_id] for message_id in ids if message_id in channel.messages]
    messages.delete_together(call.stand, channel, there)


def message(call: Call) -> Json:
    channel = call.channel(P.READ_MESSAGE_HISTORY)
    return _seen(call, channel, call.message(channel))


def history(call: Call) -> list[Json]:
    """Newest first; nothing for who may not read the history."""
    channel = call.channel()
    limit = call.limit(50, 100)
    if not can(call.stand.world, call.bot, channel, P.READ_MESSAGE_HISTORY):
        return []
    ids = _page(call, sorted(channel.messages), limit)
    return [_seen(call, channel, channel.messages[i]) for i in sorted(ids, reverse=True)]


def _page(call: Call, ids: list[int], limit: int) -> list[int]:
    around, before, after = call.asked("around"), call.asked("before"), call.asked("after")
    if around is not None:
        older = [i for i in ids if i < around][-(limit // 2) :] if limit > 1 else []
        return older + [i for i in ids if i >= around][: limit - limit // 2]
    if after is not None:
        return [i for i in ids if i > after][:limit]
    return [i for i in ids if before is None or i < before][-limit:]


def _seen(call: Call, channel: Channel, found: Message) -> Json:
    """Without the content the application has no right to read."""
    if call.stand.settings.disallowed_intents & Intent.MESSAGE_CONTENT:
        return without_content(call.stand.world, found.wire, channel)
    return found.wire


def react(call: Call) -> None:
    channel = call.channel(P.READ_MESSAGE_HISTORY)
    found, emoji = call.message(channel), call.word("emoji")
    if channel.archived:
        raise refused(ARCHIVED_THREAD)
    known = [r["emoji"]["name"] for r in found.wire.get("reactions", [])]
    if emoji not in known:
        require(call.stand.world, call.bot, channel, P.ADD_REACTIONS)
    pins.react(call.stand, channel, found, emoji)


def take_back_reaction(call: Call) -> None:
    channel = call.channel()
    pins.take_back_reaction(call.stand, channel, call.message(channel), call.word("emoji"))


def pin(call: Call) -> None:
    channel = _where_to_pin(call)
    pins.pin(call.stand, channel, call.message(channel))


def unpin(call: Call) -> None:
    channel = _where_to_pin(call)
    pins.unpin(call.stand, channel, call.message(channel))


def _where_to_pin(call: Call) -> Channel:
    channel = call.channel()
    if not can(call.stand.world, call.bot, channel, P.MANAGE_MESSAGES):
        require(call.stand.world, call.bot, channel, P.PIN_MESSAGES)
    if channel.archived:
        raise refused(ARCHIVED_THREAD)
    return channel


def pinned(call: Call) -> Json:
    channel = call.channel()
    items = [
        {"pinned_at": when, "message": _seen(call, channel, channel.messages[message_id])}
        for message_id, when in reversed(channel.pins.items())
    ]
    return {"items": items, "has_more": False}


ROUTES = (
    Route("GET", "/channels/{channel}/messages/pins", pinned),
    Route("PUT", "/channels/{channel}/messages/pins/{message}", pin),
    Route("DELETE", "/channels/{channel}/messages/pins/{message}", unpin),
    Route("POST", "/channels/{channel}/messages/bulk-delete", bulk_delete),
    Route("POST", "/channels/{channel}/messages", send),
    Route("GET", "/channels/{channel}/messages", history),
    Route("GET", "/channels/{channel}/messages/{message}", message),
    Route("PATCH", "/channels/{channel}/messages/{message}", edit),
    Route("DELETE", "/channels/{channel}/messages/{message}", delete),
    Route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", react),
    Route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", take_back_reaction),
)
