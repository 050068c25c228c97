"""Event filter: intents and the bot's view permissions decide who receives which event."""

from __future__ import annotations

from enum import IntFlag

from bot.sandbox.model.guilds import Channel, World
from bot.sandbox.model.json import Json
from bot.sandbox.model.permissions import can_see


class Intent(IntFlag):
    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    MESSAGE_CONTENT = 1 << 15


_REQUIRED_INTENTS = (  # event name prefix (the first match counts), intent in a guild, intent in a DM
    ("MESSAGE_REACTION_", Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    ("MESSAGE_", Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
    ("GUILD_MEMBER_", Intent.GUILD_MEMBERS, Intent.GUILD_MEMBERS),
    ("CHANNEL_", Intent.GUILDS, Intent(0)),
    ("THREAD_", Intent.GUILDS, Intent.GUILDS),
    ("GUILD_", Intent.GUILDS, Intent.GUILDS),
)
_SENT_REGARDLESS_OF_VISIBILITY = ("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "INTERACTION_CREATE")
_CONTENT = ("content", "embeds", "attachments", "components")


def filter_event(world: World, intents: int, name: str, data: Json, channel: Channel | None) -> Json | None:
    """Return the event's data as a session with these intents receives it; None if it does not."""
    if not intents & _intent_for(name, channel) and not _about_the_bot(world, name, data):
        return None if _intent_for(name, channel) else data
    if (
        channel is not None
        and name not in _SENT_REGARDLESS_OF_VISIBILITY
        and not _bot_sees(world, name, data, channel)
    ):
        return None
    if name == "THREAD_MEMBERS_UPDATE" and not intents & Intent.GUILD_MEMBERS:
        return data if _about_the_bot(world, name, data) else None
    if name in ("MESSAGE_CREATE", "MESSAGE_UPDATE") and not intents & Intent.MESSAGE_CONTENT:
        return without_content(world, data, channel)
    return data


def _intent_for(name: str, channel: Channel | None) -> Intent:
    for prefix, in_guild, in_dm in _REQUIRED_INTENTS:
        if name.startswith(prefix):
            return in_dm if channel is not None and channel.guild_id is None else in_guild
    return Intent(0)


def _bot_sees(world: World, name: str, data: Json, channel: Channel) -> bool:
    """Return whether the bot sees the channel, or is itself removed from the private thread."""
    return can_see(world, world.bot.id, channel) or _about_the_bot(world, name, data)


def _about_the_bot(world: World, name: str, data: Json) -> bool:
    bot = str(world.bot.id)
    if name == "THREAD_MEMBERS_UPDATE":
        added = [member["user_id"] for member in data.get("added_members", [])]
        return bot in added + data.get("removed_member_ids", [])
    return name == "GUILD_MEMBER_UPDATE" and data["user"]["id"] == bot


def without_content(world: World, data: Json, channel: Channel | None) -> Json:
    """Remove the content of messages that neither come from the bot, mention it, nor are DMs."""
    if channel is None or channel.guild_id is None:
        return data
    referenced = data.get("referenced_message")
    if referenced:
        data = data | {"referenced_message": without_content(world, referenced, channel)}
    bot = str(world.bot.id)
    if data["author"]["id"] == bot or any(user["id"] == bot for user in data.get("mentions", [])):
        return data
    return data | {key: "" if key == "content" else [] for key in _CONTENT}
