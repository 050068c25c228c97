"""Send and edit posts, find what an earlier attempt sent, and classify Discord's errors."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import discord

from bot.clock import utc_now
from bot.discord_client.client import CLOUDFLARE_BAN_BACKOFF, INVALID_TOKEN_BACKOFF, is_cloudflare_ban
from bot.outbox.dispatcher import ATTEMPT_SECONDS
from bot.outbox.errors import (
    BotForbidden,
    ChannelForbidden,
    PermanentFailure,
    RateLimited,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Ticket
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import thread_name

log = logging.getLogger(__name__)

ChannelOrThread = discord.TextChannel | discord.Thread
ResultT = TypeVar("ResultT")

# Error codes of Discord's.
THREAD_EXISTS = 160004
UNKNOWN_CHANNEL = 10003  # also for a thread
UNKNOWN_MESSAGE = 10008  # also the answer to a nonce whose message was sent, and has been deleted since

RETRY_DELAY_SECONDS = 30.0  # until a delivery whose channel, thread or post is missing is tried again
_CLOCK_SKEW = timedelta(minutes=5)  # between our clock and Discord's
_MAX_ATTEMPT = timedelta(seconds=ATTEMPT_SECONDS)
_FIELD_PATTERN = re.compile(r"^In ([\w.]+):", re.MULTILINE)  # how discord.py names the fields at fault


async def with_fallback(
    ticket: Ticket, send: Callable[[], Awaitable[ResultT]], fallback: Callable[[], Awaitable[ResultT]]
) -> ResultT:
    """Call `send`; if Discord rejects its text (400), call `fallback`, which has no text of a player's."""
    try:
        return await send()
    except discord.HTTPException as error:
        if error.status != 400 or error.code == THREAD_EXISTS:
            raise
        log.warning(
            "Discord rejected a player's text, which is left out: %s",
            error_summary(error),
            extra={"ticket_id": ticket.id},
        )
        return await fallback()


async def message_id_or_none(request: Awaitable[discord.Message]) -> int | None:
    """The sent message's id; None if an earlier attempt sent it and it has been deleted since."""
    try:
        return (await request).id
    except discord.NotFound as error:
        if error.code == UNKNOWN_MESSAGE:
            return None
        raise


async def send_embed(channel: ChannelOrThread, delivery: Delivery, embed: discord.Embed) -> int | None:
    """Send an embed without mentions and buttons, in reply to nothing."""
    return await message_id_or_none(
        channel.send(embed=embed, nonce=delivery.nonce, allowed_mentions=discord.AllowedMentions.none())
    )


async def edit_post(message: discord.PartialMessage, ticket: Ticket, embed: discord.Embed) -> None:
    await message.edit(embed=embed, view=ticket_view(ticket), allowed_mentions=discord.AllowedMentions.none())


async def create_thread(ticket: Ticket, create: Callable[[str], Awaitable[discord.Thread]]) -> discord.Thread:
    """Create a thread named after its ticket; by the id alone if Discord rejects the subject."""
    return await with_fallback(ticket, lambda: create(thread_name(ticket)), lambda: create(ticket.public_id))


def post_reference(ticket: Ticket) -> discord.MessageReference | None:
    """The post that a ticket's messages reply to if it has no thread: its own or its digest."""
    message_id = ticket.post.message_id or ticket.post.digest_message_id
    if ticket.post.thread_id or not message_id or not ticket.post.channel_id:
        return None
    return discord.MessageReference(
        message_id=message_id, channel_id=ticket.post.channel_id, fail_if_not_exists=False
    )


async def find_previous_message(
    bot_user: discord.ClientUser | None, delivery: Delivery, channel: ChannelOrThread, marker: str
) -> int | None:
    """The id of the message that an earlier attempt may have sent; None if there is none.

    The last embed's footer is `marker`, or ends with it after other parts.
    """
    async for message in _messages_of_attempts(bot_user, delivery, channel):
        if f" · {message.embeds[-1].footer.text}".endswith(f" · {marker}"):
            return message.id
    return None


async def find_previous_post(
    bot_user: discord.ClientUser | None, delivery: Delivery, channel: ChannelOrThread, marker: str
) -> Receipt | None:
    """The post that an earlier attempt may have sent, or a digest with that ticket; None if there is none.

    A backup that was made before the digest was sent knows nothing of it. `marker` is the footer of the
    ticket's embed, which in the last embed of a digest has another part behind it.
    """
    async for message in _messages_of_attempts(bot_user, delivery, channel):
        footers = [f"{embed.footer.text} · " for embed in message.embeds]
        if footers[-1] == f"{marker} · ":
            return Receipt(channel_id=delivery.channel_id, message_id=message.id)
        if any(footer.startswith(f"{marker} · ") for footer in footers):
            return Receipt(channel_id=delivery.channel_id, digest_message_id=message.id)
    return None


async def _messages_of_attempts(
    bot_user: discord.ClientUser | None, delivery: Delivery, channel: ChannelOrThread
) -> AsyncIterator[discord.Message]:
    """The bot's own messages with embeds in the channel's history around the attempts; none if none was."""
    if not delivery.attempts or bot_user is None:
        return
    first = delivery.first_attempt_at or delivery.created_at
    last = (delivery.last_attempt_at or utc_now()) + _MAX_ATTEMPT
    window = {"after": first - _CLOCK_SKEW, "before": last + _CLOCK_SKEW}
    async for message in channel.history(limit=None, oldest_first=True, **window):
        if message.author.id == bot_user.id and message.embeds:
            yield message


async def find_previous_thread(
    bot_user: discord.ClientUser | None, channel: discord.TextChannel, ticket: Ticket
) -> discord.Thread | None:
    """The thread that an earlier attempt may have created, by its name and owner."""
    parent_and_owner = (channel.id, bot_user.id if bot_user else None)
    for thread in await channel.guild.active_threads():
        if (thread.parent_id, thread.owner_id) == parent_and_owner and ticket.public_id in thread.name:
            return thread
    return None


DeliveryError = RateLimited | UnknownOutcome | ChannelForbidden | BotForbidden | PermanentFailure


def classify_error(error: discord.HTTPException | discord.RateLimited) -> DeliveryError:
    """Translate an error of Discord's for the dispatcher.

    Only a request that Discord understood and rejected fails for good. After any other error the request may
    have been carried out, or may be later.
    """
    if isinstance(error, discord.RateLimited):
        return RateLimited("Discord's rate limit", seconds=error.retry_after)
    if error.code == UNKNOWN_MESSAGE:
        return PermanentFailure("the post was deleted in Discord")
    by_status: dict[int, DeliveryError] = {
        400: PermanentFailure(f"Discord refused it ({error_summary(error)})"),
        401: BotForbidden(
            "Discord does not accept the token. Copy a new one from the developer portal, page Bot.",
            seconds=INVALID_TOKEN_BACKOFF,
        ),
        403: _channel_forbidden(error),
        404: _channel_forbidden(error),
        429: _rate_limited(error),
    }
    return by_status.get(error.status) or UnknownOutcome(f"Discord answered {error.status}")


def error_summary(error: discord.HTTPException) -> str:
    """Status, code and fields, without Discord's sentences: they may quote what a player wrote."""
    fields = ", ".join(dict.fromkeys(_FIELD_PATTERN.findall(error.text)))
    return f"{error.status} {error.code}" + (f" in {fields}"[:200] if fields else "")


def _channel_forbidden(error: discord.HTTPException) -> ChannelForbidden:
    return ChannelForbidden(f"Discord refuses ({error.status} {error.code}: {error.text}).")


def _rate_limited(error: discord.HTTPException) -> RateLimited | BotForbidden:
    if is_cloudflare_ban(error):
        reason = "Cloudflare, in front of Discord, blocks this address for a while (429)."
        return BotForbidden(reason, seconds=CLOUDFLARE_BAN_BACKOFF)
    return RateLimited("Discord's rate limit, again and again", seconds=RETRY_DELAY_SECONDS)
