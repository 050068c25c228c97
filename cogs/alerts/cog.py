"""Alerts in the workspaces' log channels: checks every few seconds what is late or cannot be posted."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.alerts import AlertMessage
from bot.tickets.outbox import ChannelBacklog
from bot.tickets.workspace import Workspace
from cogs.alerts import backlog
from cogs.alerts.backlog import ChannelKey, ChannelProblem, format_duration, pluralize
from cogs.alerts.log_channel import LogChannels
from cogs.core.languages import guild_language
from cogs.core.permissions import permission_hint
from storage import StorageError

log = logging.getLogger(__name__)

_MAX_LISTED = 10  # deliveries named in one message


@dataclass(slots=True, kw_only=True)
class _ActiveAlert:
    """A channel with a problem, and the message about it."""

    started_at: datetime
    message: AlertMessage | None = None  # None: not sent yet
    embed: discord.Embed | None = None  # what it shows; None: unknown after a restart
    sent_at: float = float("-inf")  # monotonic seconds of the last change


class AlertsCog(commands.Cog):
    """Check -> problems -> one message for each channel, edited while the problem lasts and when it is over.

    While nothing can be delivered to Discord at all, there is a line in the log when that begins and one when
    it ends.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._log_channels = LogChannels(bot)
        # None until the alerts of an earlier process are read.
        self._active: dict[ChannelKey, _ActiveAlert] | None = None
        # At the last check: a channel that has caught up by the next one gets no alert.
        self._late_channels: set[ChannelKey] = set()
        self._dead_letters_reported_at: dict[str, float] = {}  # monotonic seconds, by workspace
        self._global_circuit = bot.dispatcher.breaker.global_circuit

    async def cog_load(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def cog_unload(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    @commands.Cog.listener()
    async def on_permissions_granted(self, channel_id: int) -> None:
        """Dispatched by this bot: a log channel that refused alerts may take them now."""
        self._log_channels.retry(channel_id)

    async def _run(self) -> None:
        await self.bot.wait_until_ready()
        while True:
            await asyncio.sleep(backlog.POLL_SECONDS)
            try:
                await self._check()
            except StorageError as error:
                log.warning("The outbox cannot be checked: %s", error)

    async def _check(self) -> None:
        if self._active is None:
            self._active = {
                (message.workspace_id, message.channel_id): _ActiveAlert(
                    started_at=message.began_at, message=message
                )
                for message in await self.bot.store.alerts.list_all()
            }
        backlogs = await self.bot.store.outbox.backlogs()
        self._log_outage(sum(channel.waiting for channel in backlogs))
        if self.bot.dispatcher.breaker.global_circuit is not None:
            return
        workspaces = {workspace.id: workspace for workspace in await self.bot.store.workspaces.list_all()}
        problems = self._find_problems(backlogs, self._active)
        for key, problem in problems.items():
            await self._raise(self._active, workspaces[key[0]], problem)
        for key in [key for key in self._active if key not in problems]:
            await self._resolve(self._active, workspaces[key[0]], key)
        for workspace in workspaces.values():
            await self._report_dead_letters(workspace)

    def _log_outage(self, waiting: int) -> None:
        breaker = self.bot.dispatcher.breaker
        before, self._global_circuit = self._global_circuit, breaker.global_circuit
        if before is None and self._global_circuit is not None:
            log.error(
                "Discord takes nothing: %s. %s.",
                self._global_circuit.reason.rstrip("."),
                pluralize(waiting, "delivery waits", "deliveries wait"),
            )
        elif before is not None and self._global_circuit is None:
            log.warning(
                "Discord takes deliveries again, after %s; %d waited.",
                format_duration(breaker.open_for(before)),
                waiting,
            )

    def _find_problems(
        self, backlogs: list[ChannelBacklog], active: dict[ChannelKey, _ActiveAlert]
    ) -> dict[ChannelKey, ChannelProblem]:
        """The channels that refuse something, and those that were late at the last check too."""
        refusals = backlog.find_refusals(self.bot.dispatcher.breaker.circuits.values())
        problems = backlog.find_problems(backlogs, refusals, active, self.bot.store.now())
        late = {key for key, problem in problems.items() if problem.refusal is None}
        new, self._late_channels = late - self._late_channels - active.keys(), late
        return {key: problem for key, problem in problems.items() if key not in new}

    async def _raise(
        self, active: dict[ChannelKey, _ActiveAlert], workspace: Workspace, problem: ChannelProblem
    ) -> None:
        key = (workspace.id, problem.channel_id)
        if key not in active:
            active[key] = _ActiveAlert(started_at=self.bot.store.now())
            hint = permission_hint(self.bot, workspace, problem.channel_id)  # English, for the log
            log.warning(
                "%s. %s",
                pluralize(problem.waiting, "delivery waits", "deliveries wait"),
                f"{problem.refusal.reason} {hint}" if problem.refusal else "The channel is late.",
                extra={"workspace_id": workspace.id, "channel_id": problem.channel_id},
            )
        with guild_language(self.bot, workspace.guild_id):
            hint = permission_hint(self.bot, workspace, problem.channel_id)
            alert, embed = active[key], backlog.problem_embed(problem, hint)
        if alert.message is None:
            await self._send(alert, workspace, problem.channel_id, embed)
        elif embed != alert.embed:
            await self._update(alert, alert.message, embed)

    async def _send(
        self, alert: _ActiveAlert, workspace: Workspace, channel_id: int, embed: discord.Embed
    ) -> None:
        log_channel_id = workspace.log_channel_id
        if log_channel_id is None:
            return
        nonce_key = f"{workspace.id}|{channel_id}|{log_channel_id}|{alert.started_at.isoformat()}"
        message_id = await self._log_channels.send(log_channel_id, embed, nonce_key=nonce_key)
        if message_id is None:
            return
        alert.embed, alert.sent_at = embed, time.monotonic()
        alert.message = AlertMessage(
            workspace_id=workspace.id,
            channel_id=channel_id,
            log_channel_id=log_channel_id,
            message_id=message_id,
            began_at=alert.started_at,
        )
        await self.bot.store.alerts.save(alert.message)

    async def _update(self, alert: _ActiveAlert, message: AlertMessage, embed: discord.Embed) -> bool:
        """Whether the message shows that now; not if it was changed a moment ago, or cannot be edited."""
        if time.monotonic() < alert.sent_at + backlog.EDIT_INTERVAL_SECONDS:
            return False
        if not await self._log_channels.edit(message.log_channel_id, message.message_id, embed):
            return False
        alert.embed, alert.sent_at = embed, time.monotonic()
        return True

    async def _resolve(
        self, active: dict[ChannelKey, _ActiveAlert], workspace: Workspace, key: ChannelKey
    ) -> None:
        workspace_id, channel_id = key
        alert = active[key]
        seconds = (self.bot.store.now() - alert.started_at).total_seconds()
        if alert.message is not None:
            with guild_language(self.bot, workspace.guild_id):
                embed = backlog.resolved_embed(channel_id, seconds)
            if not await self._update(alert, alert.message, embed):
                return  # the next check tries again
            await self.bot.store.alerts.delete(workspace_id, channel_id)
        log.info(
            "The channel is up to date again, after %s",
            format_duration(seconds),
            extra={"workspace_id": workspace_id, "channel_id": channel_id},
        )
        del active[key]

    async def _report_dead_letters(self, workspace: Workspace) -> None:
        log_channel_id = workspace.log_channel_id
        last = self._dead_letters_reported_at.get(workspace.id, float("-inf"))
        if log_channel_id is None or time.monotonic() < last + backlog.EDIT_INTERVAL_SECONDS:
            return
        summary = await self.bot.store.outbox_admin.unreported_dead_letters(workspace.id, _MAX_LISTED)
        if summary.newest_at is None:
            return
        nonce_key = (
            f"{workspace.id}|dead letters|{log_channel_id}|{summary.newest_at.isoformat()}|{summary.count}"
        )
        with guild_language(self.bot, workspace.guild_id):
            embed = backlog.dead_letters_embed(summary)
        if await self._log_channels.send(log_channel_id, embed, nonce_key=nonce_key):
            self._dead_letters_reported_at[workspace.id] = time.monotonic()
            await self.bot.store.outbox_admin.mark_reported(workspace.id, summary.newest_at)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(AlertsCog(bot))
