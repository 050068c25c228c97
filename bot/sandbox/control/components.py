"""Buttons, selects and modals as a user, within what Discord's client allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.control.lookup import Name, entity_id, find_message, find_user, resolve_entities
from bot.sandbox.control.users import user_file
from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import InteractionKind, Json, parse_int
from bot.sandbox.model.permissions import P, can, can_see, send_permission
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError
from bot.sandbox.services.interactions import Interaction, open_interaction
from bot.sandbox.validation.components import (
    BUTTON,
    FILE_UPLOAD,
    LINK,
    SELECTS,
    STRING_SELECT,
    walk_components,
)
from bot.sandbox.validation.modals import fill_modal, labelled_inputs, modal_inputs


def press(
    state: SandboxState,
    user: Name,
    message: Name,
    custom_id: str,
    values: list[Any] | None = None,
    *,
    forge: bool = False,
) -> Interaction:
    """Press a button or choose from a select.

    `forge` skips the check that the message has this component; the bot receives the message unchanged.
    """
    actor, target_message = find_user(state, user), find_message(state, message)
    channel = state.world.channels[target_message.channel_id]
    _check_may_press(state, actor.id, target_message, channel)
    component = _component(target_message, custom_id)
    if component is None and not forge:
        known = [
            c["custom_id"]
            for _, c in walk_components(target_message.payload["components"])
            if "custom_id" in c
        ]
        raise ControlError(f"The message has no component {custom_id!r}: it has {known}.", status=404)
    component = component or {"id": 1, "type": STRING_SELECT if values else BUTTON}
    if not forge:
        _check_usable(component, values or [])
    data: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
    if component["type"] in SELECTS:
        data |= _selected_values(state, channel, actor.id, component, values or [])
    return open_interaction(state, InteractionKind.COMPONENT, actor.id, channel, data, target_message)


def _selected_values(
    state: SandboxState, channel: Channel, actor_id: int, component: Json, values: list[Any]
) -> Json:
    if component["type"] == STRING_SELECT:
        return {"values": [str(value) for value in values]}
    ids = [entity_id(state, value) for value in values]
    return {"values": ids, "resolved": resolve_entities(state, channel, actor_id, ids)}


def _check_may_press(state: SandboxState, user_id: int, message: Message, channel: Channel) -> None:
    if message.ephemeral_for not in (None, user_id):
        raise ControlError("Only the user an ephemeral message was sent to sees it.", status=403)
    if not can_see(state.world, user_id, channel):
        raise ControlError("This user cannot see that channel: act as one who can.", status=403)
    if channel.locked:
        raise ControlError(
            "The thread is locked: its components cannot be used, whatever permissions the user has.",
            status=403,
        )
    if channel.archived and not _may_unarchive(state, user_id, channel):
        raise ControlError(
            "The thread is archived and this user may not write in it: un-archive it.", status=403
        )


def _may_unarchive(state: SandboxState, user_id: int, channel: Channel) -> bool:
    sufficient = (send_permission(channel), P.MANAGE_THREADS)
    return any(can(state.world, user_id, channel, permission) for permission in sufficient)


def _component(message: Message, custom_id: str) -> Json | None:
    for _, component in walk_components(message.payload["components"]):
        if component.get("custom_id") == custom_id:
            return component
    return None


def _check_usable(component: Json, values: list[Any]) -> None:
    """Raise `ControlError` if the client would not allow this use of the component."""
    if component.get("disabled"):
        raise ControlError("The component is disabled.", status=403)
    if component["type"] == BUTTON:
        if component.get("style") == LINK:
            raise ControlError("A link button sends nothing to the bot.", status=400)
        return
    minimum, maximum = component.get("min_values", 1), component.get("max_values", 1)
    if not minimum <= len(values) <= maximum:
        raise ControlError(f"This select takes {minimum} to {maximum} values, not {len(values)}.", status=400)
    known = [option["value"] for option in component.get("options") or []]
    if component["type"] == STRING_SELECT and not set(map(str, values)) <= set(known):
        raise ControlError(f"This select has no option {values}: it has {known}.", status=400)


def submit_modal(
    state: SandboxState, user: Name, interaction: Name, values: Json, forge_custom_id: str | None = None
) -> Interaction:
    """Submit the modal an interaction opened; `forge_custom_id` replaces its custom id."""
    actor = find_user(state, user)
    opened_by = state.interactions.get(parse_int(interaction) or 0)
    if opened_by is None or opened_by.modal is None:
        raise ControlError(f"The interaction {interaction} opened no modal.", status=404)
    if opened_by.user_id != actor.id:
        raise ControlError("Only the user a modal was opened for sees it: act as that one.", status=403)
    uploaded, values = _upload(state, opened_by.modal, values)
    components = fill_modal(opened_by.modal, _names_to_ids(state, opened_by.modal, values))
    custom_id = forge_custom_id or opened_by.modal["custom_id"]
    data: Json = {"custom_id": custom_id, "components": components}
    selected = [
        v
        for f in _submitted_fields(components)
        if f["type"] in SELECTS - {STRING_SELECT}
        for v in f["values"]
    ]
    resolved = resolve_entities(state, opened_by.channel, actor.id, selected)
    if uploaded:
        resolved["attachments"] = uploaded
    if resolved:
        data["resolved"] = resolved
    channel, source = opened_by.channel, opened_by.source
    return open_interaction(state, InteractionKind.MODAL, actor.id, channel, data, source, opened_by)


def _upload(state: SandboxState, modal: Json, values: Json) -> tuple[Json, Json]:
    """Store the files given to file uploads; return the attachments by id, and values with their ids."""
    attachments: Json = {}
    replaced = dict(values)
    for label, field in labelled_inputs(modal):
        if field["type"] != FILE_UPLOAD:
            continue
        for name in {label, field["custom_id"]} & set(values):
            stored = [state.store_file(user_file(file)) for file in values[name]]
            replaced[name] = [attachment["id"] for attachment in stored]
            attachments |= {attachment["id"]: attachment for attachment in stored}
    return attachments, replaced


def _names_to_ids(state: SandboxState, modal: Json, values: Json) -> Json:
    """Replace names by ids in the values of user, role and channel selects."""
    entity_inputs = {f["custom_id"] for f in modal_inputs(modal) if f["type"] in SELECTS - {STRING_SELECT}}
    labels = {item.get("label") for item in modal["components"] if _contains_any(item, entity_inputs)}
    return {
        name: [entity_id(state, one) for one in (value if isinstance(value, list) else [value])]
        if name in entity_inputs | labels
        else value
        for name, value in values.items()
    }


def _contains_any(item: Json, custom_ids: set[str]) -> bool:
    return item.get("component", {}).get("custom_id") in custom_ids


def _submitted_fields(components: list[Json]) -> Iterator[Json]:
    for item in components:
        if "component" in item:
            yield item["component"]
        yield from item.get("components", [])
