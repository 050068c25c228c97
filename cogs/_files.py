"""Attachments: what does not fit an embed, whole and as text."""

import io

import discord

from bot.tickets import Ticket
from cogs._embeds import shows_whole_body


def ticket_files(ticket: Ticket, embed: discord.Embed) -> list[discord.File]:
    """The body, if the embed clips it, and the chat log, if there is one. Raw text: a file pings nobody."""
    files = []
    if not shows_whole_body(ticket, embed):
        files.append(_text_file(f"{ticket.public_id}-message.txt", ticket.body))
    if ticket.chat_log:
        files.append(_text_file(f"{ticket.public_id}-chat-log.txt", "\n".join(ticket.chat_log) + "\n"))
    return files


def _text_file(name: str, text: str) -> discord.File:
    return discord.File(io.BytesIO(text.encode("utf-8", "replace")), filename=name)
