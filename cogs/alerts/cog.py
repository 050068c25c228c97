"""Alerts in the workspaces' log channels: checks every few seconds what is late or cannot be posted."""

import asyncio
import logging
import time
from collections.abc import Mapping, Set

from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.alerts import AlertSubject
from bot.tickets.outbox import ChannelBacklog
from bot.tickets.push_endpoints import PushBacklog
from bot.tickets.workspace import Workspace
from cogs.alerts import backlog, webhooks
from cogs.alerts.active import ActiveAlerts
from cogs.alerts.backlog import ChannelKey, ChannelProblem, format_duration, pluralize
from cogs.alerts.log_channel import LogChannels
from cogs.core.languages import guild_language
from cogs.core.permissions import permission_hint
from storage import StorageError

log = logging.getLogger(__name__)

_MAX_LISTED = 10  # deliveries named in one message


class AlertsCog(commands.Cog):
    """Check -> problems -> one message for each, edited while the problem lasts and when it is over.

    While nothing can be delivered to Discord at all, there is a line in the log when that begins and one when
    it ends.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._log_channels = LogChannels(bot)
        self._alerts = ActiveAlerts(bot.store, self._log_channels)
        self._webhooks_checked_at = float("-inf")  # monotonic seconds
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
        await self._alerts.load()
        backlogs = await self.bot.store.outbox.backlogs()
        self._log_outage(sum(channel.waiting for channel in backlogs))
        if self.bot.dispatcher.breaker.global_circuit is not None:
            return
        workspaces = {workspace.id: workspace for workspace in await self.bot.store.workspaces.list_all()}
        await self._check_channels(workspaces, backlogs)
        await self._check_webhooks(workspaces)
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

    async def _check_channels(
        self, workspaces: Mapping[str, Workspace], backlogs: list[ChannelBacklog]
    ) -> None:
        active = {(key[0], key[2]) for key in self._alerts.about(AlertSubject.CHANNEL)}
        problems = self._find_problems(backlogs, active)
        for (workspace_id, _), problem in problems.items():
            await self._raise(workspaces[workspace_id], problem)
        for workspace_id, channel_id in active - problems.keys():
            await self._resolve(workspaces[workspace_id], channel_id)

    def _find_problems(
        self, backlogs: list[ChannelBacklog], active: Set[ChannelKey]
    ) -> dict[ChannelKey, ChannelProblem]:
        """The channels that refuse something, and those that were late at the last check too."""
        refusals = backlog.find_refusals(self.bot.dispatcher.breaker.circuits.values())
        problems = backlog.find_problems(backlogs, refusals, active, self.bot.store.now())
        late = {key for key, problem in problems.items() if problem.refusal is None}
        new, self._late_channels = late - self._late_channels - active, late
        return {key: problem for key, problem in problems.items() if key not in new}

    async def _raise(self, workspace: Workspace, problem: ChannelProblem) -> None:
        key = (workspace.id, AlertSubject.CHANNEL, problem.channel_id)
        if self._alerts.begin(key, self.bot.store.now()):
            hint = permission_hint(self.bot, workspace, problem.channel_id)  # English, for the log
            log.warning(
                "%s. %s",
                pluralize(problem.waiting, "delivery waits", "deliveries wait"),
                f"{problem.refusal.reason} {hint}" if problem.refusal else "The channel is late.",
                extra={"workspace_id": workspace.id, "channel_id": problem.channel_id},
            )
        with guild_language(self.bot, workspace.guild_id):
            hint = permission_hint(self.bot, workspace, problem.channel_id)
            embed = backlog.problem_embed(problem, hint)
        await self._alerts.show(key, workspace, embed)

    async def _resolve(self, workspace: Workspace, channel_id: int) -> None:
        key = (workspace.id, AlertSubject.CHANNEL, channel_id)
        seconds = (self.bot.store.now() - self._alerts.started_at(key)).total_seconds()
        with guild_language(self.bot, workspace.guild_id):
            embed = backlog.resolved_embed(channel_id, seconds)
        if await self._alerts.resolve(key, embed):
            log.info(
                "The channel is up to date again, after %s",
                format_duration(seconds),
                extra={"workspace_id": workspace.id, "channel_id": channel_id},
            )

    async def _check_webhooks(self, workspaces: Mapping[str, Workspace]) -> None:
        """Less often than channels: what waits for them is counted, and may be much."""
        if time.monotonic() < self._webhooks_checked_at + backlog.EDIT_INTERVAL_SECONDS:
            return
        self._webhooks_checked_at = time.monotonic()
        now = self.bot.store.now()
        listed = await self.bot.store.pushes.list_endpoints()
        endpoints = {one.id: one for one in listed if one.workspace_id in workspaces}
        failing = {one.id for one in webhooks.find_failing(endpoints.values(), now)}
        for one in await self.bot.store.pushes.backlogs() if failing else []:
            if one.endpoint.id in failing:
                await self._raise_webhook(workspaces[one.endpoint.workspace_id], one)
        for key in self._alerts.about(AlertSubject.WEBHOOK):
            if key[2] not in failing:
                with guild_language(self.bot, workspaces[key[0]].guild_id):
                    since = self._alerts.started_at(key)
                    embed = webhooks.over_embed(endpoints.get(key[2]), key[2], since, now)
                await self._alerts.resolve(key, embed)

    async def _raise_webhook(self, workspace: Workspace, one: PushBacklog) -> None:
        key = (workspace.id, AlertSubject.WEBHOOK, one.endpoint.id)
        self._alerts.begin(key, one.endpoint.failing_since or self.bot.store.now())
        with guild_language(self.bot, workspace.guild_id):
            embed = webhooks.failing_embed(one, self._alerts.started_at(key))
        await self._alerts.show(key, workspace, embed)

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
