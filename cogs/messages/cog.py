"""What people type around tickets, heard live or afterwards, in one way: removed, kept, or let be."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord.ext import commands, tasks

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.tickets.errors import TicketClosed, ViewOnly
from cogs.messages.backfill import backfill_missed_messages
from cogs.messages.read_marks import ReadMarks
from cogs.messages.typed_replies import TypedReplies
from cogs.messages.view_only import delete_with_reason, ticket_being_answered
from storage import StorageError

log = logging.getLogger(__name__)

# What people type; every other type is Discord's own: pins, renamed threads, new members.
_USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)
_PERSIST_SECONDS = 3.0  # between two times that marks are written down; what is heard twice does no harm
_RETRY_SECONDS = (
    150.0  # until what could not be gone through is tried again: below six refusals in ten minutes
)
_TRANSIENT_ERRORS: tuple[type[Exception], ...] = (StorageError, discord.DiscordException, *NETWORK_ERRORS)


class MessagesCog(commands.Cog):
    """Message -> does it answer a post, or stand in a thread on one? -> what may it do there?

    Under a game report: removed, with a notice. In the thread of any other ticket, from staff, where typed
    replies are on: kept as a reply. Without them nothing typed is ever read.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self.read_marks = ReadMarks()
        self.replies = TypedReplies(bot)
        self._backfill_lock = asyncio.Lock()
        self._running_tasks: set[asyncio.Task[Any]] = set()
        self._is_connected = False  # the gateway
        self._last_backfill_at = 0.0

    async def cog_load(self) -> None:
        self.persist_loop.start()

    async def cog_unload(self) -> None:
        self.persist_loop.cancel()
        for task in self._running_tasks:
            task.cancel()
        await asyncio.gather(*self._running_tasks, return_exceptions=True)
        await self._persist_marks()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.guild is not None:
            await self.handle_message(message)

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self._is_connected = False
        self.read_marks.pause()
        await self._persist_marks()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        await self._backfill()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        await self._backfill()

    @tasks.loop(seconds=_PERSIST_SECONDS)
    async def persist_loop(self) -> None:
        await self._persist_marks()
        is_due = time.monotonic() - self._last_backfill_at > _RETRY_SECONDS
        if (
            self._is_connected
            and is_due
            and not (self.read_marks.is_complete or self._backfill_lock.locked())
        ):
            await self._backfill()

    async def handle_message(self, message: discord.Message) -> None:
        """The one entry, for what comes live and for what was missed. One that fails leaves a gap."""
        place_id = message.channel.id
        self.read_marks.start(place_id, message.id)
        try:
            matters = self._is_own(message) or await self._is_ticket_channel(place_id)
            if matters:
                await self._process_message(message)
        except _TRANSIENT_ERRORS as error:
            self.read_marks.fail(place_id, message.id)
            log.warning("Message %d could not be seen to; it is looked at again: %s", message.id, error)
        else:
            (self.read_marks.finish if matters else self.read_marks.ignore)(place_id, message.id)

    async def _is_ticket_channel(self, channel_id: int) -> bool:
        return bool(await self.bot.store.ticket_channels([channel_id]))

    async def _process_message(self, message: discord.Message) -> None:
        if message.type not in _USER_MESSAGE_TYPES or self._is_own(message):
            return
        ticket = await ticket_being_answered(self.bot.store, message)
        if ticket is None:
            return
        try:
            ticket.ensure_replies_allowed()
        except ViewOnly as refusal:
            await delete_with_reason(message, ticket, refusal)
            return
        except TicketClosed:
            pass  # staff may go on talking; who means to reply is told below
        if self.bot.typed_replies:
            await self.replies.store_reply(message, ticket)

    def _is_own(self, message: discord.Message) -> bool:
        return self.bot.user is not None and message.author.id == self.bot.user.id

    async def _backfill(self) -> None:
        """Once at a time, and not for a connection that is gone again: marks stay where they are then."""
        self._is_connected, self._last_backfill_at = True, time.monotonic()
        since = self.read_marks.pause()
        async with self._cancelled_on_unload(), self._backfill_lock:
            if not self.read_marks.is_latest_pause(since):
                return
            self.replies.clear_member_cache()
            try:
                await backfill_missed_messages(self.bot, self.read_marks, self.handle_message)
            except StorageError as error:
                log.error("What was missed could not be gone through; it is tried again. %s", error)
                return
        self.read_marks.resume(since)

    @asynccontextmanager
    async def _cancelled_on_unload(self) -> AsyncIterator[None]:
        """The library does not end a listener that is under way."""
        task = asyncio.current_task()
        if task is not None:
            self._running_tasks.add(task)
        try:
            yield
        finally:
            if task is not None:
                self._running_tasks.discard(task)

    async def _persist_marks(self) -> None:
        marks = self.read_marks.pending_marks()
        if not marks:
            return
        try:
            await self.bot.store.save_read_marks(marks)
        except StorageError as error:
            log.warning("How far people were heard could not be kept: %s", error)
        else:
            self.read_marks.mark_persisted(marks)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(MessagesCog(bot))
