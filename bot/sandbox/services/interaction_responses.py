"""The bot's responses to an interaction: callback, original message, followups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.model.guilds import Message
from bot.sandbox.model.json import InteractionKind, Json
from bot.sandbox.model.payloads import user_payload
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import (
    ALREADY_ACKNOWLEDGED,
    EXPIRED_WEBHOOK_TOKEN,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    DiscordApiError,
    discord_error,
    invalid_form,
)
from bot.sandbox.services import messages
from bot.sandbox.services.interactions import Interaction, authorizing_owners
from bot.sandbox.services.message_builder import EPHEMERAL, LOADING, SENDABLE_FLAGS, MessageType
from bot.sandbox.validation.commands import check_choices
from bot.sandbox.validation.messages import File, check_edit, check_new_message
from bot.sandbox.validation.modals import check_modal

CHANNEL_MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE_MESSAGE = 4, 5, 6, 7  # callback types
AUTOCOMPLETE_RESULT, MODAL = 8, 9
CHAT_INPUT = 1
Files = Mapping[int, File]


def respond(
    state: SandboxState, interaction_id: int, token: str, body: Json, files: Files, *, now: float
) -> Json:
    """Accept the initial response and return Discord's callback object; raises `DiscordApiError`."""
    interaction = state.interactions.get(interaction_id)
    if interaction is None or interaction.token != token:
        raise discord_error(UNKNOWN_INTERACTION)
    if interaction.callback is not None:
        raise discord_error(ALREADY_ACKNOWLEDGED)
    if now - interaction.started_at > state.settings.callback_deadline:
        raise discord_error(UNKNOWN_INTERACTION)
    kind, data = body.get("type"), body.get("data") or {}
    if kind not in _allowed_types(interaction):
        message = f"Value must be one of {{{', '.join(str(k) for k in _allowed_types(interaction))}}}."
        raise invalid_form(("type",), "BASE_TYPE_CHOICES", message)
    _check(interaction, kind, data, files, state.settings.attachment_size_limit)
    interaction.callback = {"type": kind, "data": data or None}
    interaction.acknowledged_after = round(now - interaction.started_at, 4)
    _apply(state, interaction, kind, data, files)
    interaction.acknowledged.set()
    return _callback_response(interaction, kind)


def _allowed_types(interaction: Interaction) -> tuple[int, ...]:
    if interaction.kind == InteractionKind.AUTOCOMPLETE:
        return (AUTOCOMPLETE_RESULT,)
    updating = (DEFERRED_UPDATE, UPDATE_MESSAGE) if interaction.source is not None else ()
    modal = () if interaction.kind == InteractionKind.MODAL else (MODAL,)
    return (CHANNEL_MESSAGE, DEFERRED_MESSAGE, *updating, *modal)


def _check(interaction: Interaction, kind: int, data: Json, files: Files, limit: int) -> None:
    if kind == AUTOCOMPLETE_RESULT:
        check_choices(data.get("choices"))
    elif kind == MODAL:
        check_modal(data)
    elif kind == CHANNEL_MESSAGE:
        with_errors_in("data", lambda: check_new_message(data, files, limit))
    elif kind == UPDATE_MESSAGE and interaction.source is not None:
        source = interaction.source
        with_errors_in("data", lambda: check_edit(data, files, source.payload, limit))


def with_errors_in(name: str, check: Any) -> None:
    """Run a check; nest its form errors under `name`, where the message stands in the callback."""
    try:
        check()
    except DiscordApiError as error:
        raise DiscordApiError(
            error.status, error.code, error.message, {name: error.errors} if error.errors else None
        ) from None


def _apply(state: SandboxState, interaction: Interaction, kind: int, data: Json, files: Files) -> None:
    if kind in (CHANNEL_MESSAGE, DEFERRED_MESSAGE):
        interaction.loading = kind == DEFERRED_MESSAGE
        extra: Json = _original_fields(interaction)
        if interaction.loading:
            data = {"flags": int(data.get("flags") or 0)}
        interaction.original = _post(state, interaction, data, files, extra)
        interaction.add_message(interaction.original)
    elif kind in (DEFERRED_UPDATE, UPDATE_MESSAGE):
        interaction.original = interaction.source
        if kind == UPDATE_MESSAGE and interaction.source is not None:
            _edit(state, interaction, interaction.source, data, files)


def _original_fields(interaction: Interaction) -> Json:
    if interaction.source is not None:
        return messages.reply_fields(interaction.channel, interaction.source)
    if interaction.kind != InteractionKind.COMMAND:
        return {}
    chat = interaction.data.get("type", CHAT_INPUT) == CHAT_INPUT
    return {"type": int(MessageType.CHAT_COMMAND if chat else MessageType.MENU_COMMAND)}


def _post(state: SandboxState, interaction: Interaction, body: Json, files: Files, extra: Json) -> Message:
    world = state.world
    user = user_payload(world.user(interaction.user_id))
    flags = int(body.get("flags") or 0)
    extra = extra | {
        "application_id": str(world.application_id),
        "webhook_id": str(world.application_id),
        "interaction_metadata": _metadata(state, interaction),
    }
    if interaction.kind == InteractionKind.COMMAND:
        legacy_interaction = {
            "id": str(interaction.id),
            "type": int(interaction.kind),
            "name": interaction.data["name"],
            "user": user,
        }
        extra["interaction"] = legacy_interaction
    ephemeral_for = interaction.user_id if flags & EPHEMERAL else None
    extra["flags"] = flags & (SENDABLE_FLAGS | EPHEMERAL) | (LOADING if interaction.loading else 0)
    return messages.post(
        state, interaction.channel, world.bot.id, body, files, extra, ephemeral_for=ephemeral_for
    )


def _metadata(state: SandboxState, interaction: Interaction) -> Json:
    """Describe the interaction a message answers; that of a modal holds the one that opened the modal."""
    metadata: Json = {
        "id": str(interaction.id),
        "type": int(interaction.kind),
        "user": user_payload(state.world.user(interaction.user_id)),
        "authorizing_integration_owners": authorizing_owners(state, interaction.channel),
    }
    if interaction.kind == InteractionKind.COMMAND:
        names = {"name": interaction.data["name"], "command_type": interaction.data["type"]}
        return metadata | names
    if interaction.opened_by is not None:
        return metadata | {"triggering_interaction_metadata": _metadata(state, interaction.opened_by)}
    if interaction.source is not None:
        metadata["interacted_message_id"] = str(interaction.source.id)
    return metadata


def _edit(state: SandboxState, interaction: Interaction, message: Message, body: Json, files: Files) -> None:
    message.payload["flags"] &= ~LOADING
    interaction.loading = interaction.loading and message is not interaction.original
    messages.edit(state, message, body, files)
    interaction.add_message(message)


def _callback_response(interaction: Interaction, kind: int) -> Json:
    metadata: Json = {"id": str(interaction.id), "type": int(interaction.kind)}
    resource: Json = {"type": kind}
    if interaction.original is not None and kind not in (AUTOCOMPLETE_RESULT, MODAL):
        payload = interaction.original.payload
        metadata["response_message_id"] = payload["id"]
        metadata["response_message_loading"] = interaction.loading
        metadata["response_message_ephemeral"] = bool(payload["flags"] & EPHEMERAL)
        if kind in (CHANNEL_MESSAGE, UPDATE_MESSAGE):
            resource["message"] = payload
            return {"interaction": metadata, "resource": resource}
    return {"interaction": metadata}


def find_by_token(state: SandboxState, application_id: int, token: str, *, now: float) -> Interaction:
    """Return the acknowledged interaction of a webhook token; raises `DiscordApiError`."""
    for interaction in state.interactions.values():
        if (
            interaction.token == token
            and application_id == state.world.application_id
            and interaction.callback
        ):
            if now - interaction.started_at > state.settings.token_lifetime:
                raise discord_error(EXPIRED_WEBHOOK_TOKEN)
            return interaction
    raise discord_error(UNKNOWN_WEBHOOK)


def follow_up(state: SandboxState, interaction: Interaction, body: Json, files: Files) -> Message:
    """Send a followup; the first one after a deferral becomes the original message."""
    check_new_message(body, files, state.settings.attachment_size_limit)
    if interaction.loading and interaction.original is not None:
        _edit(state, interaction, interaction.original, body | {"flags": int(body.get("flags") or 0)}, files)
        interaction.followed_up.set()
        return interaction.original
    reply_fields = (
        messages.reply_fields(interaction.channel, interaction.original) if interaction.original else {}
    )
    sent = _post(state, interaction, body, files, reply_fields)
    interaction.add_message(sent)
    interaction.followed_up.set()
    return sent


def find_message(interaction: Interaction, which: str) -> Message:
    if which != "@original":
        return interaction.message(int(which) if which.isdigit() else 0)
    if interaction.original is None:
        raise discord_error(UNKNOWN_MESSAGE)
    return interaction.original


def edit_message(
    state: SandboxState, interaction: Interaction, which: str, body: Json, files: Files
) -> Message:
    message = find_message(interaction, which)
    _edit(state, interaction, message, body, files)
    interaction.followed_up.set()
    return message


def delete_message(state: SandboxState, interaction: Interaction, which: str) -> None:
    message = find_message(interaction, which)
    messages.delete(state, message)
    if message is interaction.original:
        interaction.original, interaction.loading = None, False
    interaction.followed_up.set()
