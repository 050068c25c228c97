"""Snapshot of guilds, channels, threads, members and commands as JSON."""

from __future__ import annotations

from bot.sandbox.model.guilds import Channel, Guild
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import overwrite_payload, role_payload, user_payload
from bot.sandbox.model.state import SandboxState


def snapshot(state: SandboxState) -> Json:
    return {
        "bot": user_payload(state.world.bot),
        "application_id": str(state.world.application_id),
        "connected_sessions": sum(1 for s in state.gateway.sessions.values() if s.writer),
        "guilds": [_guild(state, guild) for guild in state.world.guilds.values()],
        "commands": [
            {"guild_id": str(scope) if scope else None, "commands": commands}
            for scope, commands in state.commands.items()
        ],
        "faults": [fault.to_json() for fault in state.faults.planned],
    }


def _guild(state: SandboxState, guild: Guild) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner_id),
        "roles": [role_payload(role) for role in guild.roles.values()],
        "members": [
            {"user": user_payload(m.user), "roles": [str(r) for r in m.roles]} for m in guild.members.values()
        ],
        "channels": [_channel(state, channel) for channel in state.world.channels_of(guild)],
    }


def _channel(state: SandboxState, channel: Channel) -> Json:
    return {
        "id": str(channel.id),
        "name": channel.name,
        "type": int(channel.kind),
        "topic": channel.topic,
        "messages": len(channel.messages),
        "overwrites": [overwrite_payload(o) for o in channel.overwrites.values()],
        "threads": [thread_snapshot(t) for t in state.world.threads_in(channel)],
    }


def thread_snapshot(channel: Channel) -> Json:
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
