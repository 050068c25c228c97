"""Acting as a user with commands: slash commands, their autocomplete, and context menus."""

from __future__ import annotations

from bot.sandbox.control.choosing import check_may_use, find_command, read_options, spelled_command
from bot.sandbox.control.lookup import Name, channel_named, user_named
from bot.sandbox.model.json import InteractionKind, Json, whole_number
from bot.sandbox.model.payloads import message_event_payload
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined
from bot.sandbox.services.interactions import Interaction, open_interaction
from bot.sandbox.services.resolved import resolve
from bot.sandbox.validation.commands import MESSAGE_MENU, USER_MENU


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
