"""The bot's answers to an interaction: the callback, the original message and the followups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.model.guilds import Message
from bot.sandbox.model.json import InteractionKind, Json
from bot.sandbox.model.payloads import user_payload
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import (
    ALREADY_ACKNOWLEDGED,
    EXPIRED_WEBHOOK_TOKEN,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    Refused,
    invalid_form,
    refused,
)
from bot.sandbox.services import messages
from bot.sandbox.services.interactions import Interaction, owners
from bot.sandbox.services.message_builder import EPHEMERAL, LOADING, SENDABLE_FLAGS, MessageKind
from bot.sandbox.validation.commands import check_choices
from bot.sandbox.validation.messages import File, check_edit, check_new_message
from bot.sandbox.validation.modals import check_modal

SAY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
CHAT_INPUT = 1
Files = Mapping[int, File]


def answer(stand: StandIn, interaction_id: int, token: str, body: Json, files: Files, *, now: float) -> Json:
    """Takes the callback and returns Discord's description of what became of it; raises `Refused`."""
    found = stand.interactions.get(interaction_id)
    if found is None or found.token != token:
        raise refused(UNKNOWN_INTERACTION)
    if found.callback is not None:
        raise refused(ALREADY_ACKNOWLEDGED)
    if now - found.began > stand.settings.callback_deadline:
        raise refused(UNKNOWN_INTERACTION)
    kind, data = body.get("type"), body.get("data") or {}
    if kind not in _allowed(found):
        told = f"Value must be one of {{{', '.join(str(k) for k in _allowed(found))}}}."
        raise invalid_form(("type",), "BASE_TYPE_CHOICES", told)
    _check(found, kind, data, files, stand.settings.attachment_size_limit)
    found.callback = {"type": kind, "data": data or None}
    found.acknowledged_after = round(now - found.began, 4)
    _act(stand, found, kind, data, files)
    found.acknowledged.set()
    return _outcome(found, kind)


def _allowed(found: Interaction) -> tuple[int, ...]:
    if found.kind == InteractionKind.AUTOCOMPLETE:
        return (CHOICES,)
    updating = (DEFER_UPDATE, UPDATE) if found.source is not None else ()
    modal = () if found.kind == InteractionKind.MODAL else (MODAL,)
    return (SAY, DEFER, *updating, *modal)


def _check(found: Interaction, kind: int, data: Json, files: Files, limit: int) -> None:
    if kind == CHOICES:
        check_choices(data.get("choices"))
    elif kind == MODAL:
        check_modal(data)
    elif kind == SAY:
        with_errors_in("data", lambda: check_new_message(data, files, limit))
    elif kind == UPDATE and found.source is not None:
        source = found.source
        with_errors_in("data", lambda: check_edit(data, files, source.wire, limit))


def with_errors_in(name: str, check: Any) -> None:
    """What is wrong with the message in a callback is told under the key it stands in."""
    try:
        check()
    except Refused as no:
        raise Refused(no.status, no.code, no.message, {name: no.errors} if no.errors else None) from None


def _act(stand: StandIn, found: Interaction, kind: int, data: Json, files: Files) -> None:
    if kind in (SAY, DEFER):
        found.loading = kind == DEFER
        extra: Json = _as_original(found)
        if found.loading:
            data = {"flags": int(data.get("flags") or 0)}
        found.original = _post(stand, found, data, files, extra)
        found.show(found.original)
    elif kind in (DEFER_UPDATE, UPDATE):
        found.original = found.source
        if kind == UPDATE and found.source is not None:
            _rewrite(stand, found, found.source, data, files)


def _as_original(found: Interaction) -> Json:
    if found.source is not None:
        return messages.reply_to(found.channel, found.source)
    if found.kind != InteractionKind.COMMAND:
        return {}
    chat = found.data.get("type", CHAT_INPUT) == CHAT_INPUT
    return {"type": int(MessageKind.CHAT_COMMAND if chat else MessageKind.MENU_COMMAND)}


def _post(stand: StandIn, found: Interaction, body: Json, files: Files, extra: Json) -> Message:
    world = stand.world
    user = user_payload(world.user(found.user_id))
    flags = int(body.get("flags") or 0)
    about: Json = {
        "id": str(found.id),
        "type": int(found.kind),
        "user": user,
        "authorizing_integration_owners": owners(stand, found.channel),
    }
    extra = extra | {
        "application_id": str(world.application_id),
        "webhook_id": str(world.application_id),
        "interaction_metadata": about | _about_command(found),
    }
    if found.kind == InteractionKind.COMMAND:
        named = {"id": str(found.id), "type": int(found.kind), "name": found.data["name"], "user": user}
        extra["interaction"] = named
    seen_by = found.user_id if flags & EPHEMERAL else None
    extra["flags"] = flags & (SENDABLE_FLAGS | EPHEMERAL) | (LOADING if found.loading else 0)
    return messages.post(stand, found.channel, world.bot.id, body, files, extra, ephemeral_for=seen_by)


def _about_command(found: Interaction) -> Json:
    if found.kind == InteractionKind.COMMAND:
        return {"name": found.data["name"], "command_type": found.data["type"]}
    if found.source is not None:
        return {"interacted_message_id": str(found.source.id)}
    return {}


def _rewrite(stand: StandIn, found: Interaction, message: Message, body: Json, files: Files) -> None:
    message.wire["flags"] &= ~LOADING
    found.loading = found.loading and message is not found.original
    messages.edit(stand, message, body, files)
    found.show(message)


def _outcome(found: Interaction, kind: int) -> Json:
    about: Json = {"id": str(found.id), "type": int(found.kind)}
    resource: Json = {"type": kind}
    if found.original is not None and kind not in (CHOICES, MODAL):
        wire = found.original.wire
        about["response_message_id"] = wire["id"]
        about["response_message_loading"] = found.loading
        about["response_message_ephemeral"] = bool(wire["flags"] & EPHEMERAL)
        if kind in (SAY, UPDATE):
            resource["message"] = wire
    return {"interaction": about, "resource": resource} if kind in (SAY, UPDATE) else {"interaction": about}


def with_token(stand: StandIn, application_id: int, token: str, *, now: float) -> Interaction:
    """The answered interaction a webhook token belongs to; raises `Refused`."""
    for found in stand.interactions.values():
        if found.token == token and application_id == stand.world.application_id and found.callback:
            if now - found.began > stand.settings.token_lifetime:
                raise refused(EXPIRED_WEBHOOK_TOKEN)
            return found
    raise refused(UNKNOWN_WEBHOOK)


def follow_up(stand: StandIn, found: Interaction, body: Json, files: Files) -> Message:
    """Sends a further message; the first one after a deferral is the original it promised."""
    check_new_message(body, files, stand.settings.attachment_size_limit)
    if found.loading and found.original is not None:
        _rewrite(stand, found, found.original, body | {"flags": int(body.get("flags") or 0)}, files)
        found.followed.set()
        return found.original
    quoted = messages.reply_to(found.channel, found.original) if found.original else {}
    sent = _post(stand, found, body, files, quoted)
    found.show(sent)
    found.followed.set()
    return sent


def message_of(found: Interaction, which: str) -> Message:
    if which != "@original":
        return found.message(int(which) if which.isdigit() else 0)
    if found.original is None:
        raise refused(UNKNOWN_MESSAGE)
    return found.original


def change(stand: StandIn, found: Interaction, which: str, body: Json, files: Files) -> Message:
    message = message_of(found, which)
    _rewrite(stand, found, message, body, files)
    found.followed.set()
    return message


def remove(stand: StandIn, found: Interaction, which: str) -> None:
    message = message_of(found, which)
    messages.delete(stand, message)
    if message is found.original:
        found.original, found.loading = None, False
    found.followed.set()
