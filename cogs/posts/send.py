"""Sending to Discord: what its answers mean for a delivery, and what is left out where it refuses words."""

import re
from collections.abc import Awaitable, Callable

import discord

from bot.discord_client.client import BANNED_SECONDS, REVOKED_SECONDS, is_ban
from bot.outbox.dispatcher import ChannelRefused, NoAnswer, Patience, RefusedEverywhere, Undeliverable
from bot.tickets import Delivery, Ticket
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import thread_name

Place = discord.TextChannel | discord.Thread

THREAD_EXISTS = 160004
UNKNOWN_MESSAGE = 10008  # also the answer to a nonce whose message was posted, and has been deleted since
_FIELD = re.compile(r"^In ([\w.]+):", re.MULTILINE)  # of a request, as an error of discord.py names them
REPAIR_SECONDS = 30.0  # between two looks whether what a delivery needs is there


async def edit(message: discord.PartialMessage, ticket: Ticket, embed: discord.Embed) -> None:
    await message.edit(embed=embed, view=ticket_view(ticket), allowed_mentions=discord.AllowedMentions.none())


async def named(ticket: Ticket, create: Callable[[str], Awaitable[discord.Thread]]) -> discord.Thread:
    """A thread named after its ticket; by the id alone where a guild refuses words of the subject."""
    try:
        return await create(thread_name(ticket))
    except discord.HTTPException as error:
        if error.status != 400 or error.code == THREAD_EXISTS:
            raise
        return await create(ticket.public_id)


async def sent(sending: Awaitable[discord.Message]) -> int | None:
    """The message's id; None for one that an earlier attempt posted and somebody has deleted since."""
    try:
        return (await sending).id
    except discord.NotFound as error:
        if error.code == UNKNOWN_MESSAGE:
            return None
        raise


async def sent_alone(place: Place, delivery: Delivery, embed: discord.Embed) -> int | None:
    """An embed that belongs under nothing, calls nobody and brings no buttons."""
    return await sent(
        place.send(embed=embed, nonce=delivery.nonce, allowed_mentions=discord.AllowedMentions.none())
    )


def under_the_post(ticket: Ticket) -> discord.MessageReference | None:
    """Without a thread, what belongs to a ticket stands under its post, or its digest, as a Discord reply."""
    shown_in = ticket.post.message_id or ticket.post.digest_id
    if ticket.post.thread_id or not shown_in or not ticket.post.channel_id:
        return None
    return discord.MessageReference(
        message_id=shown_in, channel_id=ticket.post.channel_id, fail_if_not_exists=False
    )


Verdict = Patience | NoAnswer | ChannelRefused | RefusedEverywhere | Undeliverable


def verdict(error: discord.HTTPException | discord.RateLimited) -> Verdict:
    """Only what Discord understood and refused is final. Everything else may have happened, or may yet."""
    if isinstance(error, discord.RateLimited):
        return Patience("Discord asks for patience", seconds=error.retry_after)
    if error.code == UNKNOWN_MESSAGE:
        return Undeliverable("the post was deleted in Discord")
    refusals: dict[int, Verdict] = {
        400: Undeliverable(f"Discord refused it ({_in_short(error)})"),
        401: RefusedEverywhere(
            "Discord no longer knows the token. Copy it anew from the developer portal, page Bot.",
            seconds=REVOKED_SECONDS,
        ),
        403: _refused_channel(error),
        404: _refused_channel(error),
        429: _too_many(error),
    }
    return refusals.get(error.status) or NoAnswer(f"Discord answered {error.status}")


def _in_short(error: discord.HTTPException) -> str:
    """Status, code and fields, without Discord's sentences: they may quote what somebody wrote."""
    fields = ", ".join(dict.fromkeys(_FIELD.findall(error.text)))
    return f"{error.status} {error.code}" + (f" in {fields}"[:200] if fields else "")


def _refused_channel(error: discord.HTTPException) -> ChannelRefused:
    return ChannelRefused(f"Discord refuses ({error.status} {error.code}: {error.text}).")


def _too_many(error: discord.HTTPException) -> Patience | RefusedEverywhere:
    if is_ban(error):
        reason = "Discord's front refuses this address for a while (429)."
        return RefusedEverywhere(reason, seconds=BANNED_SECONDS)
    return Patience("Discord asks for patience again and again", seconds=REPAIR_SECONDS)
