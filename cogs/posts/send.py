"""Sending to Discord: what its answers mean for a delivery, and what is left out where it refuses words."""

import re
from collections.abc import Awaitable, Callable

import discord

from bot.discord_client.client import CLOUDFLARE_BAN_BACKOFF, INVALID_TOKEN_BACKOFF, is_cloudflare_ban
from bot.outbox.errors import (
    BotForbidden,
    ChannelForbidden,
    PermanentFailure,
    RateLimited,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery
from bot.tickets.ticket import Ticket
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import thread_name

ChannelOrThread = discord.TextChannel | discord.Thread

THREAD_EXISTS = 160004
UNKNOWN_MESSAGE = 10008  # also the answer to a nonce whose message was posted, and has been deleted since
_FIELD_PATTERN = re.compile(
    r"^In ([\w.]+):", re.MULTILINE
)  # of a request, as an error of discord.py names them
RETRY_DELAY_SECONDS = 30.0  # between two looks whether what a delivery needs is there


async def edit_post(message: discord.PartialMessage, ticket: Ticket, embed: discord.Embed) -> None:
    await message.edit(embed=embed, view=ticket_view(ticket), allowed_mentions=discord.AllowedMentions.none())


async def create_thread(ticket: Ticket, create: Callable[[str], Awaitable[discord.Thread]]) -> discord.Thread:
    """A thread named after its ticket; by the id alone where a guild refuses words of the subject."""
    try:
        return await create(thread_name(ticket))
    except discord.HTTPException as error:
        if error.status != 400 or error.code == THREAD_EXISTS:
            raise
        return await create(ticket.public_id)


async def message_id_or_none(request: Awaitable[discord.Message]) -> int | None:
    """The message's id; None for one that an earlier attempt posted and somebody has deleted since."""
    try:
        return (await request).id
    except discord.NotFound as error:
        if error.code == UNKNOWN_MESSAGE:
            return None
        raise


async def send_embed(channel: ChannelOrThread, delivery: Delivery, embed: discord.Embed) -> int | None:
    """An embed that belongs under nothing, calls nobody and brings no buttons."""
    return await message_id_or_none(
        channel.send(embed=embed, nonce=delivery.nonce, allowed_mentions=discord.AllowedMentions.none())
    )


def post_reference(ticket: Ticket) -> discord.MessageReference | None:
    """Without a thread, what belongs to a ticket stands under its post, or its digest, as a Discord reply."""
    shown_in = ticket.post.message_id or ticket.post.digest_message_id
    if ticket.post.thread_id or not shown_in or not ticket.post.channel_id:
        return None
    return discord.MessageReference(
        message_id=shown_in, channel_id=ticket.post.channel_id, fail_if_not_exists=False
    )


DeliveryError = RateLimited | UnknownOutcome | ChannelForbidden | BotForbidden | PermanentFailure


def classify_error(error: discord.HTTPException | discord.RateLimited) -> DeliveryError:
    """Only what Discord understood and refused is final. Everything else may have happened, or may yet."""
    if isinstance(error, discord.RateLimited):
        return RateLimited("Discord asks for patience", seconds=error.retry_after)
    if error.code == UNKNOWN_MESSAGE:
        return PermanentFailure("the post was deleted in Discord")
    refusals: dict[int, DeliveryError] = {
        400: PermanentFailure(f"Discord refused it ({_error_summary(error)})"),
        401: BotForbidden(
            "Discord no longer knows the token. Copy it anew from the developer portal, page Bot.",
            seconds=INVALID_TOKEN_BACKOFF,
        ),
        403: _channel_forbidden(error),
        404: _channel_forbidden(error),
        429: _rate_limited(error),
    }
    return refusals.get(error.status) or UnknownOutcome(f"Discord answered {error.status}")


def _error_summary(error: discord.HTTPException) -> str:
    """Status, code and fields, without Discord's sentences: they may quote what somebody wrote."""
    fields = ", ".join(dict.fromkeys(_FIELD_PATTERN.findall(error.text)))
    return f"{error.status} {error.code}" + (f" in {fields}"[:200] if fields else "")


def _channel_forbidden(error: discord.HTTPException) -> ChannelForbidden:
    return ChannelForbidden(f"Discord refuses ({error.status} {error.code}: {error.text}).")


def _rate_limited(error: discord.HTTPException) -> RateLimited | BotForbidden:
    if is_cloudflare_ban(error):
        reason = "Discord's front refuses this address for a while (429)."
        return BotForbidden(reason, seconds=CLOUDFLARE_BAN_BACKOFF)
    return RateLimited("Discord asks for patience again and again", seconds=RETRY_DELAY_SECONDS)
