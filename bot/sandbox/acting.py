"""Acting as a user: everything a person can do in the client, and nothing Discord would not let them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.sandbox import messages
from bot.sandbox.check_commands import MESSAGE_MENU, USER_MENU
from bot.sandbox.check_components import BUTTON, LINK, SELECTS, STRING_SELECT, every_component
from bot.sandbox.check_messages import File
from bot.sandbox.check_modals import fill_in, inputs_of
from bot.sandbox.choosing import check_may_use, find_command, read_options, spelled_command
from bot.sandbox.interactions import Interaction, open_interaction
from bot.sandbox.lookup import Name, channel_named, message_numbered, user_named
from bot.sandbox.payloads import message_event_payload
from bot.sandbox.permissions import Permission, can, can_see, require, right_to_open, sending_right
from bot.sandbox.refusals import Declined, Refused
from bot.sandbox.resolved import id_of, resolve
from bot.sandbox.stand_in import StandIn
from bot.sandbox.threads import check_thread, open_thread
from bot.sandbox.wire import ChannelKind, InteractionKind, Json, whole_number
from bot.sandbox.world import Channel, Message

FORGED = 9000  # the id of a component that is on no message


@contextmanager
def as_discord_would() -> Iterator[None]:
    """Turns Discord's refusal of a user's act into a sentence."""
    try:
        yield
    except Refused as no:
        details = f" {no.errors}" if no.errors else ""
        raise Declined(f"Discord refuses this: {no.message} ({no.code}).{details}", status=no.status) from no


def say(
    stand: StandIn,
    user: Name,
    channel: Name,
    content: str = "",
    *,
    reply_to: Name | None = None,
    attachments: list[Json] | None = None,
) -> Message:
    """Sends a message as a user; `attachments` are {filename, content: text or bytes}."""
    author, where = user_named(stand, user), channel_named(stand, channel)
    body: Json = {"content": content}
    if reply_to is not None:
        body["message_reference"] = {"message_id": str(reply_to)}
    files = {i: _file(given) for i, given in enumerate(attachments or [])}
    with as_discord_would():
        return messages.send(stand, where, author.id, body, files)


def _file(given: Json) -> File:
    content = given.get("content", "")
    raw = content if isinstance(content, bytes) else str(content).encode()
    return File(filename=str(given.get("filename") or "file.txt"), content=raw)


def reword(stand: StandIn, user: Name, message: Name, content: str) -> Message:
    """Edits a user's own message."""
    author, written = user_named(stand, user), message_numbered(stand, message)
    if written.author_id != author.id:
        raise Declined("Only its author edits a message: act as that user.", status=403)
    with as_discord_would():
        messages.edit(stand, written, {"content": content}, {})
    return written


def erase(stand: StandIn, message: Name, user: Name | None = None) -> None:
    """Deletes a message: as this user if one is given, otherwise as Discord itself."""
    found = message_numbered(stand, message)
    if user is not None:
        with as_discord_would():
            messages.check_may_delete(stand, found, user_named(stand, user).id)
    messages.delete(stand, found)


def make_thread(
    stand: StandIn,
    user: Name,
    channel: Name,
    name: str,
    *,
    message: Name | None = None,
    private: bool = False,
) -> Channel:
    """Opens a thread by hand, from a message or from nothing."""
    owner, parent = user_named(stand, user), channel_named(stand, channel)
    kind = ChannelKind.PRIVATE_THREAD if private else ChannelKind.PUBLIC_THREAD
    body = {"name": name}
    with as_discord_would():
        require(stand.world, owner.id, parent, right_to_open(kind))
        check_thread(body)
        starter = stand.world.message(parent, whole_number(message) or 0) if message is not None else None
        thread = open_thread(stand, parent, owner.id, body, kind, starter=starter)
    if starter:
        messages.announce_starter(stand, thread, owner.id, starter)
    elif not private:
        messages.announce_thread(stand, parent, owner.id, thread)
    return thread


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

    `forge` skips the check that there is such a component: the bot is shown a message that has it.
    """
    actor, shown = user_named(stand, user), message_numbered(stand, message)
    channel = stand.world.channels[shown.channel_id]
    _check_may_press(stand, actor.id, shown, channel)
    component = _component(shown, custom_id)
    if component is None and not forge:
        known = [c["custom_id"] for _, c in every_component(shown.wire["components"]) if "custom_id" in c]
        raise Declined(f"The message has no component {custom_id!r}: it has {known}.", status=404)
    forged = _forged(custom_id, values or []) if component is None else None
    component = component or forged or {}
    if not forge:
        _check_usable(component, values or [])
    data: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
    if component["type"] in SELECTS:
        data |= _picked(stand, channel, actor.id, component, values or [])
    return open_interaction(stand, InteractionKind.COMPONENT, actor.id, channel, data, shown, forged=forged)


def _forged(custom_id: str, values: list[Any]) -> Json:
    made: Json = {"id": FORGED, "custom_id": custom_id}
    if not values:
        return made | {"type": BUTTON, "style": 1, "label": "forged"}
    options = [{"label": str(value), "value": str(value)} for value in values]
    return made | {"type": STRING_SELECT, "options": options}


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
    held = (sending_right(channel), Permission.MANAGE_THREADS)
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


def run_command(stand: StandIn, user: Name, channel: Name, command: str, options: Json) -> Interaction:
    """Runs a slash command; "ticket reply" is the subcommand of a command."""
    return _slash(stand, InteractionKind.COMMAND, user, channel, command, options, None)


def type_ahead(
    stand: StandIn, user: Name, channel: Name, command: str, options: Json, focused: str
) -> Interaction:
    """Types into the option `focused` of a command that is not sent yet."""
    _, steps = _spelled(stand, channel, command)
    for option in steps[-1].get("options", []):
        if option["name"] == focused and not option.get("autocomplete"):
            raise Declined(f"The option {focused!r} has no autocomplete.", status=400)
    typed = {focused: "", **options}
    return _slash(stand, InteractionKind.AUTOCOMPLETE, user, channel, command, typed, focused)


def _spelled(stand: StandIn, channel: Name, command: str) -> tuple[Json, list[Json]]:
    found = find_command(stand, channel_named(stand, channel), command)
    return found, spelled_command(found, command)


def _slash(
    stand: StandIn,
    kind: InteractionKind,
    user: Name,
    channel: Name,
    command: str,
    options: Json,
    focused: str | None,
) -> Interaction:
    actor, where = user_named(stand, user), channel_named(stand, channel)
    found, steps = _spelled(stand, channel, command)
    check_may_use(stand, actor.id, where, found)
    sent, resolved = read_options(stand, where, actor.id, steps[-1].get("options", []), options, focused)
    for step in reversed(steps[1:]):
        sent = [{"name": step["name"], "type": step["type"], "options": sent}]
    data = _command_data(found) | {"options": sent}
    return open_interaction(stand, kind, actor.id, where, data | {"resolved": resolved} if resolved else data)


def _command_data(command: Json) -> Json:
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    return data | {"guild_id": command["guild_id"]} if command.get("guild_id") else data


def use_menu(stand: StandIn, user: Name, channel: Name, command: str, target: Name) -> Interaction:
    """Uses a context menu command on a message (by id) or a user."""
    actor, where = user_named(stand, user), channel_named(stand, channel)
    number = whole_number(target)
    if number is not None and number in where.messages:
        found = find_command(stand, where, command, MESSAGE_MENU)
        shown = message_event_payload(stand.world, where.messages[number])
        aim: Json = {"target_id": str(number), "resolved": {"messages": {str(number): shown}}}
    else:
        aimed_at = user_named(stand, target)
        found = find_command(stand, where, command, USER_MENU)
        picked = resolve(stand, where, actor.id, [aimed_at.id])
        aim = {"target_id": str(aimed_at.id), "resolved": picked}
    check_may_use(stand, actor.id, where, found)
    return open_interaction(stand, InteractionKind.COMMAND, actor.id, where, _command_data(found) | aim)


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
