"""Going through what was typed while the gateway was away: place by place, from each one's mark."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta

import discord

from bot.discord_client.client import UNREACHABLE, TicketBot
from cogs.messages.read_marks import Hearing
from storage import StorageError

log = logging.getLogger(__name__)

Place = discord.TextChannel | discord.Thread
Hear = Callable[[discord.Message], Awaitable[None]]

# The mark under this id is the newest message there was when this database first listened to anything: what
# is older was never meant for it.
_FIRST = 0
_SLACK = timedelta(minutes=10)  # by which a mark may be behind
_AT_ONCE = 8  # places gone through side by side; within one, each reaction waits for Discord's rate limit
_FAILED: tuple[type[Exception], ...] = (StorageError, discord.DiscordException, *UNREACHABLE)


async def hear_what_was_missed(bot: TicketBot, hearing: Hearing, hear: Hear) -> None:
    """Give every missed message to `hear`, oldest first in its place. Raises StorageError.

    Which places have something new is known without asking. One that cannot be read keeps a gap, and is gone
    through again next time; the others do not wait for it.
    """
    places = await _places(bot)
    marks = await bot.store.heard([_FIRST, *(place.id for place in places)])
    if _FIRST not in marks:
        marks[_FIRST] = max((_newest(place) for place in _cached(bot)), default=0)
        await bot.store.keep_heard({_FIRST: marks[_FIRST]})
    turns = asyncio.Semaphore(_AT_ONCE)

    async def go_through(place: Place) -> None:
        async with turns:
            await _go_through(bot, hearing, hear, place, after=_start(place, marks))

    async with asyncio.TaskGroup() as under_way:
        for place in places:
            under_way.create_task(go_through(place))


async def _go_through(bot: TicketBot, hearing: Hearing, hear: Hear, place: Place, *, after: int) -> None:
    newest = _newest(place)
    hearing.close_gap(place.id)
    try:
        if newest > after:
            if isinstance(place, discord.Thread) and place.archived:
                await place.edit(archived=False)  # nothing can be removed or confirmed in an archived thread
            await _hear_after(place, after, hear)
            if not hearing.has_gap(place.id):  # a history has no holes, whatever the gateway has
                await bot.store.keep_heard({place.id: newest})
    except _FAILED as error:
        hearing.open_gap(place.id)
        log.warning("Place %d could not be gone through for what was missed: %s", place.id, error)
    else:
        hearing.finish(place.id, newest)


async def _hear_after(place: Place, after: int, hear: Hear) -> None:
    missed = 0
    async for message in place.history(limit=None, after=discord.Object(after), oldest_first=True):
        await hear(message)
        missed += 1
    log.info("Place %d: went through %d messages after %d", place.id, missed, after)


def _start(place: Place, marks: dict[int, int]) -> int:
    """After which message to look. A place never heard of begins now, a new thread with its own beginning."""
    if isinstance(place, discord.Thread):
        return marks.get(place.id, max(place.id, marks[_FIRST]))
    return marks.get(place.id, _newest(place))


async def _places(bot: TicketBot) -> list[Place]:
    """Those in which what people type can matter: they hold posts, will hold them, or are threads on one."""
    cached = {place.id: place for place in _cached(bot)}
    named = [workspace.channel_ids for workspace in await bot.store.workspaces()]
    channels = (await bot.store.places_of_tickets(list(cached))).union(*named)
    last = await bot.store.last_heard()
    for place in [cached[place_id] for place_id in channels if place_id in cached] if last else []:
        if isinstance(place, discord.TextChannel):
            since = discord.utils.snowflake_time(last) - _SLACK
            cached.update({thread.id: thread for thread in await _archived(place, since)})
    matter = await bot.store.places_of_tickets(list(cached))
    return [place for place_id, place in cached.items() if place_id in matter | channels]


async def _archived(channel: discord.TextChannel, since: datetime) -> list[discord.Thread]:
    """Public threads archived since then, which are in no cache; none where Discord does not list them."""
    found: list[discord.Thread] = []
    try:
        async for thread in channel.archived_threads(limit=None):
            if thread.archive_timestamp < since:
                break
            found.append(thread)
    except _FAILED as error:
        log.warning("Channel %d does not tell of its archived threads: %s", channel.id, error)
    return found


def _cached(bot: TicketBot) -> Iterator[Place]:
    for guild in bot.guilds:
        yield from guild.text_channels
        yield from guild.threads


def _newest(place: Place) -> int:
    """At or above every message in it; its own id, if it has none."""
    return place.last_message_id or place.id
