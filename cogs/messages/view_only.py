"""Guarding game reports: which ticket a message answers, and how it is removed, with a notice."""

import logging
from datetime import timedelta

import discord

from bot.tickets.ticket import Ticket
from cogs.core.checks import utc_now
from storage import Store

log = logging.getLogger(__name__)

_NOTICE_SECONDS = 120.0
_NOTICE_MAX_AGE = timedelta(
    minutes=10
)  # what was typed longer ago is followed by no notice: its author is gone


async def ticket_being_answered(store: Store, message: discord.Message) -> Ticket | None:
    """The ticket whose post this answers: by Discord reply, or in its thread, or a thread on the post.

    Of a digest one of its game reports; what is said about several other tickets is said about none.
    """
    for shown_id in _referenced_ids(message):
        ticket = await store.ticket_by_discord_id(shown_id)
        if ticket is not None:
            return ticket
        together = await store.tickets_in_digest(shown_id)
        reports = [one for one in together if one.view_only]
        if reports:
            return reports[0]
    return None


def _referenced_ids(message: discord.Message) -> list[int]:
    reference = message.reference
    ids = [message.channel.id]  # a thread on a post has the post's id
    if reference and reference.message_id and reference.type is discord.MessageReferenceType.reply:
        ids.insert(0, reference.message_id)
    return ids


async def delete_with_reason(message: discord.Message, ticket: Ticket, reason: Exception) -> None:
    """Take it away, and tell its author; one that is already gone needs neither."""
    try:
        await message.delete()
    except discord.NotFound:
        return
    except discord.Forbidden:
        log.warning("Ticket %d: a message stays under it; Manage Messages is missing", ticket.id)
        await send_temporary_notice(
            message, f"⛔ {reason} (It stays: I need the Manage Messages permission here.)"
        )
    else:
        await send_temporary_notice(message, f"⛔ {reason} Your message was removed.")


async def send_temporary_notice(message: discord.Message, text: str) -> None:
    """Tell the author of a recent message where they typed it; the notice goes by itself."""
    if utc_now() - message.created_at > _NOTICE_MAX_AGE:
        return
    told = f"<@{message.author.id}> {text}"
    try:
        await message.channel.send(told, delete_after=_NOTICE_SECONDS, silent=True)
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("The author of message %d could not be told: %s", message.id, error)
