"""Messages in a workspace's log channel: sent once, edited later, not tried for a while after an error."""

import hashlib
import logging
import time
from collections.abc import Callable

import discord

from bot.discord_client.client import TicketBot
from bot.tickets.workspace import Workspace
from cogs.core.errors import DISCORD_ERRORS
from cogs.core.languages import guild_language

log = logging.getLogger(__name__)

REFUSED_BACKOFF_SECONDS = 600.0  # after Discord rejected a message to a log channel
TIMEOUT_BACKOFF_SECONDS = 30.0  # after it did not answer

# The colours of alerts: staff have to act; it goes on by itself; it is over.
ACTION_NEEDED, WARNING, RESOLVED = discord.Colour.red(), discord.Colour.orange(), discord.Colour.green()

_DESCRIPTION_LIMIT = 4096  # characters; Discord's limit


class LogChannels:
    """Sends and edits alerts. After an error a channel is left alone for a while; this is logged once."""

    def __init__(self, bot: TicketBot) -> None:
        self._bot = bot
        self._backoff_until: dict[int, float] = {}  # monotonic seconds, by channel

    async def send(self, channel_id: int, embed: discord.Embed, *, nonce_key: str) -> int | None:
        """Send an alert; returns the message's id, or None if it could not be sent.

        Sent again within minutes with the same `nonce_key`, it is the same message.
        """
        if self._is_backing_off(channel_id):
            return None
        nonce = hashlib.blake2b(nonce_key.encode(), digest_size=12).hexdigest()
        try:
            message = await _send_alert(self._bot, channel_id, embed, nonce)
        except DISCORD_ERRORS as error:
            self._back_off(channel_id, error)
            return None
        self._backoff_until.pop(channel_id, None)
        return message.id

    async def edit(self, channel_id: int, message_id: int, embed: discord.Embed) -> bool:
        """Whether the message shows that now, or was deleted by someone who has read it."""
        if self._is_backing_off(channel_id):
            return False
        message = self._bot.get_partial_messageable(channel_id).get_partial_message(message_id)
        try:
            await message.edit(embed=embed, allowed_mentions=discord.AllowedMentions.none())
        except discord.NotFound:
            return True
        except DISCORD_ERRORS as error:
            self._back_off(channel_id, error)
            return False
        self._backoff_until.pop(channel_id, None)
        return True

    def retry(self, channel_id: int) -> None:
        """Send to the channel again from now on: what it was refused for may be repaired."""
        self._backoff_until.pop(channel_id, None)

    def _is_backing_off(self, channel_id: int) -> bool:
        return self._backoff_until.get(channel_id, 0.0) > time.monotonic()

    def _back_off(self, channel_id: int, error: Exception) -> None:
        if channel_id not in self._backoff_until:
            log.error(
                "No alert can be sent to the log channel: %s",
                str(error)[:200],
                extra={"channel_id": channel_id},
            )
        is_refused = isinstance(error, discord.HTTPException) and error.status < 500
        self._backoff_until[channel_id] = time.monotonic() + (
            REFUSED_BACKOFF_SECONDS if is_refused else TIMEOUT_BACKOFF_SECONDS
        )


async def notify(bot: TicketBot, workspace: Workspace, draw: Callable[[], discord.Embed]) -> None:
    """Send a notice to the workspace's log channel, if it has one. If that fails, it is only logged.

    `draw` is called with the server's language set, which may not be that of who caused the notice.
    """
    if workspace.log_channel_id is None:
        return
    with guild_language(bot, workspace.guild_id):
        embed = draw()
    try:
        await _send_alert(bot, workspace.log_channel_id, embed)
    except DISCORD_ERRORS as error:
        log.warning(
            "A notice could not be sent to the log channel: %s",
            type(error).__name__,
            extra={"workspace_id": workspace.id, "channel_id": workspace.log_channel_id},
        )


async def _send_alert(
    bot: TicketBot, channel_id: int, embed: discord.Embed, nonce: str | None = None
) -> discord.Message:
    return await bot.get_partial_messageable(channel_id).send(
        embed=embed,
        nonce=nonce,  # type: ignore[arg-type]  # None is its default
        allowed_mentions=discord.AllowedMentions.none(),
        silent=True,
    )


def alert_embed(text: str, colour: discord.Colour) -> discord.Embed:
    return discord.Embed(description=text[:_DESCRIPTION_LIMIT], colour=colour)
