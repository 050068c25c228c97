"""REST: messages sent, edited, deleted and read, and their reactions."""

from __future__ import annotations

from bot.sandbox.gateway.events import Intent, without_content
from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import Json
from bot.sandbox.model.permissions import P, can, require
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    refused,
)
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services import messages
from bot.sandbox.services import reactions as pins


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


ROUTES = (
    Route("POST", "/channels/{channel}/messages", send),
    Route("GET", "/channels/{channel}/messages", history),
    Route("GET", "/channels/{channel}/messages/{message}", message),
    Route("PATCH", "/channels/{channel}/messages/{message}", edit),
    Route("DELETE", "/channels/{channel}/messages/{message}", delete),
    Route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", react),
    Route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", take_back_reaction),
)
