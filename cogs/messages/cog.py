"""What people type around tickets: each message processed at least once, live or after a disconnect."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord.ext import commands, tasks

from bot.discord_client.client import TicketBot
from cogs.core.errors import TRANSIENT_ERRORS
from cogs.messages.backfill import ReadMarks, backfill_missed_messages
from cogs.messages.direct_messages import DirectMessageAnswers
from cogs.messages.typed_replies import TypedReplies
from storage import StorageError

log = logging.getLogger(__name__)

_SAVE_SECONDS = 3.0  # between two saves of the read marks; a message that is processed again does no harm
_RETRY_SECONDS = (
    150.0  # until a failed backfill is tried again: fewer than six forbidden requests in ten minutes
)


class MessagesCog(commands.Cog):
    """Message -> its channel's turn -> deleted, saved as a reply or left alone -> read mark.

    Live messages wait for earlier ones of their channel, and for its backfill. Channels do not wait for each
    other.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self.read_marks = ReadMarks()
        self.replies = TypedReplies(bot)
        self._backfill_lock = asyncio.Lock()
        self._running_tasks: set[asyncio.Task[Any]] = set()
        self._direct_messages = DirectMessageAnswers(bot)
        self._is_connected = False  # to the gateway
        self._last_backfill_at = 0.0

    async def cog_load(self) -> None:
        self.save_loop.start()

    async def cog_unload(self) -> None:
        self.save_loop.cancel()
        for task in self._running_tasks:
            task.cancel()
        await asyncio.gather(*self._running_tasks, return_exceptions=True)
        await self._save_marks()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.guild is None:
            await self._direct_messages.answer(message)
            return
        channel_id = message.channel.id
        if self.read_marks.is_full(channel_id):
            self.read_marks.fall_behind([channel_id])
            return
        async with self._cancelled_on_unload(), self.read_marks.turn(channel_id):
            if await self._process(message):
                self.read_marks.advance_live(channel_id, message.id)

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self._is_connected = False
        self.read_marks.pause()
        await self._save_marks()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        await self._backfill()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        await self._backfill()

    @tasks.loop(seconds=_SAVE_SECONDS)
    async def save_loop(self) -> None:
        await self._save_marks()
        is_due = time.monotonic() - self._last_backfill_at > _RETRY_SECONDS
        is_missing = not (self.read_marks.is_complete or self._backfill_lock.locked())
        if self._is_connected and is_due and is_missing:
            await self._backfill()

    async def _process(self, message: discord.Message) -> bool:
        """Whether it was processed, in a channel with a read mark. After an error the channel is behind."""
        channel_id = message.channel.id
        try:
            is_own = self.bot.user is not None and message.author.id == self.bot.user.id
            if not is_own and await self.bot.store.read_marks.ticket_channels([channel_id]):
                await self.replies.process(message)
                return True
            return is_own
        except BaseException as error:  # also cancelled, or a bug: no later message may move the mark
            self.read_marks.fall_behind([channel_id])
            if not isinstance(error, TRANSIENT_ERRORS):
                raise
            log.warning(
                "A message could not be processed, and is tried again later: %s",
                error,
                extra={"message_id": message.id, "channel_id": channel_id},
            )
            return False

    async def _backfill(self) -> None:
        """One at a time, and only for the latest connection; marks are paused until the missing is known."""
        self._is_connected, self._last_backfill_at = True, time.monotonic()
        pause = self.read_marks.pause()
        async with self._cancelled_on_unload(), self._backfill_lock:
            if not self.read_marks.begin_backfill(pause):
                return
            self.replies.clear_member_cache()
            try:
                await backfill_missed_messages(self.bot, self.read_marks, pause, self._process)
            except StorageError as error:
                log.error("Missed messages could not be read, and are tried again later: %s", error)

    @asynccontextmanager
    async def _cancelled_on_unload(self) -> AsyncIterator[None]:
        """The library does not cancel a listener that is running when its cog is unloaded."""
        task = asyncio.current_task()
        if task is not None:
            self._running_tasks.add(task)
        try:
            yield
        finally:
            if task is not None:
                self._running_tasks.discard(task)

    async def _save_marks(self) -> None:
        marks = self.read_marks.unsaved()
        if not marks:
            return
        try:
            await self.bot.store.read_marks.save(marks)
        except StorageError as error:
            log.warning("Read marks could not be saved: %s", error)
        else:
            self.read_marks.mark_saved(marks)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(MessagesCog(bot))
