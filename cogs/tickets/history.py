"""What was said on a ticket and done to it, added to its embed as far as there is room."""

from collections.abc import Sequence

import discord

from bot.tickets.message import Message, MessageKind
from cogs.core.markdown import escape_markdown, plain_line
from cogs.tickets.embeds import EMBED_LIMIT, FIELD_VALUE_LIMIT

_MESSAGE_LABELS = {
    MessageKind.REPLY: "💬 Reply",
    MessageKind.NOTE: "📝 Note (staff only)",
    MessageKind.FOLLOW_UP: "🗨️ Added",
}


def add_messages(embed: discord.Embed, messages: Sequence[Message]) -> None:
    """The last replies, notes and follow-ups."""
    for message in messages[-5:]:
        name = f"{_MESSAGE_LABELS[message.kind]} by {plain_line(message.author.name, 80)}"
        value = escape_markdown(message.text, min(500, EMBED_LIMIT - len(embed) - len(name))) or "—"
        if len(embed) + len(name) + len(value) > EMBED_LIMIT:
            return
        embed.add_field(name=name, value=value, inline=False)


def add_events(embed: discord.Embed, events: Sequence[Message]) -> None:
    """What was done, one line each, oldest first; where there is no room the oldest go."""
    name = "🕘 History"
    room = min(FIELD_VALUE_LIMIT, EMBED_LIMIT - len(embed) - len(name))
    lines: list[str] = []
    for event in reversed(events):
        line = (
            f"<t:{int(event.created_at.timestamp())}:R> {escape_markdown(' '.join(event.text.split()), 150)}"
        )
        room -= len(line) + 1
        if room < 0:
            break
        lines.insert(0, line)
    if lines:
        embed.add_field(name=name, value="\n".join(lines), inline=False)
