"""What people type around tickets, heard live or afterwards, in one way: removed, kept, or let be."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord.ext import commands, tasks

from bot.discord_client.client import UNREACHABLE, TicketBot
from bot.tickets import TicketClosed, ViewOnly
from cogs.messages.backfill import hear_what_was_missed
from cogs.messages.read_marks import Hearing
from cogs.messages.typed_replies import TypedReplies
from cogs.messages.view_only import answered, remove
from storage import StorageError

log = logging.getLogger(__name__)

# What people type; every other type is Discord's own: pins, renamed threads, new members.
_TYPED = (discord.MessageType.default, discord.MessageType.reply)
_KEEP_SECONDS = 3.0  # between two times that marks are written down; what is heard twice does no harm
_AGAIN_SECONDS = (
    150.0  # until what could not be gone through is tried again: below six refusals in ten minutes
)
_LATER: tuple[type[Exception], ...] = (StorageError, discord.DiscordException, *UNREACHABLE)


class Typed(commands.Cog):
    """Message -> does it answer a post, or stand in a thread on one? -> what may it do there?

    Under a game report: removed, with a notice. In the thread of any other ticket, from staff, where typed
    replies are on: kept as a reply. Without them nothing typed is ever read.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self.hearing = Hearing()
        self.replies = TypedReplies(bot)
        self._catching_up = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._is_there = False  # the gateway
        self._tried = 0.0

    async def cog_load(self) -> None:
        self.keep_up.start()

    async def cog_unload(self) -> None:
        self.keep_up.cancel()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._keep_marks()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if message.guild is not None:
            await self.hear(message)

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        self._is_there = False
        self.hearing.freeze()
        await self._keep_marks()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        await self._catch_up()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        await self._catch_up()

    @tasks.loop(seconds=_KEEP_SECONDS)
    async def keep_up(self) -> None:
        await self._keep_marks()
        is_due = time.monotonic() - self._tried > _AGAIN_SECONDS
        if self._is_there and is_due and not (self.hearing.whole or self._catching_up.locked()):
            await self._catch_up()

    async def hear(self, message: discord.Message) -> None:
        """The one entry, for what comes live and for what was missed. One that fails leaves a gap."""
        place_id = message.channel.id
        self.hearing.begin(place_id, message.id)
        try:
            matters = self._is_own(message) or await self._is_about_tickets(place_id)
            if matters:
                await self._answer(message)
        except _LATER as error:
            self.hearing.miss(place_id, message.id)
            log.warning("Message %d could not be seen to; it is looked at again: %s", message.id, error)
        else:
            (self.hearing.finish if matters else self.hearing.pass_by)(place_id, message.id)

    async def _is_about_tickets(self, place_id: int) -> bool:
        return bool(await self.bot.store.places_of_tickets([place_id]))

    async def _answer(self, message: discord.Message) -> None:
        if message.type not in _TYPED or self._is_own(message):
            return
        ticket = await answered(self.bot.store, message)
        if ticket is None:
            return
        try:
            ticket.accept_replies()
        except ViewOnly as refusal:
            await remove(message, ticket, refusal)
            return
        except TicketClosed:
            pass  # staff may go on talking; who means to reply is told below
        if self.bot.typed_replies:
            await self.replies.keep(message, ticket)

    def _is_own(self, message: discord.Message) -> bool:
        return self.bot.user is not None and message.author.id == self.bot.user.id

    async def _catch_up(self) -> None:
        """Once at a time, and not for a connection that is gone again: marks stay where they are then."""
        self._is_there, self._tried = True, time.monotonic()
        since = self.hearing.freeze()
        async with self._ends_with_the_cog(), self._catching_up:
            if not self.hearing.is_last(since):
                return
            self.replies.forget_members()
            try:
                await hear_what_was_missed(self.bot, self.hearing, self.hear)
            except StorageError as error:
                log.error("What was missed could not be gone through; it is tried again. %s", error)
                return
        self.hearing.thaw(since)

    @asynccontextmanager
    async def _ends_with_the_cog(self) -> AsyncIterator[None]:
        """The library does not end a listener that is under way."""
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        try:
            yield
        finally:
            if task is not None:
                self._under_way.discard(task)

    async def _keep_marks(self) -> None:
        marks = self.hearing.marks()
        if not marks:
            return
        try:
            await self.bot.store.keep_heard(marks)
        except StorageError as error:
            log.warning("How far people were heard could not be kept: %s", error)
        else:
            self.hearing.kept(marks)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Typed(bot))
