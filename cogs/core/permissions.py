"""Whether the bot can use a channel: permissions that are missing, and ids that lead nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import discord

from bot.tickets.workspace import Workspace

# By discord.py's names. Without any of these, some delivery to the channel is refused.
REQUIRED_PERMISSIONS = (
    "view_channel",
    "send_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "create_public_threads",
    "create_private_threads",
    "send_messages_in_threads",
)
WRITE_IN_THREADS = ("view_channel", "send_messages_in_threads")
LOG_PERMISSIONS = ("view_channel", "send_messages", "embed_links")  # alerts are embeds

# Without the first, Discord denies the others too, so only the first is named.
_DEPENDENT_PERMISSIONS = {
    "view_channel": REQUIRED_PERMISSIONS,
    "send_messages": ("embed_links", "attach_files"),
}


def missing_permissions(
    channel: discord.abc.GuildChannel, required: Sequence[str] = REQUIRED_PERMISSIONS
) -> list[str]:
    """List the permissions that the bot lacks in a channel, as Discord's client calls them."""
    held = channel.permissions_for(channel.guild.me)
    missing = [name for name in required if not getattr(held, name)]
    for name, others in _DEPENDENT_PERMISSIONS.items():
        if name in missing:
            missing = [one for one in missing if one == name or one not in others]
    return [name.replace("_", " ").title() for name in missing]


def permission_hint(bot: discord.Client, channel_id: int) -> str:
    """Say what to do about a channel that refuses a delivery."""
    return _hint(bot, channel_id) or "Check what my role may do in that channel."


def permission_warnings(bot: discord.Client, workspace: Workspace) -> list[str]:
    """Say what the bot lacks in each channel of a workspace; the log channel needs less than the others."""
    log_only = workspace.channel_ids - replace(workspace, log_channel_id=None).channel_ids
    warnings = []
    for channel_id in sorted(workspace.channel_ids):
        hint = _hint(bot, channel_id, LOG_PERMISSIONS if channel_id in log_only else REQUIRED_PERMISSIONS)
        if hint:
            warnings.append(f"<#{channel_id}>: {hint}")
    return warnings


def _hint(bot: discord.Client, channel_id: int, required: Sequence[str] = REQUIRED_PERMISSIONS) -> str | None:
    channel = bot.get_channel(channel_id)
    if not isinstance(channel, discord.abc.GuildChannel):
        return "I do not see that channel: let me see it, or name another one with `/setup workspace`."
    missing = missing_permissions(channel, required)
    return f"Allow my role there: {', '.join(missing)}." if missing else None


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
    missing = missing_permissions(
        channel, LOG_PERMISSIONS if field == "log_channel_id" else REQUIRED_PERMISSIONS
    )
    return f"Allow the bot in channel {number} (#{channel.name}): {', '.join(missing)}." if missing else None


def _role_problem(guild: discord.Guild, role_id: int) -> str | None:
    if guild.get_role(role_id):
        return None
    return f"There is no role {role_id} in the server {guild.name}. Copy the id of one of its roles."
