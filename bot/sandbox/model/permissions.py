"""Who may do what where: roles, overwrites, threads, the owner and administrators."""

from __future__ import annotations

from enum import IntFlag

from bot.sandbox.model.guilds import Channel, Guild, Overwrite, World
from bot.sandbox.model.json import ChannelKind
from bot.sandbox.rest.errors import MISSING_ACCESS, MISSING_PERMISSIONS, refused


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
EVERYTHING = Permission((1 << 52) - 1)
NEEDS_SENDING = P.MENTION_EVERYONE | P.SEND_TTS_MESSAGES | P.ATTACH_FILES | P.EMBED_LINKS
IN_CONVERSATIONS = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.READ_MESSAGE_HISTORY
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.ADD_REACTIONS
)


def permissions_in_guild(guild: Guild, user_id: int) -> Permission:
    """What the user's roles allow before any channel has a say; nothing for who is not a member."""
    member = guild.members.get(user_id)
    if member is None:
        return Permission(0)
    if guild.owner_id == user_id:
        return EVERYTHING
    held = guild.roles[guild.id].permissions
    for role_id in member.roles:
        held |= guild.roles[role_id].permissions
    return EVERYTHING if held & P.ADMINISTRATOR else Permission(held)


def permissions_in(world: World, user_id: int, channel: Channel) -> Permission:
    """What the user holds in a channel, or in a thread through its channel."""
    guild = world.guild_of(channel)
    if guild is None:
        return IN_CONVERSATIONS if user_id in channel.recipients else Permission(0)
    held = permissions_in_guild(guild, user_id)
    if held == EVERYTHING or user_id not in guild.members:
        return held
    held = _overwritten(guild, user_id, held, world.parent_of(channel).overwrites)
    if not held & P.VIEW_CHANNEL or _left_out(channel, user_id, held):
        return Permission(0)
    return held if held & sending_right(channel) else held & ~NEEDS_SENDING


def _left_out(channel: Channel, user_id: int, held: Permission) -> bool:
    return channel.is_private_thread and user_id not in channel.joined and not held & P.MANAGE_THREADS


def _overwritten(
    guild: Guild, user_id: int, held: Permission, overwrites: dict[int, Overwrite]
) -> Permission:
    everyone = overwrites.get(guild.id)
    of_roles = [overwrites[r] for r in guild.members[user_id].roles if r in overwrites]
    own = overwrites.get(user_id)
    bits = int(held)
    for step in ([everyone] if everyone else [], of_roles, [own] if own else []):
        for overwrite in step:
            bits &= ~overwrite.deny
        for overwrite in step:
            bits |= overwrite.allow
    return Permission(bits)


def can(world: World, user_id: int, channel: Channel, needed: Permission) -> bool:
    return needed in permissions_in(world, user_id, channel)


def can_see(world: World, user_id: int, channel: Channel) -> bool:
    return can(world, user_id, channel, P.VIEW_CHANNEL)


def require(world: World, user_id: int, channel: Channel, needed: Permission) -> None:
    """Raises `Refused` 50001 for who cannot see the channel and 50013 for who lacks the right."""
    held = permissions_in(world, user_id, channel)
    if P.VIEW_CHANNEL not in held:
        raise refused(MISSING_ACCESS)
    if needed not in held:
        raise refused(MISSING_PERMISSIONS)


def sending_right(channel: Channel) -> Permission:
    return P.SEND_MESSAGES_IN_THREADS if channel.is_thread else P.SEND_MESSAGES


def right_to_open(kind: ChannelKind) -> Permission:
    """The right to open a thread of this kind; a forum is asked for SEND_MESSAGES instead."""
    return P.CREATE_PRIVATE_THREADS if kind == ChannelKind.PRIVATE_THREAD else P.CREATE_PUBLIC_THREADS
