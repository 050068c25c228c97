"""The watch: looks every few seconds what is late or refused, and says so in the workspaces' log channels."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime

from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets import Backlog, Lane, Workspace
from bot.tickets.alerts import Notice
from cogs.alerts import backlog as _troubles
from cogs.alerts.backlog import Key, Trouble, lasting, over, said_of, said_of_set_aside, troubles_of
from cogs.alerts.log_channel import LogChannels
from cogs.core.checks import now
from cogs.core.permissions import cure_for
from storage import StorageError

log = logging.getLogger(__name__)

_LISTED = 10  # deliveries named in one message


@dataclass(slots=True, kw_only=True)
class _Told:
    """A trouble that is known, and what was said of it."""

    began: datetime
    notice: Notice | None = None  # None: nothing was said yet
    text: str = ""
    at: float = float("-inf")  # when it was said, by the monotonic clock


class Watch(commands.Cog):
    """Look -> what is in trouble? -> one message for each channel, reworded while it lasts, ended with it.

    What keeps Discord away altogether cannot be said there: that is a line in the log, and one when it ends.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._says = LogChannels(bot)
        self._known: dict[Key, _Told] | None = None  # None: what an earlier process told is not read yet
        self._seen_late: set[Key] = set()  # at the last look; what is gone by the next was no trouble
        self._listed: dict[str, float] = {}  # when each workspace was last told of what was set aside
        self._away = bot.dispatcher.breaker.everywhere

    async def cog_load(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def cog_unload(self) -> None:
        self._watching.cancel()
        await asyncio.wait([self._watching])

    async def _watch(self) -> None:
        await self.bot.wait_until_ready()
        while True:
            await asyncio.sleep(_troubles.LOOK_SECONDS)
            try:
                await self._look()
            except StorageError as error:
                log.warning("The outbox cannot be looked at: %s", error)

    async def _look(self) -> None:
        if self._known is None:
            kept = await self.bot.store.notices()
            self._known = {
                (one.workspace_id, one.channel_id): _Told(began=one.began_at, notice=one) for one in kept
            }
        backlogs = await self.bot.store.backlogs(Lane.DISCORD)
        self._note_outage(sum(backlog.waiting for backlog in backlogs))
        if self.bot.dispatcher.breaker.everywhere is not None:
            return
        workspaces = {one.id: one for one in await self.bot.store.workspaces()}
        found = self._found(backlogs, self._known)
        for key, trouble in found.items():
            await self._tell(self._known, workspaces[key[0]], trouble)
        for key in [key for key in self._known if key not in found]:
            await self._end(self._known, key)
        for workspace in workspaces.values():
            await self._list_set_aside(workspace)

    def _note_outage(self, waiting: int) -> None:
        breaker = self.bot.dispatcher.breaker
        before, self._away = self._away, breaker.everywhere
        if before is None and self._away is not None:
            log.error(
                "Discord takes nothing: %s. %d deliveries wait.", self._away.reason.rstrip("."), waiting
            )
        elif before is not None and self._away is None:
            seconds = breaker.lasted(before)
            log.warning("Discord takes deliveries again, after %s; %d waited.", lasting(seconds), waiting)

    def _found(self, backlogs: list[Backlog], known: dict[Key, _Told]) -> dict[Key, Trouble]:
        """What is refused, and what was late at the last look already."""
        rests = self.bot.dispatcher.breaker.channels
        refusals = {channel: rest.reason for channel, rest in rests.items() if rest.refused}
        found = troubles_of(backlogs, refusals, known, now())
        late = {key for key, trouble in found.items() if trouble.refusal is None}
        fresh, self._seen_late = late - self._seen_late - known.keys(), late
        return {key: trouble for key, trouble in found.items() if key not in fresh}

    async def _tell(self, known: dict[Key, _Told], workspace: Workspace, trouble: Trouble) -> None:
        key, cure = (workspace.id, trouble.channel_id), cure_for(self.bot, trouble.channel_id)
        if key not in known:
            known[key] = _Told(began=now())
            what = f"{trouble.refusal} {cure}" if trouble.refusal else "It is late."
            log.warning("Channel %d has %d waiting. %s", trouble.channel_id, trouble.waiting, what)
        told, text = known[key], said_of(trouble, cure)
        if told.notice is None:
            await self._say(told, workspace, trouble.channel_id, text)
        elif text != told.text:
            await self._reword(told, told.notice, text)

    async def _say(self, told: _Told, workspace: Workspace, channel_id: int, text: str) -> None:
        place = workspace.log_channel_id
        if place is None:
            return
        mark = f"{workspace.id}|{channel_id}|{place}|{told.began.isoformat()}"
        message_id = await self._says.say(place, text, mark=mark)
        if message_id is None:
            return
        told.text, told.at = text, time.monotonic()
        told.notice = Notice(
            workspace_id=workspace.id,
            channel_id=channel_id,
            log_channel_id=place,
            message_id=message_id,
            began_at=told.began,
        )
        await self.bot.store.keep_notice(told.notice)

    async def _reword(self, told: _Told, notice: Notice, text: str) -> bool:
        """Whether it says that now. Not again so soon: it may change back."""
        if time.monotonic() < told.at + _troubles.EDIT_SECONDS:
            return False
        if not await self._says.reword(notice.log_channel_id, notice.message_id, text):
            return False
        told.text, told.at = text, time.monotonic()
        return True

    async def _end(self, known: dict[Key, _Told], key: Key) -> None:
        workspace_id, channel_id = key
        told = known[key]
        seconds = (now() - told.began).total_seconds()
        if told.notice is not None:
            if not await self._reword(told, told.notice, over(channel_id, seconds)):
                return  # at a later look
            await self.bot.store.forget_notice(workspace_id, channel_id)
        log.info("Channel %d is up to date again, after %s", channel_id, lasting(seconds))
        del known[key]

    async def _list_set_aside(self, workspace: Workspace) -> None:
        place, last = workspace.log_channel_id, self._listed.get(workspace.id, float("-inf"))
        if place is None or time.monotonic() < last + _troubles.EDIT_SECONDS:
            return
        found = await self.bot.store.untold(workspace.id, _LISTED)
        if found.until is None:
            return
        mark = f"{workspace.id}|set aside|{place}|{found.until.isoformat()}|{found.count}"
        if await self._says.say(place, said_of_set_aside(found), mark=mark):
            self._listed[workspace.id] = time.monotonic()
            await self.bot.store.note_told(workspace.id, found.until)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Watch(bot))
