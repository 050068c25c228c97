"""What was said on a ticket and done to it, added to its embed as far as there is room."""

from collections.abc import Sequence

import discord

from bot.tickets import Message, MessageKind
from cogs.core.markdown import bare, drawn
from cogs.tickets.embeds import FIELD_VALUE, WHOLE

_SAID = {
    MessageKind.REPLY: "💬 Reply",
    MessageKind.NOTE: "📝 Note (staff only)",
    MessageKind.FOLLOW_UP: "🗨️ Added",
}


def add_words(embed: discord.Embed, messages: Sequence[Message]) -> None:
    """The last replies, notes and follow-ups."""
    for message in messages[-5:]:
        name = f"{_SAID[message.kind]} by {bare(message.author.name, 80)}"
        value = drawn(message.text, min(500, WHOLE - len(embed) - len(name))) or "—"
        if len(embed) + len(name) + len(value) > WHOLE:
            return
        embed.add_field(name=name, value=value, inline=False)


def add_events(embed: discord.Embed, events: Sequence[Message]) -> None:
    """What was done, one line each, oldest first; where there is no room the oldest go."""
    name = "🕘 History"
    room = min(FIELD_VALUE, WHOLE - len(embed) - len(name))
    lines: list[str] = []
    for event in reversed(events):
        line = f"<t:{int(event.created_at.timestamp())}:R> {drawn(' '.join(event.text.split()), 150)}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.insert(0, line)
    if lines:
        embed.add_field(name=name, value="\n".join(lines), inline=False)
