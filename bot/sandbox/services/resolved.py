"""The `resolved` part of an interaction's data: whole objects for the ids it names."""

from __future__ import annotations

from collections.abc import Sequence

from bot.sandbox.control.lookup import Name, channel_named, role_named, user_named
from bot.sandbox.model.guilds import Channel
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import channel_payload, partial_member_payload, role_payload, user_payload
from bot.sandbox.model.permissions import permissions_in
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined


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
