"""Slash commands as a user: run, autocomplete and context menus, with the options the client would send."""

from __future__ import annotations

from typing import Any

from bot.sandbox.control.lookup import Name, channel_named, resolve, role_named, user_named
from bot.sandbox.model.guilds import Channel
from bot.sandbox.model.json import InteractionKind, Json, whole_number
from bot.sandbox.model.payloads import message_event_payload
from bot.sandbox.model.permissions import P, can, can_see, permissions_in
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined
from bot.sandbox.services.interactions import Interaction, open_interaction
from bot.sandbox.validation.commands import CHAT, GROUP, MESSAGE_MENU, SUBCOMMAND, USER_MENU


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


STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = 3, 4, 5, 6, 7, 8, 9, 10
REFERRING = (USER, CHANNEL, ROLE, MENTIONABLE)
GUILD_CONTEXT, BOT_CONTEXT = 0, 1


def find_command(stand: StandIn, channel: Channel, name: str, kind: int = CHAT) -> Json:
    """The command that begins `name` ("ticket" of "ticket reply"), a guild's own before a global one."""
    scopes = (channel.guild_id, None) if channel.guild_id else (None,)
    known = [c for scope in scopes for c in stand.commands.get(scope, []) if c["type"] == kind]
    wanted = name.removeprefix("/")
    for command in known:
        if command["name"] == (wanted.split(" ")[0] if kind == CHAT else wanted):
            return command
    names = ", ".join(c["name"] for c in known) or "none; is the bot there?"
    raise Declined(f"There is no command {wanted!r}: known are {names}.", status=404)


def spelled_command(command: Json, name: str) -> list[Json]:
    """The command and the groups and subcommands of it that `name` spells, down to what can be run."""
    steps = [command]
    for word in name.removeprefix("/").split(" ")[1:]:
        below = [o for o in steps[-1].get("options", []) if o["type"] in (SUBCOMMAND, GROUP)]
        steps += [option for option in below if option["name"] == word]
        if steps[-1].get("name") != word:
            names = ", ".join(option["name"] for option in below) or "nothing"
            raise Declined(f"{steps[-1]['name']!r} has no {word!r}: it has {names}.", status=404)
    below = [o["name"] for o in steps[-1].get("options", []) if o["type"] in (SUBCOMMAND, GROUP)]
    if below:
        raise Declined(f"{name!r} is not complete: add one of {', '.join(below)}.", status=400)
    return steps


def check_may_use(stand: StandIn, user_id: int, channel: Channel, command: Json) -> None:
    """Raises `Declined` where the client would not show the command to this user."""
    if not can_see(stand.world, user_id, channel):
        raise Declined("This user cannot see that channel: act as one who can.", status=403)
    if channel.guild_id is None:
        if BOT_CONTEXT not in (command.get("contexts") or (BOT_CONTEXT,)):
            raise Declined("This command is for guilds only: use it in a channel of one.", status=403)
        return
    if GUILD_CONTEXT not in (command.get("contexts") or (GUILD_CONTEXT,)):
        raise Declined("This command is for direct conversations only.", status=403)
    if not can(stand.world, user_id, channel, P.USE_APPLICATION_COMMANDS):
        raise Declined("This user may not use commands in that channel.", status=403)
    needed = whole_number(command.get("default_member_permissions"))
    held = permissions_in(stand.world, user_id, channel)
    if needed is not None and (P(needed) not in held or (needed == 0 and P.ADMINISTRATOR not in held)):
        raise Declined("This user lacks the permissions the command asks for.", status=403)


def read_options(
    stand: StandIn, channel: Channel, actor_id: int, declared: list[Json], given: Json, focused: str | None
) -> tuple[list[Json], Json]:
    """The options as the client sends them, and what they refer to; raises `Declined` for wrong ones."""
    known = {option["name"]: option for option in declared}
    if stray := [name for name in (*given, *([focused] if focused else [])) if name not in known]:
        raise Declined(
            f"There is no option {stray[0]!r}: there are {', '.join(known) or 'none'}.", status=404
        )
    missing = [o["name"] for o in declared if o.get("required") and o["name"] not in given]
    if missing and focused is None:
        raise Declined(f"The option {missing[0]!r} is required: give it a value.", status=400)
    options: list[Json] = []
    resolved: Json = {}
    for name, value in given.items():
        option = known[name]
        sent: Json = {"name": name, "type": option["type"]}
        if name == focused:
            sent |= {"value": str(value), "focused": True}
        else:
            sent["value"] = _value(stand, channel, option, value)
        if option["type"] in REFERRING and name != focused:
            for kind, found in resolve(stand, channel, actor_id, [sent["value"]]).items():
                resolved.setdefault(kind, {}).update(found)
        options.append(sent)
    return options, resolved


def _value(stand: StandIn, channel: Channel, option: Json, value: Any) -> Any:
    kind, name = option["type"], option["name"]
    if kind == CHANNEL:
        return str(_picked_channel(stand, channel, option, value).id)
    if kind in REFERRING:
        return str(_referred(stand, kind, value))
    choices = option.get("choices") or []
    for choice in choices:
        if value in (choice["value"], choice["name"]):
            return choice["value"]
    if choices:
        names = ", ".join(str(choice["name"]) for choice in choices)
        raise Declined(f"{name!r} is one of {names}, not {value!r}.", status=400)
    if kind == BOOLEAN and isinstance(value, bool):
        return value
    if kind in (INTEGER, NUMBER):
        return _counted(option, value)
    if kind == STRING:
        return _written(option, str(value))
    raise Declined(f"{value!r} does not fit the option {name!r}.", status=400)


def _picked_channel(stand: StandIn, channel: Channel, option: Json, value: Name) -> Channel:
    """The picker offers the guild's own channels, of the types the option asks for."""
    picked = channel_named(stand, value)
    kinds = option.get("channel_types") or []
    if picked.guild_id != channel.guild_id or (kinds and picked.kind not in kinds):
        raise Declined(f"{option['name']!r} takes no such channel: pick one that is offered.", status=400)
    return picked


def _referred(stand: StandIn, kind: int, value: Name) -> int:
    if kind == ROLE:
        return role_named(stand, value)[1].id
    try:
        return user_named(stand, value).id
    except Declined:
        if kind == USER:
            raise
        return role_named(stand, value)[1].id


def _counted(option: Json, value: Any) -> int | float:
    try:
        number = int(value) if option["type"] == INTEGER else float(value)
    except (TypeError, ValueError):
        raise Declined(f"{option['name']!r} takes a number, not {value!r}.", status=400) from None
    _check_between(option, "value", number, str(number))
    return number


def _written(option: Json, text: str) -> str:
    text = text.strip()
    if not text:
        raise Declined(f"{option['name']!r} takes a text that is not empty.", status=400)
    _check_between(option, "length", len(text), f"{len(text)} characters")
    return text


def _check_between(option: Json, noun: str, number: float, told: str) -> None:
    least, most = option.get(f"min_{noun}"), option.get(f"max_{noun}")
    if (least is not None and number < least) or (most is not None and number > most):
        raise Declined(f"{option['name']!r} takes {least} to {most}, not {told}.", status=400)
