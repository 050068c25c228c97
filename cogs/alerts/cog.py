"""The watch: looks every few seconds what is late or refused, and says so in the workspaces' log channels."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime

from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.alerts import AlertMessage
from bot.tickets.outbox import ChannelBacklog, Destination
from bot.tickets.workspace import Workspace
from cogs.alerts import backlog as _troubles
from cogs.alerts.backlog import (
    ChannelKey,
    ChannelProblem,
    dead_letters_text,
    find_problems,
    format_duration,
    problem_text,
    resolved_text,
)
from cogs.alerts.log_channel import LogChannels
from cogs.core.checks import utc_now
from cogs.core.permissions import permission_hint
from storage import StorageError

log = logging.getLogger(__name__)

_MAX_LISTED = 10  # deliveries named in one message


@dataclass(slots=True, kw_only=True)
class _ActiveAlert:
    """A trouble that is known, and what was said of it."""

    started_at: datetime
    message: AlertMessage | None = None  # None: nothing was said yet
    text: str = ""
    sent_at: float = float("-inf")  # when it was said, by the monotonic clock


class AlertsCog(commands.Cog):
    """Look -> what is in trouble? -> one message for each channel, reworded while it lasts, ended with it.

    What keeps Discord away altogether cannot be said there: that is a line in the log, and one when it ends.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._log_channels = LogChannels(bot)
        self._active: dict[ChannelKey, _ActiveAlert] | None = (
            None  # None: what an earlier process told is not read yet
        )
        self._late_channels: set[ChannelKey] = (
            set()
        )  # at the last look; what is gone by the next was no trouble
        self._dead_letters_reported_at: dict[
            str, float
        ] = {}  # when each workspace was last told of what was set aside
        self._global_circuit = bot.dispatcher.breaker.global_circuit

    async def cog_load(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def cog_unload(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        await self.bot.wait_until_ready()
        while True:
            await asyncio.sleep(_troubles.POLL_SECONDS)
            try:
                await self._check()
            except StorageError as error:
                log.warning("The outbox cannot be looked at: %s", error)

    async def _check(self) -> None:
        if self._active is None:
            kept = await self.bot.store.alert_messages()
            self._active = {
                (one.workspace_id, one.channel_id): _ActiveAlert(started_at=one.began_at, message=one)
                for one in kept
            }
        backlogs = await self.bot.store.backlogs(Destination.DISCORD)
        self._log_outage(sum(backlog.waiting for backlog in backlogs))
        if self.bot.dispatcher.breaker.global_circuit is not None:
            return
        workspaces = {one.id: one for one in await self.bot.store.workspaces()}
        found = self._find_problems(backlogs, self._active)
        for key, trouble in found.items():
            await self._raise(self._active, workspaces[key[0]], trouble)
        for key in [key for key in self._active if key not in found]:
            await self._resolve(self._active, key)
        for workspace in workspaces.values():
            await self._report_dead_letters(workspace)

    def _log_outage(self, waiting: int) -> None:
        breaker = self.bot.dispatcher.breaker
        before, self._global_circuit = self._global_circuit, breaker.global_circuit
        if before is None and self._global_circuit is not None:
            log.error(
                "Discord takes nothing: %s. %d deliveries wait.",
                self._global_circuit.reason.rstrip("."),
                waiting,
            )
        elif before is not None and self._global_circuit is None:
            seconds = breaker.open_for(before)
            log.warning(
                "Discord takes deliveries again, after %s; %d waited.", format_duration(seconds), waiting
            )

    def _find_problems(
        self, backlogs: list[ChannelBacklog], active: dict[ChannelKey, _ActiveAlert]
    ) -> dict[ChannelKey, ChannelProblem]:
        """What is refused, and what was late at the last look already."""
        rests = self.bot.dispatcher.breaker.channel_circuits
        refusals = {channel: rest.reason for channel, rest in rests.items() if rest.forbidden}
        found = find_problems(backlogs, refusals, active, utc_now())
        late = {key for key, trouble in found.items() if trouble.forbidden_reason is None}
        fresh, self._late_channels = late - self._late_channels - active.keys(), late
        return {key: trouble for key, trouble in found.items() if key not in fresh}

    async def _raise(
        self, active: dict[ChannelKey, _ActiveAlert], workspace: Workspace, problem: ChannelProblem
    ) -> None:
        key, cure = (workspace.id, problem.channel_id), permission_hint(self.bot, problem.channel_id)
        if key not in active:
            active[key] = _ActiveAlert(started_at=utc_now())
            what = f"{problem.forbidden_reason} {cure}" if problem.forbidden_reason else "It is late."
            log.warning("Channel %d has %d waiting. %s", problem.channel_id, problem.waiting, what)
        told, text = active[key], problem_text(problem, cure)
        if told.message is None:
            await self._send(told, workspace, problem.channel_id, text)
        elif text != told.text:
            await self._update(told, told.message, text)

    async def _send(self, alert: _ActiveAlert, workspace: Workspace, channel_id: int, text: str) -> None:
        place = workspace.log_channel_id
        if place is None:
            return
        mark = f"{workspace.id}|{channel_id}|{place}|{alert.started_at.isoformat()}"
        message_id = await self._log_channels.send(place, text, nonce_key=mark)
        if message_id is None:
            return
        alert.text, alert.sent_at = text, time.monotonic()
        alert.message = AlertMessage(
            workspace_id=workspace.id,
            channel_id=channel_id,
            log_channel_id=place,
            message_id=message_id,
            began_at=alert.started_at,
        )
        await self.bot.store.save_alert_message(alert.message)

    async def _update(self, alert: _ActiveAlert, message: AlertMessage, text: str) -> bool:
        """Whether it says that now. Not again so soon: it may change back."""
        if time.monotonic() < alert.sent_at + _troubles.EDIT_INTERVAL_SECONDS:
            return False
        if not await self._log_channels.edit(message.log_channel_id, message.message_id, text):
            return False
        alert.text, alert.sent_at = text, time.monotonic()
        return True

    async def _resolve(self, active: dict[ChannelKey, _ActiveAlert], key: ChannelKey) -> None:
        workspace_id, channel_id = key
        told = active[key]
        seconds = (utc_now() - told.started_at).total_seconds()
        if told.message is not None:
            if not await self._update(told, told.message, resolved_text(channel_id, seconds)):
                return  # at a later look
            await self.bot.store.delete_alert_message(workspace_id, channel_id)
        log.info("Channel %d is up to date again, after %s", channel_id, format_duration(seconds))
        del active[key]

    async def _report_dead_letters(self, workspace: Workspace) -> None:
        place, last = (
            workspace.log_channel_id,
            self._dead_letters_reported_at.get(workspace.id, float("-inf")),
        )
        if place is None or time.monotonic() < last + _troubles.EDIT_INTERVAL_SECONDS:
            return
        found = await self.bot.store.unreported_dead_letters(workspace.id, _MAX_LISTED)
        if found.newest_at is None:
            return
        mark = f"{workspace.id}|set aside|{place}|{found.newest_at.isoformat()}|{found.count}"
        if await self._log_channels.send(place, dead_letters_text(found), nonce_key=mark):
            self._dead_letters_reported_at[workspace.id] = time.monotonic()
            await self.bot.store.mark_dead_letters_reported(workspace.id, found.newest_at)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(AlertsCog(bot))
