"""Changes to the guild as its owner: overwrites, channels, threads, roles, members."""

from __future__ import annotations

from bot.sandbox.control.lookup import Name, find_channel, find_role, find_user, require_guild
from bot.sandbox.control.users import discord_errors_as_sentences
from bot.sandbox.model.guilds import Channel, Guild, Member, Overwrite, Role, User
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import guild_payload, member_payload, role_payload, user_payload
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError, FormErrors
from bot.sandbox.services import channels
from bot.sandbox.validation.commands import LOCALES

THREAD_CHANGES = ("locked", "archived", "name")


def set_overwrite(state: SandboxState, channel: Name, target: Name, *, allow: int, deny: int) -> Channel:
    where = find_channel(state, channel)
    target_id, kind = _target(state, where, target)
    with channels.thread_list_sync(state):
        where.overwrites[target_id] = Overwrite(id=target_id, kind=kind, allow=int(allow), deny=int(deny))
        state.emit_channel("UPDATE", where)
    return where


def delete_overwrite(state: SandboxState, channel: Name, target: Name) -> Channel:
    where = find_channel(state, channel)
    target_id, _ = _target(state, where, target)
    if target_id not in where.overwrites:
        raise ControlError(f"The channel has no overwrite of {target!r}.", status=404)
    with channels.thread_list_sync(state):
        del where.overwrites[target_id]
        state.emit_channel("UPDATE", where)
    return where


def _target(state: SandboxState, channel: Channel, target: Name) -> tuple[int, int]:
    """Return the id of a role or user, and the overwrite type: 0 role, 1 member."""
    if channel.is_thread:
        raise ControlError("A thread has no overwrites: change those of its channel.", status=400)
    if target in ("everyone", "@everyone"):
        return require_guild(state, channel).id, 0
    try:
        return find_role(state, target)[1].id, 0
    except ControlError:
        return find_user(state, target).id, 1


def delete_channel(state: SandboxState, channel: Name) -> None:
    channels.delete_channel(state, find_channel(state, channel))


def change_channel(state: SandboxState, channel: Name, default_auto_archive_duration: int) -> Channel:
    """Set how many minutes new threads of a channel stay active, unless they say so themselves."""
    found = find_channel(state, channel)
    if found.is_thread or default_auto_archive_duration not in channels.DURATIONS:
        raise ControlError(f"Give a channel one of {channels.DURATIONS} minutes.", status=400)
    found.default_auto_archive_duration = default_auto_archive_duration
    state.emit_channel("UPDATE", found)
    return found


def change_thread(state: SandboxState, thread: Name, changes: Json) -> Channel:
    found = find_channel(state, thread)
    if not found.is_thread:
        raise ControlError(f"{thread!r} is no thread.", status=400)
    if unknown := set(changes) - set(THREAD_CHANGES):
        raise ControlError(
            f"{sorted(unknown)[0]!r} cannot be changed: only {', '.join(THREAD_CHANGES)}.", status=400
        )
    errors = FormErrors()
    channels.check_thread_settings(errors, changes)
    with discord_errors_as_sentences():
        errors.raise_if_any()
        channels.update_thread(state, found, changes)
    return found


def first_guild(state: SandboxState) -> Guild:
    guilds = list(state.world.guilds.values())
    if not guilds:
        raise ControlError("There is no guild: add one first.", status=404)
    return guilds[0]


def change_user(state: SandboxState, user: Name, locale: str) -> User:
    """Choose the language of a user's client."""
    found = find_user(state, user)
    found.locale = _known_locale(locale)
    return found


def set_preferred_locale(state: SandboxState, locale: str) -> Guild:
    """Choose the language of the first guild."""
    guild = first_guild(state)
    guild.preferred_locale = _known_locale(locale)
    state.emit("GUILD_UPDATE", guild_payload(state.world, guild))
    return guild


def _known_locale(locale: str) -> str:
    if locale not in LOCALES:
        raise ControlError(
            f"{locale!r} is no language of Discord: take one of {', '.join(LOCALES)}.", status=400
        )
    return locale


def create_role(state: SandboxState, name: str, permissions: int, *, mentionable: bool) -> Role:
    guild = first_guild(state)
    role = state.world.add_role(guild, name, permissions)
    role.mentionable = mentionable
    _emit_role(state, guild, "CREATE", role)
    return role


def change_role(state: SandboxState, role: Name, permissions: int) -> Role:
    guild, found = find_role(state, role)
    with channels.thread_list_sync(state):
        found.permissions = int(permissions)
        _emit_role(state, guild, "UPDATE", found)
    return found


def delete_role(state: SandboxState, role: Name) -> None:
    guild, found = find_role(state, role)
    if found.id == guild.id or found.managed:
        raise ControlError(f"The role {role!r} cannot be deleted.", status=400)
    with channels.thread_list_sync(state):
        for member in guild.members.values():
            if found.id in member.roles:
                member.roles.remove(found.id)
        for channel in state.world.channels_of(guild):
            channel.overwrites.pop(found.id, None)
        del guild.roles[found.id]
        state.emit("GUILD_ROLE_DELETE", {"guild_id": str(guild.id), "role_id": str(found.id)})


def _emit_role(state: SandboxState, guild: Guild, verb: str, role: Role) -> None:
    state.emit(f"GUILD_ROLE_{verb}", {"guild_id": str(guild.id), "role": role_payload(role)})


def add_member(state: SandboxState, name: str, roles: list[Name]) -> User:
    """Add a person or the bot; a former member comes back with the same id."""
    guild = first_guild(state)
    given = [find_role(state, role)[1].id for role in roles]
    known = [u for u in state.world.users.values() if name.lower() == u.username]
    if known and known[0].id in guild.members:
        raise ControlError(f"{name!r} is a member already: take another name.", status=409)
    user = known[0] if known else state.world.add_user(name)
    guild.members[user.id] = Member(user=user, roles=given)
    if user.bot:
        state.gateway.announce_guild_join(guild)
    event = member_payload(guild.members[user.id]) | {"guild_id": str(guild.id)}
    state.emit("GUILD_MEMBER_ADD", event)
    return user


def remove_member(state: SandboxState, user: Name) -> None:
    guild, member = _member(state, user)
    if member.user.id == guild.owner_id:
        raise ControlError("The owner cannot be removed from the guild.", status=403)
    for thread in state.world.threads_of(guild):
        channels.remove_member(state, thread, member.user.id)
    del guild.members[member.user.id]
    if member.user.bot:
        state.emit("GUILD_DELETE", {"id": str(guild.id)})
        return
    state.emit("GUILD_MEMBER_REMOVE", {"guild_id": str(guild.id), "user": user_payload(member.user)})


def give_role(state: SandboxState, user: Name, role: Name) -> None:
    guild, member = _member(state, user)
    _, given = find_role(state, role)
    if given.id not in member.roles:
        with channels.thread_list_sync(state):
            member.roles.append(given.id)
            _emit_member_update(state, guild, member)


def take_role(state: SandboxState, user: Name, role: Name) -> None:
    guild, member = _member(state, user)
    _, taken = find_role(state, role)
    if taken.id in member.roles:
        with channels.thread_list_sync(state):
            member.roles.remove(taken.id)
            _emit_member_update(state, guild, member)


def _member(state: SandboxState, user: Name) -> tuple[Guild, Member]:
    found = find_user(state, user)
    for guild in state.world.guilds.values():
        if found.id in guild.members:
            return guild, guild.members[found.id]
    raise ControlError(f"{user!r} is no member of the guild.", status=404)


def _emit_member_update(state: SandboxState, guild: Guild, member: Member) -> None:
    state.emit("GUILD_MEMBER_UPDATE", member_payload(member) | {"guild_id": str(guild.id)})
