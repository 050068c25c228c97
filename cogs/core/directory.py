"""Check channel and role ids against what the connected client knows, before a workspace names them."""

from collections.abc import Mapping

import discord

from cogs.core.permissions import missing_permissions

# A log channel gets plain messages; every other channel gets posts with files and threads.
_LOG_CHANNEL_PERMISSIONS = ("View Channel", "Send Messages", "Embed Links")


def find_id_problems(client: discord.Client, guild_id: int, ids: Mapping[str, int]) -> list[str] | None:
    """Check the ids of a workspace or department: a sentence with the cure for each that cannot be used.

    `ids` are by field name: `staff_role_id` is a role, `log_channel_id` a channel for alerts, each other one
    a channel for tickets. None while Discord does not say what is in the guild.
    """
    guild = client.get_guild(guild_id)
    if guild is None:
        return [f"The bot is in no server with the id {guild_id}. Check the id, or invite the bot there."]
    if guild.unavailable:
        return None
    problems = (_find_problem(client, guild, field, number) for field, number in ids.items())
    return [problem for problem in problems if problem]


def _find_problem(client: discord.Client, guild: discord.Guild, field: str, number: int) -> str | None:
    if field == "staff_role_id":
        return _role_problem(guild, number)
    channel = client.get_channel(number)
    cure = f"Copy the id of a text channel of the server {guild.name}."
    if channel is None:
        return f"The bot sees no channel {number}. {cure}"
    if not isinstance(channel, discord.TextChannel):
        return f"{number} is not a text channel. {cure}"
    if channel.guild != guild:
        return f"Channel {number} (#{channel.name}) is in another server, {channel.guild.name}. {cure}"
    missing = _missing_permissions(channel, field)
    return f"Allow the bot in channel {number} (#{channel.name}): {', '.join(missing)}." if missing else None


def _role_problem(guild: discord.Guild, role_id: int) -> str | None:
    if guild.get_role(role_id):
        return None
    return f"There is no role {role_id} in the server {guild.name}. Copy the id of one of its roles."


def _missing_permissions(channel: discord.TextChannel, field: str) -> list[str]:
    missing = missing_permissions(channel)
    if field == "log_channel_id":
        return [name for name in missing if name in _LOG_CHANNEL_PERMISSIONS]
    return missing
