"""Permissions that the bot needs in a channel, and which of them are missing."""

from collections.abc import Sequence
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
LOG_PERMISSIONS = ("view_channel", "send_messages", "read_message_history")

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
