"""REST routes of messages and reactions."""

from __future__ import annotations

from bot.sandbox.gateway.events import Intent, without_content
from bot.sandbox.model.guilds import Channel, Message, age
from bot.sandbox.model.json import Json
from bot.sandbox.model.permissions import P, can, require
from bot.sandbox.rest.errors import (
    ARCHIVED_THREAD,
    UNKNOWN_EMOJI,
    discord_error,
)
from bot.sandbox.rest.request import RestRequest, RestRoute
from bot.sandbox.services import messages, reactions


def create_message(request: RestRequest) -> Json:
    sent = messages.send(request.state, request.channel(), request.bot_id, request.body, request.files)
    return sent.payload | messages.nonce_field(sent)


def edit_message(request: RestRequest) -> Json:
    found = request.message(request.channel())
    messages.check_may_edit(found, request.bot_id, request.body)
    if age(found.id) >= request.state.settings.old_message_age:
        request.state.rate_limiter.acquire_old_edit(found.channel_id)
    messages.edit(request.state, found, request.body, request.files)
    return found.payload


def delete_message(request: RestRequest) -> None:
    found = request.message(request.channel())
    messages.check_may_delete(request.state, found, request.bot_id)
    messages.delete(request.state, found)


def get_message(request: RestRequest) -> Json:
    channel = request.channel(P.READ_MESSAGE_HISTORY)
    return _without_hidden_content(request, channel, request.message(channel))


def list_messages(request: RestRequest) -> list[Json]:
    """List messages, newest first; empty without READ_MESSAGE_HISTORY."""
    channel = request.channel()
    limit = request.limit(50, 100)
    if not can(request.state.world, request.bot_id, channel, P.READ_MESSAGE_HISTORY):
        return []
    ids = _page(request, sorted(channel.messages), limit)
    return [_without_hidden_content(request, channel, channel.messages[i]) for i in sorted(ids, reverse=True)]


def _page(request: RestRequest, ids: list[int], limit: int) -> list[int]:
    around, before, after = request.query("around"), request.query("before"), request.query("after")
    if around is not None:
        older = [i for i in ids if i < around][-(limit // 2) :] if limit > 1 else []
        return older + [i for i in ids if i >= around][: limit - limit // 2]
    if after is not None:
        return [i for i in ids if i > after][:limit]
    return [i for i in ids if before is None or i < before][-limit:]


def _without_hidden_content(request: RestRequest, channel: Channel, found: Message) -> Json:
    """Return the message without the content that needs the message content intent."""
    if request.state.settings.disallowed_intents & Intent.MESSAGE_CONTENT:
        return without_content(request.state.world, found.payload, channel)
    return found.payload


def add_reaction(request: RestRequest) -> None:
    channel = request.channel(P.READ_MESSAGE_HISTORY)
    found, emoji = request.message(channel), _emoji(request)
    if channel.archived:
        raise discord_error(ARCHIVED_THREAD)
    existing = [r["emoji"]["name"] for r in found.payload.get("reactions", [])]
    if emoji not in existing:
        require(request.state.world, request.bot_id, channel, P.ADD_REACTIONS)
    reactions.add_reaction(request.state, channel, found, emoji)


def remove_reaction(request: RestRequest) -> None:
    channel = request.channel()
    reactions.remove_reaction(request.state, channel, request.message(channel), _emoji(request))


def _emoji(request: RestRequest) -> str:
    emoji = request.path_str("emoji")
    if not reactions.is_emoji(emoji):
        raise discord_error(UNKNOWN_EMOJI)
    return emoji


ROUTES = (
    RestRoute("POST", "/channels/{channel}/messages", create_message),
    RestRoute("GET", "/channels/{channel}/messages", list_messages),
    RestRoute("GET", "/channels/{channel}/messages/{message}", get_message),
    RestRoute("PATCH", "/channels/{channel}/messages/{message}", edit_message),
    RestRoute("DELETE", "/channels/{channel}/messages/{message}", delete_message),
    RestRoute("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", add_reaction),
    RestRoute("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", remove_reaction),
)
