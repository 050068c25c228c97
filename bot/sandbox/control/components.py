"""Acting as a user on what the bot shows: buttons, selects and modals, as far as the client allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.control.lookup import Name, id_of, message_numbered, resolve, user_named
from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import InteractionKind, Json, whole_number
from bot.sandbox.model.permissions import P, can, can_see, sending_right
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined
from bot.sandbox.services.interactions import Interaction, open_interaction
from bot.sandbox.validation.components import BUTTON, LINK, SELECTS, STRING_SELECT, every_component
from bot.sandbox.validation.modals import fill_in, inputs_of


def press(
    stand: StandIn,
    user: Name,
    message: Name,
    custom_id: str,
    values: list[Any] | None = None,
    *,
    forge: bool = False,
) -> Interaction:
    """Presses a button or picks from a select.

    `forge` skips the check that there is such a component; the bot is told of the message as it is.
    """
    actor, shown = user_named(stand, user), message_numbered(stand, message)
    channel = stand.world.channels[shown.channel_id]
    _check_may_press(stand, actor.id, shown, channel)
    component = _component(shown, custom_id)
    if component is None and not forge:
        known = [c["custom_id"] for _, c in every_component(shown.wire["components"]) if "custom_id" in c]
        raise Declined(f"The message has no component {custom_id!r}: it has {known}.", status=404)
    component = component or {"id": 1, "type": STRING_SELECT if values else BUTTON}
    if not forge:
        _check_usable(component, values or [])
    data: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
    if component["type"] in SELECTS:
        data |= _picked(stand, channel, actor.id, component, values or [])
    return open_interaction(stand, InteractionKind.COMPONENT, actor.id, channel, data, shown)


def _picked(stand: StandIn, channel: Channel, actor_id: int, component: Json, values: list[Any]) -> Json:
    if component["type"] == STRING_SELECT:
        return {"values": [str(value) for value in values]}
    ids = [id_of(stand, value) for value in values]
    return {"values": ids, "resolved": resolve(stand, channel, actor_id, ids)}


def _check_may_press(stand: StandIn, user_id: int, message: Message, channel: Channel) -> None:
    if message.ephemeral_for not in (None, user_id):
        raise Declined("Only the user an ephemeral message was sent to sees it.", status=403)
    if not can_see(stand.world, user_id, channel):
        raise Declined("This user cannot see that channel: act as one who can.", status=403)
    if channel.locked:
        raise Declined(
            "The thread is locked: nobody presses its components, whatever rights they have.", status=403
        )
    if channel.archived and not _may_wake(stand, user_id, channel):
        raise Declined("The thread is archived and this user may not write in it: un-archive it.", status=403)


def _may_wake(stand: StandIn, user_id: int, channel: Channel) -> bool:
    held = (sending_right(channel), P.MANAGE_THREADS)
    return any(can(stand.world, user_id, channel, right) for right in held)


def _component(message: Message, custom_id: str) -> Json | None:
    for _, component in every_component(message.wire["components"]):
        if component.get("custom_id") == custom_id:
            return component
    return None


def _check_usable(component: Json, values: list[Any]) -> None:
    """What the client would not let a user do with this component."""
    if component.get("disabled"):
        raise Declined("The component is disabled.", status=403)
    if component["type"] == BUTTON:
        if component.get("style") == LINK:
            raise Declined("A link button sends nothing to the bot.", status=400)
        return
    least, most = component.get("min_values", 1), component.get("max_values", 1)
    if not least <= len(values) <= most:
        raise Declined(f"This select takes {least} to {most} values, not {len(values)}.", status=400)
    known = [option["value"] for option in component.get("options") or []]
    if component["type"] == STRING_SELECT and not set(map(str, values)) <= set(known):
        raise Declined(f"This select has no option {values}: it has {known}.", status=400)


def submit(
    stand: StandIn, user: Name, interaction: Name, values: Json, forge_custom_id: str | None = None
) -> Interaction:
    """Submits the modal an interaction opened; `forge_custom_id` sends another custom id than it has."""
    actor = user_named(stand, user)
    opened_by = stand.interactions.get(whole_number(interaction) or 0)
    if opened_by is None or opened_by.modal is None:
        raise Declined(f"The interaction {interaction} opened no modal.", status=404)
    if opened_by.user_id != actor.id:
        raise Declined("Only the user a modal was opened for sees it: act as that one.", status=403)
    components = fill_in(opened_by.modal, _by_id(stand, opened_by.modal, values))
    custom_id = forge_custom_id or opened_by.modal["custom_id"]
    data: Json = {"custom_id": custom_id, "components": components}
    picked = [v for f in _filled(components) if f["type"] in SELECTS - {STRING_SELECT} for v in f["values"]]
    if picked:
        data["resolved"] = resolve(stand, opened_by.channel, actor.id, picked)
    return open_interaction(stand, InteractionKind.MODAL, actor.id, opened_by.channel, data, opened_by.source)


def _by_id(stand: StandIn, modal: Json, values: Json) -> Json:
    """What was picked in selects of users, roles or channels, by id instead of by name."""
    referring = {f["custom_id"] for f in inputs_of(modal) if f["type"] in SELECTS - {STRING_SELECT}}
    labels = {item.get("label") for item in modal["components"] if _holds(item, referring)}
    return {
        name: [id_of(stand, one) for one in (value if isinstance(value, list) else [value])]
        if name in referring | labels
        else value
        for name, value in values.items()
    }


def _holds(item: Json, custom_ids: set[str]) -> bool:
    return item.get("component", {}).get("custom_id") in custom_ids


def _filled(components: list[Json]) -> Iterator[Json]:
    for item in components:
        if "component" in item:
            yield item["component"]
        yield from item.get("components", [])
