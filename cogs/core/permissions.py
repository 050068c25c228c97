"""What the bot must be allowed in a channel to post there, by what Discord has told of roles and channels."""

import discord

# By Discord's names of them. Without any of these, some delivery to the channel is refused.
REQUIRED_PERMISSIONS = (
    "view_channel",
    "send_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "create_public_threads",
    "send_messages_in_threads",
)


# Whoever lacks one has none of the others, whatever roles say: they need not be told of.
_DEPENDENT_PERMISSIONS = {
    "view_channel": REQUIRED_PERMISSIONS,
    "send_messages": ("embed_links", "attach_files"),
}


def missing_permissions(channel: discord.abc.GuildChannel) -> list[str]:
    """The permissions the bot lacks there, as Discord's client calls them."""
    held = channel.permissions_for(channel.guild.me)
    missing = [name for name in REQUIRED_PERMISSIONS if not getattr(held, name)]
    for name, others in _DEPENDENT_PERMISSIONS.items():
        if name in missing:
            missing = [one for one in missing if one == name or one not in others]
    return [name.replace("_", " ").title() for name in missing]


def permission_hint(bot: discord.Client, channel_id: int) -> str:
    """What to do about a channel that refuses."""
    channel = bot.get_channel(channel_id)
    if not isinstance(channel, discord.abc.GuildChannel):
        return "I do not see that channel: let me see it, or name another one with `/setup workspace`."
    missing = missing_permissions(channel)
    if not missing:
        return "Check what my role may do in that channel."
    return f"Allow my role there: {', '.join(missing)}."
