"""Discord's error codes, and what each means to the delivery that met it."""

import re

import discord

from bot.discord_client.client import CLOUDFLARE_BAN_BACKOFF, INVALID_TOKEN_BACKOFF, is_cloudflare_ban
from bot.discord_client.middlewares import LimitReached
from bot.outbox.errors import (
    BotForbidden,
    ChannelForbidden,
    DeliveryError,
    PermanentFailure,
    QueueLimited,
    RateLimited,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery, DeliveryKind

UNKNOWN_CHANNEL = 10003  # also for a thread
UNKNOWN_MEMBER = 10007
UNKNOWN_MESSAGE = 10008  # also the answer to a nonce whose message was sent, and has been deleted since
UNKNOWN_USER = 10013
MISSING_ACCESS = 50001
EDIT_LIMIT = 30046
THREAD_EXISTS = 160004
THREAD_LIMIT = 160006

# They end by themselves, and say nothing of the channel: the delivery waits, and others go first.
_TEMPORARY = {
    20016: "The channel's slowmode holds it back",
    20022: "Discord limits edits of announcements",
    EDIT_LIMIT: "Discord limits edits of messages older than an hour",
    20026: "Discord has flagged this bot for spam: see its page in the developer portal",
    40003: "Discord opens no more direct messages for a while",
    40004: "Discord has switched off sending messages for a while",
    40006: "Discord has switched this off for a while",
    40062: "Discord limits this for a while",
    50083: "Its thread is archived",  # since it was looked at: the next attempt opens it first
    110001: "Discord is not ready for this yet",
    130000: "Discord is overloaded",
    THREAD_LIMIT: "The server has as many active threads as Discord allows. Archive some that nobody needs",
    160007: "The server has as many active announcement threads as Discord allows",
}
# Limits of all that is sent to the channel or the server: others are refused as well.
_WRITE_LIMITS = {20028: "Discord's write limit of the channel", 20029: "Discord's write limit of the server"}
# Filters of texts, whatever the status: explicit content, names, AutoMod, harmful links.
_REFUSED_TEXTS = {20009, 20031, 200000, 200001, 240000}
# Not a member, no such user, banned, cannot be messaged, one too many in a thread.
_ABOUT_A_PERSON = {UNKNOWN_MEMBER, UNKNOWN_USER, 30033, 40007, 50007, 50278}

# What one edit or one new thread of a channel is refused for, the next one is too. No post waits for that.
_LIMITED_TOGETHER = (DeliveryKind.UPDATE_POST, DeliveryKind.THREAD)

RETRY_DELAY_SECONDS = 30.0  # until a delivery whose channel, thread or post is missing is tried again
FIRST_WAIT_SECONDS = 10.0  # after the first temporary error; doubles with each attempt
LONGEST_WAIT_SECONDS = 60.0
LONGEST_EDIT_WAIT_SECONDS = 600.0  # for the limit of edits, which lasts longer than the others
_FIELD_PATTERN = re.compile(r"^In ([\w.]+):", re.MULTILINE)  # how discord.py names the fields at fault

RequestError = discord.HTTPException | discord.RateLimited | LimitReached


def classify_error(error: RequestError, delivery: Delivery) -> DeliveryError:
    """Translate an error of Discord's for the dispatcher.

    Only a request that Discord understood and rejected fails for good. After any other error the request may
    have been carried out, or may be later.
    """
    if isinstance(error, discord.RateLimited):
        return RateLimited("Discord's rate limit", seconds=error.retry_after)
    if error.code in _TEMPORARY:
        return _temporary(error, delivery)
    if isinstance(error, LimitReached) or error.code in _WRITE_LIMITS:
        reason = _WRITE_LIMITS.get(error.code, "A limit of Discord's")
        return RateLimited(f"{reason} ({error.code})", seconds=_retry_after(error) or RETRY_DELAY_SECONDS)
    if error.code == UNKNOWN_MESSAGE:
        return PermanentFailure("the post was deleted in Discord")
    if error.code in _ABOUT_A_PERSON:
        return PermanentFailure(f"Discord refused it because of a person ({error_summary(error)})")
    return _by_status(error)


def _temporary(error: discord.HTTPException | LimitReached, delivery: Delivery) -> RetryLater:
    longest = LONGEST_EDIT_WAIT_SECONDS if error.code == EDIT_LIMIT else LONGEST_WAIT_SECONDS
    growing = min(longest, FIRST_WAIT_SECONDS * 2.0 ** min(delivery.attempts, 10))
    meaning = QueueLimited if delivery.kind in _LIMITED_TOGETHER else RetryLater
    return meaning(f"{_TEMPORARY[error.code]} ({error.code})", seconds=max(growing, _retry_after(error)))


def _retry_after(error: discord.HTTPException | LimitReached) -> float:
    return error.seconds if isinstance(error, LimitReached) else 0.0


def _by_status(error: discord.HTTPException) -> DeliveryError:
    if error.status == 400 or is_text_refused(error):
        return PermanentFailure(f"Discord refused it ({error_summary(error)})")
    if error.status == 401:
        return BotForbidden(
            "Discord does not accept the token. Copy a new one from the developer portal, page Bot.",
            seconds=INVALID_TOKEN_BACKOFF,
        )
    if error.status in (403, 404):
        return ChannelForbidden(f"Discord refuses ({error.status} {error.code}: {error.text}).")
    return _rate_limited(error) if error.status == 429 else UnknownOutcome(f"Discord answered {error.status}")


def is_temporary(error: discord.HTTPException) -> bool:
    """Whether the same request succeeds later, without anyone doing anything."""
    return error.code in _TEMPORARY or error.code in _WRITE_LIMITS or error.status not in (400, 403, 404)


def is_text_refused(error: discord.HTTPException) -> bool:
    """Whether Discord rejects what is written: without the player's text, the same request may succeed."""
    if error.code in _REFUSED_TEXTS:
        return True
    other = {THREAD_EXISTS, *_TEMPORARY, *_WRITE_LIMITS, *_ABOUT_A_PERSON}
    return error.status == 400 and error.code not in other


def error_summary(error: discord.HTTPException) -> str:
    """Status, code and fields, without Discord's sentences: they may quote what a player wrote."""
    fields = ", ".join(dict.fromkeys(_FIELD_PATTERN.findall(error.text)))
    return f"{error.status} {error.code}" + (f" in {fields}"[:200] if fields else "")


def _rate_limited(error: discord.HTTPException) -> RateLimited | BotForbidden:
    if is_cloudflare_ban(error):
        reason = "Cloudflare, in front of Discord, blocks this address for a while (429)."
        return BotForbidden(reason, seconds=CLOUDFLARE_BAN_BACKOFF)
    return RateLimited("Discord's rate limit, again and again", seconds=RETRY_DELAY_SECONDS)
