"""Serializers: Discord's JSON objects built from the model."""

from __future__ import annotations

from bot.sandbox.model.guilds import Channel, Guild, Member, Message, Overwrite, Role, User, World
from bot.sandbox.model.json import Json
from bot.sandbox.model.permissions import Permission, can_see, permissions_in


def user_payload(user: User) -> Json:
    return {
        "id": str(user.id),
        "username": user.username,
        "discriminator": "0001" if user.bot else "0",
        "global_name": None if user.bot else user.display_name,
        "avatar": None,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "primary_guild": None,
        "flags": 0,
        "public_flags": 0,
        "bot": user.bot,
        "system": False,
    }


def own_user_payload(user: User) -> Json:
    """Serialize the bot's own user, as GET /users/@me returns it."""
    return user_payload(user) | {
        "bio": "",
        "email": None,
        "locale": "en-US",
        "mfa_enabled": True,
        "verified": True,
    }


def role_payload(role: Role) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "description": None,
        "permissions": str(int(role.permissions)),
        "position": role.position,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def overwrite_payload(overwrite: Overwrite) -> Json:
    return {
        "id": str(overwrite.id),
        "type": overwrite.kind,
        "allow": str(int(overwrite.allow)),
        "deny": str(int(overwrite.deny)),
    }


def member_payload(member: Member) -> Json:
    return partial_member_payload(member) | {"user": user_payload(member.user)}


def partial_member_payload(member: Member) -> Json:
    """Serialize a member without its user, as messages carry it."""
    return {
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [str(role_id) for role_id in member.roles],
        "joined_at": member.joined_at,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }


def channel_payload(world: World, channel: Channel) -> Json:
    if channel.guild_id is None:
        return _dm_payload(world, channel)
    return thread_payload(world, channel) if channel.is_thread else _guild_channel(channel)


def _dm_payload(world: World, channel: Channel) -> Json:
    others = [u for u in channel.recipients if u != world.bot.id]
    return {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": channel.flags,
        "last_message_id": _id(channel.last_message_id),
        "recipients": [user_payload(world.users[u]) for u in others],
    }


def _guild_channel(channel: Channel) -> Json:
    payload: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "guild_id": str(channel.guild_id),
        "name": channel.name,
        "topic": channel.topic,
        "position": channel.position,
        "parent_id": _id(channel.parent_id),
        "nsfw": channel.nsfw,
        "flags": channel.flags,
        "rate_limit_per_user": channel.rate_limit_per_user,
        "last_message_id": _id(channel.last_message_id),
        "permission_overwrites": [overwrite_payload(o) for o in channel.overwrites.values()],
    }
    duration = channel.default_auto_archive_duration
    return payload | {"default_auto_archive_duration": duration} if duration else payload


def thread_payload(world: World, thread: Channel) -> Json:
    payload: Json = {
        "id": str(thread.id),
        "type": int(thread.kind),
        "guild_id": str(thread.guild_id),
        "parent_id": str(thread.parent_id),
        "owner_id": str(thread.owner_id),
        "name": thread.name,
        "flags": thread.flags,
        "rate_limit_per_user": thread.rate_limit_per_user,
        "last_message_id": _id(thread.last_message_id),
        "message_count": thread.message_count,
        "total_message_sent": thread.total_sent,
        "member_count": len(thread.joined),
        "thread_metadata": _thread_metadata(thread),
    }
    if world.bot.id in thread.joined:
        payload["member"] = thread_member_payload(thread, world.bot.id)
    return payload


def _thread_metadata(thread: Channel) -> Json:
    payload: Json = {
        "archived": thread.archived,
        "archive_timestamp": thread.archived_at,
        "auto_archive_duration": thread.auto_archive_duration,
        "locked": thread.locked,
        "create_timestamp": thread.created_at,
    }
    return payload | {"invitable": thread.invitable} if thread.is_private_thread else payload


def thread_member_payload(thread: Channel, user_id: int) -> Json:
    return {
        "id": str(thread.id),
        "user_id": str(user_id),
        "join_timestamp": thread.joined[user_id],
        "flags": 0,
    }


def message_event_payload(world: World, message: Message) -> Json:
    """Serialize a message for gateway events, with guild id and member objects."""
    data = dict(message.payload)
    guild = world.guild_of(world.channels[message.channel_id])
    if guild is not None:
        data["guild_id"] = str(guild.id)
        if message.author_id in guild.members:
            data["member"] = partial_member_payload(guild.members[message.author_id])
    data["mentions"] = [_mentioned(guild, user) for user in data.get("mentions", [])]
    return data


def _mentioned(guild: Guild | None, user: Json) -> Json:
    member = guild.members.get(int(user["id"])) if guild else None
    return user | {"member": partial_member_payload(member)} if member else user


def guild_payload(world: World, guild: Guild) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "owner_id": str(guild.owner_id),
        "application_id": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "hub_type": None,
        "incidents_data": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": guild.preferred_locale,
        "vanity_url_code": None,
        "features": [],
        "emojis": [],
        "stickers": [],
        "roles": [role_payload(role) for role in guild.roles.values()],
    }


def guild_create_payload(world: World, guild: Guild, members: list[Member]) -> Json:
    """Serialize a guild for GUILD_CREATE; `members` are those the session's intents allow."""
    bot = world.bot.id
    threads = [t for t in world.threads_of(guild) if not t.archived and can_see(world, bot, t)]
    return guild_payload(world, guild) | {
        "joined_at": guild.joined_at,
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_payload(member) for member in members],
        "channels": [channel_payload(world, channel) for channel in world.channels_of(guild)],
        "threads": [thread_payload(world, thread) for thread in threads],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def member_in_channel_payload(world: World, user_id: int, channel: Channel) -> Json:
    """Serialize a member for an interaction, with its permissions in that channel."""
    guild = world.guild(channel.guild_id or 0)
    permissions = permissions_in(world, user_id, channel)
    return member_payload(guild.members[user_id]) | {"permissions": str(int(permissions))}


def app_permissions(world: World, channel: Channel) -> str:
    permissions = permissions_in(world, world.bot.id, channel)
    return str(int(permissions or Permission(0)))


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)
