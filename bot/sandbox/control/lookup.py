"""Finds users, channels, roles and messages by name or id, and draws an interaction's `resolved` data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from bot.sandbox.model.guilds import Channel, Guild, Message, Role, User
from bot.sandbox.model.json import Json, whole_number
from bot.sandbox.model.payloads import channel_payload, partial_member_payload, role_payload, user_payload
from bot.sandbox.model.permissions import permissions_in
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined

Name = str | int
_Found = TypeVar("_Found")


def user_named(stand: StandIn, name: Name) -> User:
    users = stand.world.users.values()
    known = [(label, u.id, u) for u in users for label in dict.fromkeys((u.username, u.display_name))]
    return _one("user", name, known)


def channel_named(stand: StandIn, name: Name) -> Channel:
    return _one("channel", name, ((c.name, c.id, c) for c in stand.world.channels.values()))


def role_named(stand: StandIn, name: Name) -> tuple[Guild, Role]:
    wanted = "@everyone" if name == "everyone" else name
    guilds = stand.world.guilds.values()
    return _one("role", wanted, ((r.name, r.id, (g, r)) for g in guilds for r in g.roles.values()))


def guild_of(stand: StandIn, channel: Channel) -> Guild:
    guild = stand.world.guild_of(channel)
    if guild is None:
        raise Declined("This happens in a guild only: name a channel of one.", status=404)
    return guild


def message_numbered(stand: StandIn, message: Name) -> Message:
    """A message by id, an ephemeral one too."""
    number = whole_number(message) or 0
    for channel in stand.world.channels.values():
        if number in channel.messages:
            return channel.messages[number]
    if number in stand.ephemeral:
        return stand.ephemeral[number]
    raise Declined(f"There is no message {message}: give the id of one that is still there.", status=404)


def _one(noun: str, name: Name, known: Iterable[tuple[str, int, _Found]]) -> _Found:
    candidates = list(known)
    number = whole_number(name)
    by_id = {found_id: found for _, found_id, found in candidates if found_id == number}
    wanted = str(name).removeprefix("#")
    by_name = {found_id: found for label, found_id, found in candidates if label == wanted}
    found = list((by_id or by_name).values())
    if not found:
        labels = sorted({label for label, _, _ in candidates if label})
        raise Declined(f"There is no {noun} {name!r}: known are {', '.join(labels)}.", status=404)
    if len(found) > 1:
        raise Declined(f"{len(found)} of the {noun}s are called {name!r}: give an id instead.", status=409)
    return found[0]


def resolve(stand: StandIn, channel: Channel, actor_id: int, values: Sequence[Name]) -> Json:
    """Users, members, roles and channels by id; raises `Declined` for what is none of these."""
    resolved: Json = {}
    for value in values:
        _add(stand, resolved, channel, actor_id, value)
    return resolved


def _add(stand: StandIn, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    for add in (_add_user, _add_role, _add_channel):
        try:
            add(stand, resolved, channel, actor_id, value)
        except Declined:
            continue
        return
    raise Declined(f"There is no user, role or channel {value!r} to pick.", status=404)


def _add_user(stand: StandIn, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    user = user_named(stand, value)
    resolved.setdefault("users", {})[str(user.id)] = user_payload(user)
    guild = stand.world.guild_of(channel)
    if guild is not None and user.id in guild.members:
        held = str(int(permissions_in(stand.world, user.id, channel)))
        member = partial_member_payload(guild.members[user.id]) | {"permissions": held}
        resolved.setdefault("members", {})[str(user.id)] = member


def _add_role(stand: StandIn, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    _, role = role_named(stand, value)
    resolved.setdefault("roles", {})[str(role.id)] = role_payload(role)


def _add_channel(stand: StandIn, resolved: Json, channel: Channel, actor_id: int, value: Name) -> None:
    named = channel_named(stand, value)
    held = str(int(permissions_in(stand.world, actor_id, named)))
    drawn = channel_payload(stand.world, named) | {"permissions": held}
    resolved.setdefault("channels", {})[str(named.id)] = drawn


def id_of(stand: StandIn, value: Name) -> str:
    """The id of the user, role or channel that is meant."""
    picked = resolve(stand, next(iter(stand.world.channels.values())), 0, [value])
    return next(str(found) for kind in ("users", "roles", "channels") for found in picked.get(kind, {}))
