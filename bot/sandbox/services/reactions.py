"""Reactions of the bot to messages."""

from __future__ import annotations

import unicodedata

from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import member_payload
from bot.sandbox.model.state import SandboxState
from bot.sandbox.services import messages

_EMOJI_MARKS = frozenset("\ufe0f\u20e3")  # turn a character such as 1 or ↔ into an emoji


def is_emoji(text: str) -> bool:
    """Return whether text looks like a unicode emoji; the guild has no custom ones (name:id)."""
    kinds = {unicodedata.category(character) for character in text}
    return not kinds & {"Ll", "Lu"} and ("So" in kinds or not _EMOJI_MARKS.isdisjoint(text))


def add_reaction(state: SandboxState, channel: Channel, message: Message, emoji: str) -> None:
    """Add the bot's reaction; adding it again has no effect."""
    reactions = message.payload.setdefault("reactions", [])
    if any(reaction["emoji"] == _emoji(emoji) for reaction in reactions):
        return
    counts = {"burst": 0, "normal": 1}
    reaction: Json = {"emoji": _emoji(emoji), "count": 1, "count_details": counts, "me": True}
    reactions.append(reaction | {"me_burst": False, "burst_colors": []})
    _emit_reaction(state, "ADD", channel, message, emoji)


def remove_reaction(state: SandboxState, channel: Channel, message: Message, emoji: str) -> None:
    reactions = message.payload.get("reactions", [])
    remaining = [reaction for reaction in reactions if reaction["emoji"] != _emoji(emoji)]
    if len(remaining) < len(reactions):
        message.payload["reactions"] = remaining
        _emit_reaction(state, "REMOVE", channel, message, emoji)


def _emoji(text: str) -> Json:
    """Parse a unicode emoji, or name:id of a custom one."""
    name, _, number = text.partition(":")
    return {"id": number or None, "name": name}


def _emit_reaction(state: SandboxState, verb: str, channel: Channel, message: Message, emoji: str) -> None:
    bot = state.world.bot
    event: Json = {
        "user_id": str(bot.id),
        "message_id": str(message.id),
        "emoji": _emoji(emoji),
        "burst": False,
        "type": 0,
    }
    guild = state.world.guild_of(channel)
    if guild is not None and verb == "ADD":
        event |= {
            "member": member_payload(guild.members[bot.id]),
            "message_author_id": str(message.author_id),
        }
    state.emit(f"MESSAGE_REACTION_{verb}", event | messages.channel_ids(channel), channel)
