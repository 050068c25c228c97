"""The bot's reactions to messages."""

from __future__ import annotations

from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import member_payload
from bot.sandbox.model.state import StandIn
from bot.sandbox.services import messages


def react(stand: StandIn, channel: Channel, message: Message, emoji: str) -> None:
    """Adds the bot's reaction; a second time it stays as it is."""
    reactions = message.wire.setdefault("reactions", [])
    if any(reaction["emoji"] == _emoji(emoji) for reaction in reactions):
        return
    counts = {"burst": 0, "normal": 1}
    drawn: Json = {"emoji": _emoji(emoji), "count": 1, "count_details": counts, "me": True}
    reactions.append(drawn | {"me_burst": False, "burst_colors": []})
    _tell_of_reaction(stand, "ADD", channel, message, emoji)


def take_back_reaction(stand: StandIn, channel: Channel, message: Message, emoji: str) -> None:
    reactions = message.wire.get("reactions", [])
    left = [reaction for reaction in reactions if reaction["emoji"] != _emoji(emoji)]
    if len(left) < len(reactions):
        message.wire["reactions"] = left
        _tell_of_reaction(stand, "REMOVE", channel, message, emoji)


def _emoji(written: str) -> Json:
    """A unicode emoji, or name:id of one that was made."""
    name, _, number = written.partition(":")
    return {"id": number or None, "name": name}


def _tell_of_reaction(stand: StandIn, verb: str, channel: Channel, message: Message, emoji: str) -> None:
    bot = stand.world.bot
    told: Json = {
        "user_id": str(bot.id),
        "message_id": str(message.id),
        "emoji": _emoji(emoji),
        "burst": False,
        "type": 0,
    }
    guild = stand.world.guild_of(channel)
    if guild is not None and verb == "ADD":
        told |= {"member": member_payload(guild.members[bot.id]), "message_author_id": str(message.author_id)}
    stand.emit(f"MESSAGE_REACTION_{verb}", told | messages.place_of(channel), channel)
