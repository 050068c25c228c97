"""Attachments: what does not fit an embed, whole and as text."""

import io

import discord

from bot.tickets.message import Message
from bot.tickets.ticket import Ticket
from cogs.tickets.embeds import body_fits_embed, message_fits_embed


def ticket_files(ticket: Ticket, embed: discord.Embed) -> list[discord.File]:
    """The body, if the embed clips it, and the chat log, if there is one. Raw text: a file pings nobody."""
    clipped = not body_fits_embed(ticket, embed)
    message = [_text_file(f"{ticket.public_id}-message.txt", ticket.body)] if clipped else []
    return message + _chat_log_files(ticket)


def fallback_files(ticket: Ticket) -> list[discord.File]:
    """Everything a player wrote, for a post that shows none of it."""
    text = f"{ticket.subject}\n\n{ticket.body}"
    return [_text_file(f"{ticket.public_id}-message.txt", text), *_chat_log_files(ticket)]


def message_files(ticket: Ticket, message: Message) -> list[discord.File]:
    """What was said, if the embed clips it."""
    if message_fits_embed(message):
        return []
    return [_text_file(f"{ticket.public_id}-{message.kind.value}-{message.id}.txt", message.text)]


def _chat_log_files(ticket: Ticket) -> list[discord.File]:
    if not ticket.chat_log:
        return []
    return [_text_file(f"{ticket.public_id}-chat-log.txt", "\n".join(ticket.chat_log) + "\n")]


def _text_file(name: str, text: str) -> discord.File:
    return discord.File(io.BytesIO(text.encode("utf-8", "replace")), filename=name)
