"""Changing the guild as its owner does in the client: rights, channels, threads, roles, members."""

from __future__ import annotations

from bot.sandbox.control.lookup import Name, channel_named, guild_of, role_named, user_named
from bot.sandbox.model.guilds import Channel, Guild, Member, Overwrite, Role, User
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import member_payload, role_payload, user_payload
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined, FormErrors, Refused
from bot.sandbox.services import channels

THREAD_CHANGES = ("locked", "archived", "name")


def set_overwrite(stand: StandIn, channel: Name, target: Name, *, allow: int, deny: int) -> Channel:
    where = channel_named(stand, channel)
    target_id, kind = _target(stand, where, target)
    where.overwrites[target_id] = Overwrite(id=target_id, kind=kind, allow=int(allow), deny=int(deny))
    stand.emit_channel("UPDATE", where)
    return where


def drop_overwrite(stand: StandIn, channel: Name, target: Name) -> Channel:
    where = channel_named(stand, channel)
    target_id, _ = _target(stand, where, target)
    if where.overwrites.pop(target_id, None) is None:
        raise Declined(f"The channel has no overwrite of {target!r}.", status=404)
    stand.emit_channel("UPDATE", where)
    return where


def _target(stand: StandIn, channel: Channel, target: Name) -> tuple[int, int]:
    """The id of a role or user, and which of the two it is."""
    if channel.is_thread:
        raise Declined("A thread has no overwrites: change those of its channel.", status=400)
    if target in ("everyone", "@everyone"):
        return guild_of(stand, channel).id, 0
    try:
        return role_named(stand, target)[1].id, 0
    except Declined:
        return user_named(stand, target).id, 1


def delete_channel(stand: StandIn, channel: Name) -> None:
    channels.delete(stand, channel_named(stand, channel))


def change_thread(stand: StandIn, thread: Name, changes: Json) -> Channel:
    found = channel_named(stand, thread)
    if not found.is_thread:
        raise Declined(f"{thread!r} is no thread.", status=400)
    if stray := set(changes) - set(THREAD_CHANGES):
        raise Declined(
            f"{sorted(stray)[0]!r} cannot be changed: only {', '.join(THREAD_CHANGES)}.", status=400
        )
    errors = FormErrors()
    channels.check_settings(errors, changes)
    try:
        errors.settle()
    except Refused as no:
        raise Declined(f"Discord refuses this: {no.errors}.", status=no.status) from no
    channels.change_thread(stand, found, changes)
    return found


def only_guild(stand: StandIn) -> Guild:
    guilds = list(stand.world.guilds.values())
    if not guilds:
        raise Declined("There is no guild: add one first.", status=404)
    return guilds[0]


def create_role(stand: StandIn, name: str, permissions: int, *, mentionable: bool) -> Role:
    guild = only_guild(stand)
    role = stand.world.add_role(guild, name, permissions)
    role.mentionable = mentionable
    _tell_of_role(stand, guild, "CREATE", role)
    return role


def change_role(stand: StandIn, role: Name, permissions: int) -> Role:
    guild, found = role_named(stand, role)
    found.permissions = int(permissions)
    _tell_of_role(stand, guild, "UPDATE", found)
    return found


def delete_role(stand: StandIn, role: Name) -> None:
    guild, found = role_named(stand, role)
    if found.id == guild.id or found.managed:
        raise Declined(f"The role {role!r} cannot be deleted.", status=400)
    for member in guild.members.values():
        if found.id in member.roles:
            member.roles.remove(found.id)
    for channel in stand.world.channels_of(guild):
        channel.overwrites.pop(found.id, None)
    del guild.roles[found.id]
    stand.emit("GUILD_ROLE_DELETE", {"guild_id": str(guild.id), "role_id": str(found.id)})


def _tell_of_role(stand: StandIn, guild: Guild, verb: str, role: Role) -> None:
    stand.emit(f"GUILD_ROLE_{verb}", {"guild_id": str(guild.id), "role": role_payload(role)})


def add_member(stand: StandIn, name: str, roles: list[Name]) -> User:
    """Adds a person, or the bot; one who was there before comes back with the same id."""
    guild = only_guild(stand)
    given = [role_named(stand, role)[1].id for role in roles]
    known = [u for u in stand.world.users.values() if name.lower() == u.username]
    if known and known[0].id in guild.members:
        raise Declined(f"{name!r} is a member already: take another name.", status=409)
    user = known[0] if known else stand.world.add_user(name)
    guild.members[user.id] = Member(user=user, roles=given)
    if user.bot:
        stand.gateway.tell_of_joining(guild)
    told = member_payload(guild.members[user.id]) | {"guild_id": str(guild.id)}
    stand.emit("GUILD_MEMBER_ADD", told)
    return user


def remove_member(stand: StandIn, user: Name) -> None:
    guild, member = _member(stand, user)
    if member.user.id == guild.owner_id:
        raise Declined("The owner cannot be removed from the guild.", status=403)
    for thread in stand.world.threads_of(guild):
        channels.leave(stand, thread, member.user.id)
    del guild.members[member.user.id]
    if member.user.bot:
        stand.emit("GUILD_DELETE", {"id": str(guild.id)})
        return
    stand.emit("GUILD_MEMBER_REMOVE", {"guild_id": str(guild.id), "user": user_payload(member.user)})


def give_role(stand: StandIn, user: Name, role: Name) -> None:
    guild, member = _member(stand, user)
    _, given = role_named(stand, role)
    if given.id not in member.roles:
        member.roles.append(given.id)
        _tell_of_member(stand, guild, member)


def take_role(stand: StandIn, user: Name, role: Name) -> None:
    guild, member = _member(stand, user)
    _, taken = role_named(stand, role)
    if taken.id in member.roles:
        member.roles.remove(taken.id)
        _tell_of_member(stand, guild, member)


def _member(stand: StandIn, user: Name) -> tuple[Guild, Member]:
    found = user_named(stand, user)
    for guild in stand.world.guilds.values():
        if found.id in guild.members:
            return guild, guild.members[found.id]
    raise Declined(f"{user!r} is no member of the guild.", status=404)


def _tell_of_member(stand: StandIn, guild: Guild, member: Member) -> None:
    stand.emit("GUILD_MEMBER_UPDATE", member_payload(member) | {"guild_id": str(guild.id)})
