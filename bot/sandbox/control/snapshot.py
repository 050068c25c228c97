"""A picture of the whole world for whoever looks from outside: guilds, channels, threads, commands."""

from __future__ import annotations

from bot.sandbox.model.guilds import Channel, Guild
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import overwrite_payload, role_payload, user_payload
from bot.sandbox.model.state import StandIn


def state(stand: StandIn) -> Json:
    return {
        "bot": user_payload(stand.world.bot),
        "application_id": str(stand.world.application_id),
        "connected_sessions": sum(1 for s in stand.gateway.sessions.values() if s.line),
        "guilds": [_guild(stand, guild) for guild in stand.world.guilds.values()],
        "commands": [
            {"guild_id": str(scope) if scope else None, "commands": commands}
            for scope, commands in stand.commands.items()
        ],
        "faults": [fault.describe() for fault in stand.faults.planned],
    }


def _guild(stand: StandIn, guild: Guild) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner_id),
        "roles": [role_payload(role) for role in guild.roles.values()],
        "members": [
            {"user": user_payload(m.user), "roles": [str(r) for r in m.roles]} for m in guild.members.values()
        ],
        "channels": [_channel(stand, channel) for channel in stand.world.channels_of(guild)],
    }


def _channel(stand: StandIn, channel: Channel) -> Json:
    return {
        "id": str(channel.id),
        "name": channel.name,
        "type": int(channel.kind),
        "topic": channel.topic,
        "messages": len(channel.messages),
        "overwrites": [overwrite_payload(o) for o in channel.overwrites.values()],
        "threads": [thread(t) for t in stand.world.threads_in(channel)],
    }


def thread(channel: Channel) -> Json:
    return {
        "id": str(channel.id),
        "name": channel.name,
        "type": int(channel.kind),
        "parent_id": str(channel.parent_id),
        "owner_id": str(channel.owner_id),
        "members": [str(user_id) for user_id in channel.joined],
        "locked": channel.locked,
        "archived": channel.archived,
        "messages": len(channel.messages),
    }
