"""Finds what an order names: a user, a channel, a role or a message, by name or by id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from bot.sandbox.model.guilds import Channel, Guild, Message, Role, User
from bot.sandbox.model.json import whole_number
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
