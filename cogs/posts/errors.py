"""Discord's error codes, and what each means to the delivery that met it.

Reasons are English in the database and in the log; `translate_reason` translates them for Discord.
"""

import re

import discord

from bot.discord_client.client import CLOUDFLARE_BAN_BACKOFF, INVALID_TOKEN_BACKOFF, is_cloudflare_ban
from bot.discord_client.middlewares import LimitReached
from bot.i18n.translations import translate
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
from bot.tickets.sentence import Sentence, read_sentence

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
    20016: Sentence("The channel's slowmode holds it back ({code})"),
    20022: Sentence("Discord limits edits of announcements ({code})"),
    EDIT_LIMIT: Sentence("Discord limits edits of messages older than an hour ({code})"),
    40004: Sentence("Discord has switched off sending messages for a while ({code})"),
    40006: Sentence("Discord has switched this off for a while ({code})"),
    40062: Sentence("Discord limits this for a while ({code})"),
    # Since it was looked at: the next attempt opens it first.
    50083: Sentence("Its thread is archived ({code})"),
    110001: Sentence("Discord is not ready for this yet ({code})"),
    130000: Sentence("Discord is overloaded ({code})"),
    THREAD_LIMIT: Sentence(
        "The server has as many active threads as Discord allows. Archive some that nobody needs ({code})"
    ),
    160007: Sentence("The server has as many active announcement threads as Discord allows ({code})"),
}
# Limits of all that is sent to the channel or the server: others are refused as well.
_WRITE_LIMITS = {
    20028: Sentence("Discord's write limit of the channel ({code})"),
    20029: Sentence("Discord's write limit of the server ({code})"),
}
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

_RATE_LIMIT = Sentence("Discord's rate limit")
_OTHER_LIMIT = Sentence("A limit of Discord's ({code})")
_RATE_LIMIT_AGAIN = Sentence("Discord's rate limit, again and again")
_POST_DELETED = Sentence("the post was deleted in Discord")
_REFUSED_FOR_PERSON = Sentence("Discord refused it because of a person ({error})")
_REFUSED = Sentence("Discord refused it ({error})")
_TOKEN_REFUSED = Sentence(
    "Discord does not accept the token. Copy a new one from the developer portal, page Bot."
)
_FORBIDDEN = Sentence("Discord refuses ({status} {code}: {text}).")
_SERVER_ERROR = Sentence("Discord answered {status}")
_CLOUDFLARE = Sentence("Cloudflare, in front of Discord, blocks this address for a while (429).")
CHANGE_REFUSED = Sentence("Discord refused the change, and the post stays as it was ({error})")
NOT_POSTED_YET = Sentence("its post or thread is not in Discord yet")
MAKING_ROOM = Sentence("other threads were archived to make room")
TARGET_DELETED = Sentence("its channel or thread was deleted")
UNREACHABLE = Sentence("Discord cannot be reached: {error}")
NO_TEXT_CHANNEL = Sentence("channel {channel_id} is not a text channel; give the workspace one")
IS_A_THREAD = Sentence("channel {channel_id} is a thread; give the workspace a text channel")
NO_RESPONSE = Sentence("no response within {seconds} s")  # the dispatcher's own
_REASONS = (
    *_TEMPORARY.values(),
    *_WRITE_LIMITS.values(),
    *(_RATE_LIMIT, _RATE_LIMIT_AGAIN, _OTHER_LIMIT, _POST_DELETED, _REFUSED_FOR_PERSON, _REFUSED),
    *(_TOKEN_REFUSED, _FORBIDDEN, _SERVER_ERROR, _CLOUDFLARE, CHANGE_REFUSED, NOT_POSTED_YET, MAKING_ROOM),
    *(TARGET_DELETED, UNREACHABLE, NO_TEXT_CHANNEL, IS_A_THREAD, NO_RESPONSE),
)

RequestError = discord.HTTPException | discord.RateLimited | LimitReached


def translate_reason(reason: str) -> str:
    """Translate the reason why a delivery waits or failed; one that is not known stays as it is."""
    sentence = read_sentence(reason, _REASONS)
    return reason if sentence is None else translate(sentence)


def classify_error(error: RequestError, delivery: Delivery) -> DeliveryError:
    """Translate an error of Discord's for the dispatcher.

    Only a request that Discord understood and rejected fails for good. After any other error the request may
    have been carried out, or may be later.
    """
    if isinstance(error, discord.RateLimited):
        return RateLimited(str(_RATE_LIMIT), seconds=error.retry_after)
    if error.code in _TEMPORARY:
        return _temporary(error, delivery)
    if isinstance(error, LimitReached) or error.code in _WRITE_LIMITS:
        reason = _WRITE_LIMITS.get(error.code, _OTHER_LIMIT).with_parts(code=error.code)
        return RateLimited(str(reason), seconds=_retry_after(error) or RETRY_DELAY_SECONDS)
    if error.code == UNKNOWN_MESSAGE:
        return PermanentFailure(str(_POST_DELETED))
    if error.code in _ABOUT_A_PERSON:
        return PermanentFailure(str(_REFUSED_FOR_PERSON.with_parts(error=error_summary(error))))
    return _by_status(error)


def _temporary(error: discord.HTTPException | LimitReached, delivery: Delivery) -> RetryLater:
    longest = LONGEST_EDIT_WAIT_SECONDS if error.code == EDIT_LIMIT else LONGEST_WAIT_SECONDS
    growing = min(longest, FIRST_WAIT_SECONDS * 2.0 ** min(delivery.attempts, 10))
    meaning = QueueLimited if delivery.kind in _LIMITED_TOGETHER else RetryLater
    reason = _TEMPORARY[error.code].with_parts(code=error.code)
    return meaning(str(reason), seconds=max(growing, _retry_after(error)))


def _retry_after(error: discord.HTTPException | LimitReached) -> float:
    return error.seconds if isinstance(error, LimitReached) else 0.0


def _by_status(error: discord.HTTPException) -> DeliveryError:
    if error.status == 400 or is_text_refused(error):
        return PermanentFailure(str(_REFUSED.with_parts(error=error_summary(error))))
    if error.status == 401:
        return BotForbidden(str(_TOKEN_REFUSED), seconds=INVALID_TOKEN_BACKOFF)
    if error.status in (403, 404):
        reason = _FORBIDDEN.with_parts(status=error.status, code=error.code, text=error.text)
        return ChannelForbidden(str(reason))
    if error.status == 429:
        return _rate_limited(error)
    return UnknownOutcome(str(_SERVER_ERROR.with_parts(status=error.status)))


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
        return BotForbidden(str(_CLOUDFLARE), seconds=CLOUDFLARE_BAN_BACKOFF)
    return RateLimited(str(_RATE_LIMIT_AGAIN), seconds=RETRY_DELAY_SECONDS)
