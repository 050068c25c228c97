"""What people write to the bot in a direct message: staff do not see it, and its author is told so."""

import logging
import time

import discord

from bot.discord_client.client import TicketBot
from bot.i18n.translations import ENGLISH, set_language
from bot.i18n.translations import gettext as _
from cogs.core.errors import TRANSIENT_ERRORS

log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 60.0  # between two answers to one person


class DirectMessageAnswers:
    """Answers what people write to the bot, at most once a minute to each."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._answered_at: dict[int, float] = {}  # monotonic seconds, by Discord id

    async def answer(self, message: discord.Message) -> None:
        """Say how staff are answered. Ignores bots, this one too."""
        now = time.monotonic()
        recent = {one: at for one, at in self._answered_at.items() if now < at + _INTERVAL_SECONDS}
        if message.author.bot or message.author.id in recent:
            return
        self._answered_at = recent | {message.author.id: now}
        try:
            preferences = await self.bot.store.members.get_preferences(message.author.id)
            set_language(preferences.locale or ENGLISH)
            await message.reply(_answer(), mention_author=False)
        except TRANSIENT_ERRORS as error:
            log.warning("A direct message was not answered: %s", error, extra={"message_id": message.id})


def _answer() -> str:
    return _(
        "Staff do not see what is written here. To answer them, press **Reply** below their message, or use "
        "`/ticket reply` in the server. `/privacy messages` changes what I send you."
    )
