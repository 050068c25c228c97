"""Slash commands, autocomplete and context menus as a user."""

from __future__ import annotations

from typing import Any

from bot.sandbox.control.lookup import Name, find_channel, find_role, find_user, resolve_entities
from bot.sandbox.model.guilds import Channel
from bot.sandbox.model.json import InteractionKind, Json, parse_int
from bot.sandbox.model.payloads import message_event_payload
from bot.sandbox.model.permissions import P, can, can_see, permissions_in
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError
from bot.sandbox.services.interactions import Interaction, open_interaction
from bot.sandbox.validation.commands import CHAT_INPUT, GROUP, MESSAGE_MENU, SUBCOMMAND, USER_MENU

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = 3, 4, 5, 6, 7, 8, 9, 10
ENTITY_TYPES = (USER, CHANNEL, ROLE, MENTIONABLE)
GUILD_CONTEXT, BOT_CONTEXT = 0, 1


def run_command(state: SandboxState, user: Name, channel: Name, command: str, options: Json) -> Interaction:
    """Run a slash command; "ticket reply" names a subcommand."""
    return _open_slash_interaction(state, InteractionKind.COMMAND, user, channel, command, options, None)


def autocomplete(
    state: SandboxState, user: Name, channel: Name, command: str, options: Json, focused: str
) -> Interaction:
    """Type into the option `focused` of a command that is not sent yet."""
    _, levels = _parse(state, channel, command)
    for option in levels[-1].get("options", []):
        if option["name"] == focused and not option.get("autocomplete"):
            raise ControlError(f"The option {focused!r} has no autocomplete.", status=400)
    typed = {focused: "", **options}
    return _open_slash_interaction(
        state, InteractionKind.AUTOCOMPLETE, user, channel, command, typed, focused
    )


def _parse(state: SandboxState, channel: Name, command: str) -> tuple[Json, list[Json]]:
    found = find_command(state, find_channel(state, channel), command)
    return found, parse_command(found, command)


def _open_slash_interaction(
    state: SandboxState,
    kind: InteractionKind,
    user: Name,
    channel: Name,
    command: str,
    options: Json,
    focused: str | None,
) -> Interaction:
    actor, where = find_user(state, user), find_channel(state, channel)
    found, levels = _parse(state, channel, command)
    check_may_use(state, actor.id, where, found)
    sent, resolved = read_options(state, where, actor.id, levels[-1].get("options", []), options, focused)
    for level in reversed(levels[1:]):
        sent = [{"name": level["name"], "type": level["type"], "options": sent}]
    data = _command_data(found) | {"options": sent}
    return open_interaction(state, kind, actor.id, where, data | {"resolved": resolved} if resolved else data)


def _command_data(command: Json) -> Json:
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    return data | {"guild_id": command["guild_id"]} if command.get("guild_id") else data


def context_menu(state: SandboxState, user: Name, channel: Name, command: str, target: Name) -> Interaction:
    """Use a context menu command on a message (by id) or a user."""
    actor, where = find_user(state, user), find_channel(state, channel)
    number = parse_int(target)
    if number is not None and number in where.messages:
        found = find_command(state, where, command, MESSAGE_MENU)
        message_payload = message_event_payload(state.world, where.messages[number])
        target_data: Json = {
            "target_id": str(number),
            "resolved": {"messages": {str(number): message_payload}},
        }
    else:
        target_user = find_user(state, target)
        found = find_command(state, where, command, USER_MENU)
        selected = resolve_entities(state, where, actor.id, [target_user.id])
        target_data = {"target_id": str(target_user.id), "resolved": selected}
    check_may_use(state, actor.id, where, found)
    return open_interaction(
        state, InteractionKind.COMMAND, actor.id, where, _command_data(found) | target_data
    )


def find_command(state: SandboxState, channel: Channel, name: str, kind: int = CHAT_INPUT) -> Json:
    """Find the command by the first word of `name`; guild commands before global ones."""
    scopes = (channel.guild_id, None) if channel.guild_id else (None,)
    known = [c for scope in scopes for c in state.commands.get(scope, []) if c["type"] == kind]
    wanted = name.removeprefix("/")
    for command in known:
        if command["name"] == (wanted.split(" ")[0] if kind == CHAT_INPUT else wanted):
            return command
    names = ", ".join(c["name"] for c in known) or "none; is the bot there?"
    raise ControlError(f"There is no command {wanted!r}: known are {names}.", status=404)


def parse_command(command: Json, name: str) -> list[Json]:
    """Return the command, group and subcommand that `name` spells out."""
    levels = [command]
    for word in name.removeprefix("/").split(" ")[1:]:
        below = [o for o in levels[-1].get("options", []) if o["type"] in (SUBCOMMAND, GROUP)]
        levels += [option for option in below if option["name"] == word]
        if levels[-1].get("name") != word:
            names = ", ".join(option["name"] for option in below) or "nothing"
            raise ControlError(f"{levels[-1]['name']!r} has no {word!r}: it has {names}.", status=404)
    below = [o["name"] for o in levels[-1].get("options", []) if o["type"] in (SUBCOMMAND, GROUP)]
    if below:
        raise ControlError(f"{name!r} is not complete: add one of {', '.join(below)}.", status=400)
    return levels


def check_may_use(state: SandboxState, user_id: int, channel: Channel, command: Json) -> None:
    """Raise `ControlError` if the client would not show the command to this user."""
    if not can_see(state.world, user_id, channel):
        raise ControlError("This user cannot see that channel: act as one who can.", status=403)
    if channel.guild_id is None:
        if BOT_CONTEXT not in (command.get("contexts") or (BOT_CONTEXT,)):
            raise ControlError("This command is for guilds only: use it in a channel of one.", status=403)
        return
    if GUILD_CONTEXT not in (command.get("contexts") or (GUILD_CONTEXT,)):
        raise ControlError("This command is for direct conversations only.", status=403)
    if not can(state.world, user_id, channel, P.USE_APPLICATION_COMMANDS):
        raise ControlError("This user may not use commands in that channel.", status=403)
    needed = parse_int(command.get("default_member_permissions"))
    permissions = permissions_in(state.world, user_id, channel)
    if needed is not None and (
        P(needed) not in permissions or (needed == 0 and P.ADMINISTRATOR not in permissions)
    ):
        raise ControlError("This user lacks the permissions the command asks for.", status=403)


def read_options(
    state: SandboxState,
    channel: Channel,
    actor_id: int,
    declared: list[Json],
    given: Json,
    focused: str | None,
) -> tuple[list[Json], Json]:
    """Convert options to those the client sends, with `resolved` data; raises `ControlError`."""
    known = {option["name"]: option for option in declared}
    if unknown := [name for name in (*given, *([focused] if focused else [])) if name not in known]:
        raise ControlError(
            f"There is no option {unknown[0]!r}: there are {', '.join(known) or 'none'}.", status=404
        )
    missing = [o["name"] for o in declared if o.get("required") and o["name"] not in given]
    if missing and focused is None:
        raise ControlError(f"The option {missing[0]!r} is required: give it a value.", status=400)
    options: list[Json] = []
    resolved: Json = {}
    for name, value in given.items():
        option = known[name]
        sent: Json = {"name": name, "type": option["type"]}
        if name == focused:
            sent |= {"value": str(value), "focused": True}
        else:
            sent["value"] = _option_value(state, channel, option, value)
        if option["type"] in ENTITY_TYPES and name != focused:
            for kind, found in resolve_entities(state, channel, actor_id, [sent["value"]]).items():
                resolved.setdefault(kind, {}).update(found)
        options.append(sent)
    return options, resolved


def _option_value(state: SandboxState, channel: Channel, option: Json, value: Any) -> Any:
    kind, name = option["type"], option["name"]
    if kind == CHANNEL:
        return str(_channel_option(state, channel, option, value).id)
    if kind in ENTITY_TYPES:
        return str(_entity_id(state, kind, value))
    choices = option.get("choices") or []
    for choice in choices:
        if value in (choice["value"], choice["name"]):
            return choice["value"]
    if choices:
        names = ", ".join(str(choice["name"]) for choice in choices)
        raise ControlError(f"{name!r} is one of {names}, not {value!r}.", status=400)
    if kind == BOOLEAN and isinstance(value, bool):
        return value
    if kind in (INTEGER, NUMBER):
        return _number_option(option, value)
    if kind == STRING:
        return _string_option(option, str(value))
    raise ControlError(f"{value!r} does not fit the option {name!r}.", status=400)


def _channel_option(state: SandboxState, channel: Channel, option: Json, value: Name) -> Channel:
    """Find a channel of this guild and of the types the option accepts."""
    selected = find_channel(state, value)
    kinds = option.get("channel_types") or []
    if selected.guild_id != channel.guild_id or (kinds and selected.kind not in kinds):
        raise ControlError(f"{option['name']!r} takes no such channel: pick one that is offered.", status=400)
    return selected


def _entity_id(state: SandboxState, kind: int, value: Name) -> int:
    if kind == ROLE:
        return find_role(state, value)[1].id
    try:
        return find_user(state, value).id
    except ControlError:
        if kind == USER:
            raise
        return find_role(state, value)[1].id


def _number_option(option: Json, value: Any) -> int | float:
    try:
        number = int(value) if option["type"] == INTEGER else float(value)
    except (TypeError, ValueError):
        raise ControlError(f"{option['name']!r} takes a number, not {value!r}.", status=400) from None
    _check_between(option, "value", number, str(number))
    return number


def _string_option(option: Json, text: str) -> str:
    text = text.strip()
    if not text:
        raise ControlError(f"{option['name']!r} takes a text that is not empty.", status=400)
    _check_between(option, "length", len(text), f"{len(text)} characters")
    return text


def _check_between(option: Json, noun: str, number: float, given_text: str) -> None:
    minimum, maximum = option.get(f"min_{noun}"), option.get(f"max_{noun}")
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        raise ControlError(f"{option['name']!r} takes {minimum} to {maximum}, not {given_text}.", status=400)
