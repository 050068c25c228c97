"""Going through what was typed while the gateway was away: place by place, from each one's mark."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta

import discord

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from cogs.messages.read_marks import ReadMarks
from storage import StorageError

log = logging.getLogger(__name__)

ChannelOrThread = discord.TextChannel | discord.Thread
MessageHandler = Callable[[discord.Message], Awaitable[None]]

# The mark under this id is the newest message there was when this database first listened to anything: what
# is older was never meant for it.
BASELINE_ID = 0
MAX_MARK_LAG = timedelta(minutes=10)  # by which a mark may be behind
_MAX_CONCURRENT = (
    8  # places gone through side by side; within one, each reaction waits for Discord's rate limit
)
_TRANSIENT_ERRORS: tuple[type[Exception], ...] = (StorageError, discord.DiscordException, *NETWORK_ERRORS)


async def backfill_missed_messages(
    bot: TicketBot, read_marks: ReadMarks, handle_message: MessageHandler
) -> None:
    """Give every missed message to `hear`, oldest first in its place. Raises StorageError.

    Which places have something new is known without asking. One that cannot be read keeps a gap, and is gone
    through again next time; the others do not wait for it.
    """
    places = await _channels_to_backfill(bot)
    marks = await bot.store.read_marks([BASELINE_ID, *(place.id for place in places)])
    if BASELINE_ID not in marks:
        marks[BASELINE_ID] = max((_newest_message_id(place) for place in _cached_channels(bot)), default=0)
        await bot.store.save_read_marks({BASELINE_ID: marks[BASELINE_ID]})
    turns = asyncio.Semaphore(_MAX_CONCURRENT)

    async def go_through(place: ChannelOrThread) -> None:
        async with turns:
            await _backfill_channel(
                bot, read_marks, handle_message, place, after=_backfill_start(place, marks)
            )

    async with asyncio.TaskGroup() as under_way:
        for place in places:
            under_way.create_task(go_through(place))


async def _backfill_channel(
    bot: TicketBot,
    read_marks: ReadMarks,
    handle_message: MessageHandler,
    channel: ChannelOrThread,
    *,
    after: int,
) -> None:
    newest = _newest_message_id(channel)
    read_marks.mark_clean(channel.id)
    try:
        if newest > after:
            if isinstance(channel, discord.Thread) and channel.archived:
                await channel.edit(
                    archived=False
                )  # nothing can be removed or confirmed in an archived thread
            await _replay_history(channel, after, handle_message)
            if not read_marks.is_dirty(channel.id):  # a history has no holes, whatever the gateway has
                await bot.store.save_read_marks({channel.id: newest})
    except _TRANSIENT_ERRORS as error:
        read_marks.mark_dirty(channel.id)
        log.warning("Place %d could not be gone through for what was missed: %s", channel.id, error)
    else:
        read_marks.finish(channel.id, newest)


async def _replay_history(channel: ChannelOrThread, after: int, handle_message: MessageHandler) -> None:
    missed = 0
    async for message in channel.history(limit=None, after=discord.Object(after), oldest_first=True):
        await handle_message(message)
        missed += 1
    log.info("Place %d: went through %d messages after %d", channel.id, missed, after)


def _backfill_start(channel: ChannelOrThread, marks: dict[int, int]) -> int:
    """After which message to look. A place never heard of begins now, a new thread with its own beginning."""
    if isinstance(channel, discord.Thread):
        return marks.get(channel.id, max(channel.id, marks[BASELINE_ID]))
    return marks.get(channel.id, _newest_message_id(channel))


async def _channels_to_backfill(bot: TicketBot) -> list[ChannelOrThread]:
    """Those in which what people type can matter: they hold posts, will hold them, or are threads on one."""
    cached = {place.id: place for place in _cached_channels(bot)}
    named = [workspace.channel_ids for workspace in await bot.store.workspaces()]
    channels = (await bot.store.ticket_channels(list(cached))).union(*named)
    last = await bot.store.latest_read_mark()
    for place in [cached[place_id] for place_id in channels if place_id in cached] if last else []:
        if isinstance(place, discord.TextChannel):
            since = discord.utils.snowflake_time(last) - MAX_MARK_LAG
            cached.update({thread.id: thread for thread in await _archived_threads_since(place, since)})
    matter = await bot.store.ticket_channels(list(cached))
    return [place for place_id, place in cached.items() if place_id in matter | channels]


async def _archived_threads_since(channel: discord.TextChannel, since: datetime) -> list[discord.Thread]:
    """Public threads archived since then, which are in no cache; none where Discord does not list them."""
    found: list[discord.Thread] = []
    try:
        async for thread in channel.archived_threads(limit=None):
            if thread.archive_timestamp < since:
                break
            found.append(thread)
    except _TRANSIENT_ERRORS as error:
        log.warning("Channel %d does not tell of its archived threads: %s", channel.id, error)
    return found


def _cached_channels(bot: TicketBot) -> Iterator[ChannelOrThread]:
    for guild in bot.guilds:
        yield from guild.text_channels
        yield from guild.threads


def _newest_message_id(channel: ChannelOrThread) -> int:
    """At or above every message in it; its own id, if it has none."""
    return channel.last_message_id or channel.id
