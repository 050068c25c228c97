"""Send and edit posts, and find what an earlier attempt sent."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import discord

from bot.clock import utc_now
from bot.i18n.translations import ENGLISH, LANGUAGES, use_language
from bot.outbox.dispatcher import ATTEMPT_SECONDS
from bot.outbox.errors import PermanentFailure
from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.posts.errors import CHANGE_REFUSED, UNKNOWN_MESSAGE, error_summary, is_temporary, is_text_refused
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import fallback_embed, ticket_embed

log = logging.getLogger(__name__)

ChannelOrThread = discord.TextChannel | discord.Thread
ResultT = TypeVar("ResultT")

_CLOCK_SKEW = timedelta(minutes=5)  # between our clock and Discord's
_MAX_ATTEMPT = timedelta(seconds=ATTEMPT_SECONDS)


async def with_fallback(
    ticket: Ticket, send: Callable[[], Awaitable[ResultT]], fallback: Callable[[], Awaitable[ResultT]]
) -> ResultT:
    """Call `send`; if Discord rejects its text, call `fallback`, which has no text of a player's."""
    try:
        return await send()
    except discord.HTTPException as error:
        if not is_text_refused(error):
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


async def edit_message(message: discord.PartialMessage, embed: discord.Embed) -> None:
    """Replace the embed of one of the bot's messages, unless it has been deleted."""
    await message_id_or_none(message.edit(embed=embed, allowed_mentions=discord.AllowedMentions.none()))


async def react(message: discord.PartialMessage, emoji: str) -> None:
    """Add a reaction, unless Discord refuses it or the message has been deleted."""
    try:
        await message.add_reaction(emoji)
    except discord.HTTPException as error:
        if is_temporary(error):
            raise
        log.warning("A message got no reaction: %s", error_summary(error), extra={"message_id": message.id})


async def edit_post(message: discord.PartialMessage, ticket: Ticket, workspace: Workspace) -> None:
    """Show a ticket as it is now.

    If Discord rejects the text, a post without it stays so; any other is left as it was: raises
    PermanentFailure.
    """
    try:
        await _edit(message, ticket, ticket_embed(ticket, workspace))
    except discord.HTTPException as error:
        if not is_text_refused(error):
            raise
        if not _is_fallback(await message.fetch(), ticket):
            reason = CHANGE_REFUSED.with_parts(error=error_summary(error))
            raise PermanentFailure(str(reason)) from error
        await _edit(message, ticket, fallback_embed(ticket))


async def _edit(message: discord.PartialMessage, ticket: Ticket, embed: discord.Embed) -> None:
    await message.edit(embed=embed, view=ticket_view(ticket), allowed_mentions=discord.AllowedMentions.none())


def _is_fallback(message: discord.Message, ticket: Ticket) -> bool:
    """Whether a post was sent without the player's text, which its attached file has.

    In any language: the server's may have changed since.
    """
    return any(_shows_fallback(message, ticket, language) for language in (ENGLISH, *LANGUAGES))


def _shows_fallback(message: discord.Message, ticket: Ticket, language: str) -> bool:
    with use_language(language):
        fallback = fallback_embed(ticket)
    return any(
        (embed.title, embed.description) == (fallback.title, fallback.description) for embed in message.embeds
    )


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
