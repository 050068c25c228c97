"""Finds users, channels, roles and messages by name or id; builds `resolved` data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from bot.sandbox.model.guilds import Channel, Guild, Message, Role, User
from bot.sandbox.model.json import Json, parse_int
from bot.sandbox.model.payloads import channel_payload, partial_member_payload, role_payload, user_payload
from bot.sandbox.model.permissions import permissions_in
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError
from bot.sandbox.services.channels import open_dm

Name = str | int
_Found = TypeVar("_Found")


def find_user(state: SandboxState, name: Name) -> User:
    users = state.world.users.values()
    known = [(label, u.id, u) for u in users for label in dict.fromkeys((u.username, u.display_name))]
    return _find_one("user", name, known)


def find_channel(state: SandboxState, name: Name) -> Channel:
    """Find a channel; "@pete" is the bot's direct conversation with pete, which either may open."""
    if str(name).startswith("@"):
        return open_dm(state, find_user(state, str(name).removeprefix("@")).id)
    return _find_one("channel", name, ((c.name, c.id, c) for c in state.world.channels.values()))


def find_role(state: SandboxState, name: Name) -> tuple[Guild, Role]:
    wanted = "@everyone" if name == "everyone" else name
    guilds = state.world.guilds.values()
    return _find_one("role", wanted, ((r.name, r.id, (g, r)) for g in guilds for r in g.roles.values()))


def require_guild(state: SandboxState, channel: Channel) -> Guild:
    guild = state.world.guild_of(channel)
    if guild is None:
        raise ControlError("This happens in a guild only: name a channel of one.", status=404)
    return guild


def find_message(state: SandboxState, message: Name) -> Message:
    """Find a message by id, ephemeral ones included."""
    number = parse_int(message) or 0
    for channel in state.world.channels.values():
        if number in channel.messages:
            return channel.messages[number]
    if number in state.ephemeral:
        return state.ephemeral[number]
    raise ControlError(f"There is no message {message}: give the id of one that is still there.", status=404)


def _find_one(noun: str, name: Name, known: Iterable[tuple[str, int, _Found]]) -> _Found:
    candidates = list(known)
    number = parse_int(name)
    by_id = {found_id: found for _, found_id, found in candidates if found_id == number}
    wanted = str(name).removeprefix("#")
    by_name = {found_id: found for label, found_id, found in candidates if label == wanted}
    found = list((by_id or by_name).values())
    if not found:
        labels = sorted({label for label, _, _ in candidates if label})
        raise ControlError(f"There is no {noun} {name!r}: known are {', '.join(labels)}.", status=404)
    if len(found) > 1:
        raise ControlError(
            f"{len(found)} of the {noun}s are called {name!r}: give an id instead.", status=409
        )
    return found[0]


def resolve_entities(state: SandboxState, channel: Channel, actor_id: int, values: Sequence[Name]) -> Json:
    """Build `resolved` data for users, roles and channels; raises `ControlError` for unknown ones."""
    resolved: Json = {}
    for value in values:
        _add(state, resolved, channel, actor_id, value)
    return resolved


def _add(state: SandboxState, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    for add in (_add_user, _add_role, _add_channel):
        try:
            add(state, resolved, channel, actor_id, value)
        except ControlError:
            continue
        return
    raise ControlError(f"There is no user, role or channel {value!r} to pick.", status=404)


def _add_user(state: SandboxState, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    user = find_user(state, value)
    resolved.setdefault("users", {})[str(user.id)] = user_payload(user)
    guild = state.world.guild_of(channel)
    if guild is not None and user.id in guild.members:
        permissions = str(int(permissions_in(state.world, user.id, channel)))
        member = partial_member_payload(guild.members[user.id]) | {"permissions": permissions}
        resolved.setdefault("members", {})[str(user.id)] = member


def _add_role(state: SandboxState, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    _, role = find_role(state, value)
    resolved.setdefault("roles", {})[str(role.id)] = role_payload(role)


def _add_channel(state: SandboxState, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    named = find_channel(state, value)
    permissions = str(int(permissions_in(state.world, actor_id, named)))
    payload = channel_payload(state.world, named) | {"permissions": permissions}
    resolved.setdefault("channels", {})[str(named.id)] = payload


def entity_id(state: SandboxState, value: Name) -> str:
    """Return the id of a user, role or channel."""
    resolved = resolve_entities(state, next(iter(state.world.channels.values())), 0, [value])
    return next(str(found) for kind in ("users", "roles", "channels") for found in resolved.get(kind, {}))
