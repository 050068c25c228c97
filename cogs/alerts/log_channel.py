"""Log channels: a message said there once and then reworded, and what becomes of one that takes nothing."""

import hashlib
import logging
import time

import discord

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.tickets.workspace import Workspace

log = logging.getLogger(__name__)

REFUSED_BACKOFF_SECONDS = 600.0  # for which a log channel that refuses is left alone
TIMEOUT_BACKOFF_SECONDS = 30.0  # for which one is that did not answer

_COLOUR = discord.Colour(0xE67E22)
_DESCRIPTION_LIMIT = 4096  # characters; Discord's limit
_DISCORD_ERRORS: tuple[type[Exception], ...] = (discord.DiscordException, *NETWORK_ERRORS)
_SEND_ERRORS: tuple[type[Exception], ...] = (discord.HTTPException, discord.RateLimited, *NETWORK_ERRORS)


class LogChannels:
    """Says and rewords. A channel that takes nothing is noted in the log once, and left alone for a while."""

    def __init__(self, bot: TicketBot) -> None:
        self._bot = bot
        self._backoff_until: dict[int, float] = {}  # until when, by channel

    async def send(self, channel_id: int, text: str, *, nonce_key: str) -> int | None:
        """The message's id; None if it was not said. Said again soon with the same `mark`, it is that one."""
        if self._is_backing_off(channel_id):
            return None
        try:
            message = await self._bot.get_partial_messageable(channel_id).send(
                embed=alert_embed(text),
                nonce=hashlib.blake2b(nonce_key.encode(), digest_size=12).hexdigest(),
                allowed_mentions=discord.AllowedMentions.none(),
                silent=True,
            )
        except _SEND_ERRORS as error:
            self._back_off(channel_id, error)
            return None
        self._backoff_until.pop(channel_id, None)
        return message.id

    async def edit(self, channel_id: int, message_id: int, text: str) -> bool:
        """Whether it says that now, or is gone: somebody who deleted it need not be told again."""
        if self._is_backing_off(channel_id):
            return False
        message = self._bot.get_partial_messageable(channel_id).get_partial_message(message_id)
        try:
            await message.edit(embed=alert_embed(text), allowed_mentions=discord.AllowedMentions.none())
        except discord.NotFound:
            return True
        except _SEND_ERRORS as error:
            self._back_off(channel_id, error)
            return False
        self._backoff_until.pop(channel_id, None)
        return True

    def _is_backing_off(self, channel_id: int) -> bool:
        return self._backoff_until.get(channel_id, 0.0) > time.monotonic()

    def _back_off(self, channel_id: int, error: Exception) -> None:
        if channel_id not in self._backoff_until:
            log.error("The log channel %d takes nothing: %s", channel_id, str(error)[:200])
        refused = isinstance(error, discord.HTTPException) and error.status < 500
        self._backoff_until[channel_id] = time.monotonic() + (
            REFUSED_BACKOFF_SECONDS if refused else TIMEOUT_BACKOFF_SECONDS
        )


def alert_embed(text: str) -> discord.Embed:
    """How anything looks that is said in a log channel."""
    return discord.Embed(description=text[:_DESCRIPTION_LIMIT], colour=_COLOUR)


async def notify(bot: TicketBot, workspace: Workspace, text: str) -> None:
    """Say `text` in the workspace's log channel, if it has one, and in the log in any case.

    `text` is in our words and ids alone, for it is logged: never a subject, a name or anything else that
    somebody wrote. What cannot be sent is only logged.
    """
    log.warning("Workspace %s: %s", workspace.id, text)
    if workspace.log_channel_id is None:
        return
    channel = bot.get_partial_messageable(workspace.log_channel_id, guild_id=workspace.guild_id)
    try:
        await channel.send(
            embed=alert_embed(text), allowed_mentions=discord.AllowedMentions.none(), silent=True
        )
    except _DISCORD_ERRORS as error:
        log.warning(
            "Workspace %s: its log channel %d takes no notice: %s",
            *(workspace.id, workspace.log_channel_id, type(error).__name__),
        )
