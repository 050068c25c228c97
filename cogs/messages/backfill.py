"""Read marks: how far each channel was processed, and the backfill of messages missed while disconnected."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import discord

from bot.discord_client.client import TicketBot
from cogs.core.errors import TRANSIENT_ERRORS
from cogs.posts.send import ChannelOrThread

log = logging.getLogger(__name__)

MessageHandler = Callable[[discord.Message], Awaitable[object]]

# Its mark is the newest message of all when this database was first used: nothing older is read.
BASELINE_ID = 0
MAX_MARK_LAG = timedelta(minutes=10)  # by which the newest saved mark may be behind
MAX_WAITING = 1000  # live messages of one channel; more are left to its backfill
_MAX_CONCURRENT = 8  # channels backfilled at once; within one, each reaction waits for Discord's rate limit


@dataclass(slots=True)
class _Turns:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0  # and the one whose turn it is


class ReadMarks:
    """Per channel, the id of the last message processed, one at a time and in order. Does no I/O.

    A mark moves only while no earlier message can be missing: not between a disconnect and the channel's
    backfill, nor between a message that failed and the next backfill. It begins paused.
    """

    def __init__(self) -> None:
        self._turns: defaultdict[int, _Turns] = defaultdict(_Turns)
        self._unsaved: dict[int, int] = {}
        self._behind: set[int] = set()  # channels that have to be backfilled from their marks
        self._pauses = 1
        self._backfilled_pause = 0

    @asynccontextmanager
    async def turn(self, channel_id: int) -> AsyncIterator[None]:
        """Wait until all earlier turns in that channel are over: first in, first out."""
        turns = self._turns[channel_id]
        turns.waiting += 1
        try:
            async with turns.lock:
                yield
        finally:
            turns.waiting -= 1
            if not turns.waiting:
                del self._turns[channel_id]

    def is_full(self, channel_id: int) -> bool:
        return channel_id in self._turns and self._turns[channel_id].waiting >= MAX_WAITING

    def advance(self, channel_id: int, message_id: int) -> None:
        """A message was processed, with all before it that the channel's history has since its mark."""
        if channel_id not in self._behind:
            self._unsaved[channel_id] = max(message_id, self._unsaved.get(channel_id, 0))

    def advance_live(self, channel_id: int, message_id: int) -> None:
        """A message from the gateway was processed; the gateway may have missed earlier ones."""
        if not self._is_paused:
            self.advance(channel_id, message_id)

    def fall_behind(self, channel_ids: Collection[int]) -> None:
        """Messages were missed, or failed: the marks stay where they are until these channels' backfill."""
        self._behind.update(channel_ids)

    def pause(self) -> int:
        """Any channel may miss messages from now on. Returns the number of this pause."""
        self._pauses += 1
        return self._pauses

    def begin_backfill(self, pause: int) -> bool:
        """Whether that pause is the latest; after a later one, its own backfill follows."""
        if pause == self._pauses:
            self._behind.clear()  # while paused, every channel is
        return pause == self._pauses

    def resume(self, pause: int, to_backfill: Collection[int]) -> None:
        """These channels may have missed messages, and no others. Marks stay paused after a later pause."""
        self.fall_behind(to_backfill)
        self._backfilled_pause = pause

    def catch_up(self, channel_id: int) -> None:
        """The channel's history is read from its mark now, in its turn."""
        self._behind.discard(channel_id)

    @property
    def _is_paused(self) -> bool:
        return self._backfilled_pause != self._pauses

    @property
    def is_complete(self) -> bool:
        """Whether no channel has to be backfilled."""
        return not self._is_paused and not self._behind

    def unsaved(self) -> dict[int, int]:
        return dict(self._unsaved)

    def mark_saved(self, marks: Mapping[int, int]) -> None:
        self._unsaved = {
            channel: mark for channel, mark in self._unsaved.items() if mark > marks.get(channel, 0)
        }


async def backfill_missed_messages(
    bot: TicketBot, marks: ReadMarks, pause: int, process: MessageHandler
) -> None:
    """Process the messages that each channel has since its mark, oldest first. Raises StorageError.

    `process` handles its own errors. A channel that cannot be read stays behind, and delays no other.
    """
    channels = await _channels_to_backfill(bot)
    saved = await bot.store.read_marks.get([BASELINE_ID, *(channel.id for channel in channels)])
    if BASELINE_ID not in saved:
        saved[BASELINE_ID] = max(
            (_newest_message_id(channel) for channel in _cached_channels(bot)), default=0
        )
        await bot.store.read_marks.save({BASELINE_ID: saved[BASELINE_ID]})
    for channel_id, mark in marks.unsaved().items():
        saved[channel_id] = max(mark, saved.get(channel_id, 0))
    marks.resume(pause, [channel.id for channel in channels])
    slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def backfill(channel: ChannelOrThread) -> None:
        async with slots, marks.turn(channel.id):
            await _backfill_channel(marks, channel, _backfill_start(channel, saved), process)

    async with asyncio.TaskGroup() as tasks:
        for channel in channels:
            tasks.create_task(backfill(channel))


async def _backfill_channel(
    marks: ReadMarks, channel: ChannelOrThread, after: int, process: MessageHandler
) -> None:
    """Up to the newest message there is now; later ones wait for their turn."""
    marks.catch_up(channel.id)
    newest, count = _newest_message_id(channel), 0
    try:
        if newest > after:
            if isinstance(channel, discord.Thread) and channel.archived:
                await channel.edit(
                    archived=False
                )  # nothing can be deleted or confirmed in an archived thread
            window = {"after": discord.Object(after), "before": discord.Object(newest + 1)}
            async for message in channel.history(limit=None, oldest_first=True, **window):
                await process(message)
                marks.advance(channel.id, message.id)
                count += 1
            log.info("Processed %d messages since %d", count, after, extra={"channel_id": channel.id})
    except BaseException as error:  # also cancelled, or a bug: no later message may move the mark
        marks.fall_behind([channel.id])
        if not isinstance(error, TRANSIENT_ERRORS):
            raise
        log.warning("Missed messages could not be read: %s", error, extra={"channel_id": channel.id})
    else:
        marks.advance(channel.id, newest)


def _backfill_start(channel: ChannelOrThread, marks: Mapping[int, int]) -> int:
    """The last message not to read. Without a mark a channel begins now, a thread with its creation."""
    if isinstance(channel, discord.Thread):
        return marks.get(channel.id, max(channel.id, marks[BASELINE_ID]))
    return marks.get(channel.id, _newest_message_id(channel))


async def _channels_to_backfill(bot: TicketBot) -> list[ChannelOrThread]:
    """The channels of workspaces and posts, and the threads on posts, also those archived meanwhile."""
    cached = {channel.id: channel for channel in _cached_channels(bot)}
    named = [workspace.channel_ids for workspace in await bot.store.workspaces.list_all()]
    relevant = (await bot.store.read_marks.ticket_channels(list(cached))).union(*named)
    newest = await bot.store.read_marks.latest()
    for channel in [cached[channel_id] for channel_id in relevant if channel_id in cached] if newest else []:
        if isinstance(channel, discord.TextChannel):
            since = discord.utils.snowflake_time(newest) - MAX_MARK_LAG
            cached.update({thread.id: thread for thread in await _archived_threads_since(channel, since)})
    relevant |= await bot.store.read_marks.ticket_channels(list(cached))
    return [channel for channel_id, channel in cached.items() if channel_id in relevant]


async def _archived_threads_since(channel: discord.TextChannel, since: datetime) -> list[discord.Thread]:
    """Public threads archived since then, which no cache has; none where Discord does not list them."""
    threads: list[discord.Thread] = []
    try:
        async for thread in channel.archived_threads(limit=None):
            if thread.archive_timestamp < since:
                break
            threads.append(thread)
    except TRANSIENT_ERRORS as error:
        log.warning("Archived threads could not be listed: %s", error, extra={"channel_id": channel.id})
    return threads


def _cached_channels(bot: TicketBot) -> Iterator[ChannelOrThread]:
    for guild in bot.guilds:
        yield from guild.text_channels
        yield from guild.threads


def _newest_message_id(channel: ChannelOrThread) -> int:
    """The id of the last message; the channel's own id if it has none."""
    return channel.last_message_id or channel.id
