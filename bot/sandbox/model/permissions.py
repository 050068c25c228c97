"""Permissions by Discord's rules: roles, overwrites, threads, owner and administrators."""

from __future__ import annotations

from enum import IntFlag

from bot.sandbox.model.guilds import Channel, Guild, Overwrite, World
from bot.sandbox.model.json import ChannelKind
from bot.sandbox.rest.errors import MISSING_ACCESS, MISSING_PERMISSIONS, discord_error


class Permission(IntFlag):
    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40


P = Permission
ALL_PERMISSIONS = Permission((1 << 52) - 1)
NEEDS_SENDING = P.MENTION_EVERYONE | P.SEND_TTS_MESSAGES | P.ATTACH_FILES | P.EMBED_LINKS
DM_PERMISSIONS = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.READ_MESSAGE_HISTORY
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.ADD_REACTIONS
)


def permissions_in_guild(guild: Guild, user_id: int) -> Permission:
    """Compute a member's guild-wide permissions from its roles; none for a non-member."""
    member = guild.members.get(user_id)
    if member is None:
        return Permission(0)
    if guild.owner_id == user_id:
        return ALL_PERMISSIONS
    permissions = guild.roles[guild.id].permissions
    for role_id in member.roles:
        permissions |= guild.roles[role_id].permissions
    return ALL_PERMISSIONS if permissions & P.ADMINISTRATOR else Permission(permissions)


def permissions_in(world: World, user_id: int, channel: Channel) -> Permission:
    """Compute a user's permissions in a channel; a thread inherits those of its parent."""
    guild = world.guild_of(channel)
    if guild is None:
        return DM_PERMISSIONS if user_id in channel.recipients else Permission(0)
    permissions = permissions_in_guild(guild, user_id)
    if permissions == ALL_PERMISSIONS or user_id not in guild.members:
        return permissions
    permissions = _apply_overwrites(guild, user_id, permissions, world.parent_of(channel).overwrites)
    if not permissions & P.VIEW_CHANNEL or _is_outside_private_thread(channel, user_id, permissions):
        return Permission(0)
    return permissions if permissions & send_permission(channel) else permissions & ~NEEDS_SENDING


def _is_outside_private_thread(channel: Channel, user_id: int, permissions: Permission) -> bool:
    return channel.is_private_thread and user_id not in channel.joined and not permissions & P.MANAGE_THREADS


def _apply_overwrites(
    guild: Guild, user_id: int, permissions: Permission, overwrites: dict[int, Overwrite]
) -> Permission:
    everyone = overwrites.get(guild.id)
    role_overwrites = [overwrites[r] for r in guild.members[user_id].roles if r in overwrites]
    own_overwrite = overwrites.get(user_id)
    bits = int(permissions)
    for group in ([everyone] if everyone else [], role_overwrites, [own_overwrite] if own_overwrite else []):
        for overwrite in group:
            bits &= ~overwrite.deny
        for overwrite in group:
            bits |= overwrite.allow
    return Permission(bits)


def can(world: World, user_id: int, channel: Channel, needed: Permission) -> bool:
    return needed in permissions_in(world, user_id, channel)


def can_see(world: World, user_id: int, channel: Channel) -> bool:
    return can(world, user_id, channel, P.VIEW_CHANNEL)


def require(world: World, user_id: int, channel: Channel, needed: Permission) -> None:
    """Raise `DiscordApiError` 50001 without VIEW_CHANNEL, 50013 without the needed permission."""
    permissions = permissions_in(world, user_id, channel)
    if P.VIEW_CHANNEL not in permissions:
        raise discord_error(MISSING_ACCESS)
    if needed not in permissions:
        raise discord_error(MISSING_PERMISSIONS)


def send_permission(channel: Channel) -> Permission:
    return P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES


def thread_permission(kind: ChannelKind) -> Permission:
    """Return the permission needed to create a thread of this kind."""
    return P.CREATE_PRIVATE_THREADS if kind == ChannelKind.PRIVATE_THREAD else P.CREATE_PUBLIC_THREADS
