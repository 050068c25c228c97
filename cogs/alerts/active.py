"""Active alerts: one message in a workspace's log channel for each problem, edited until it is over."""

import time
from dataclasses import dataclass
from datetime import datetime

import discord

from bot.tickets.alerts import AlertMessage, AlertSubject
from bot.tickets.workspace import Workspace
from cogs.alerts import backlog
from cogs.alerts.log_channel import LogChannels
from storage import Store

AlertKey = tuple[str, AlertSubject, int]  # a workspace's id, and what has the problem


@dataclass(slots=True, kw_only=True)
class _ActiveAlert:
    """A problem, and the message about it."""

    started_at: datetime
    message: AlertMessage | None = None  # None: not sent yet
    embed: discord.Embed | None = None  # what it shows; None: unknown after a restart
    sent_at: float = float("-inf")  # monotonic seconds of the last change


class ActiveAlerts:
    """Sends, edits and resolves alerts. Those of an earlier process are there once they are loaded."""

    def __init__(self, store: Store, log_channels: LogChannels) -> None:
        self._store = store
        self._log_channels = log_channels
        self._alerts: dict[AlertKey, _ActiveAlert] = {}
        self._is_loaded = False

    async def load(self) -> None:
        """Read the alerts of an earlier process, the first time it is called."""
        if self._is_loaded:
            return
        for message in await self._store.alerts.list_all():
            key = (message.workspace_id, message.subject, message.subject_id)
            self._alerts[key] = _ActiveAlert(started_at=message.began_at, message=message)
        self._is_loaded = True

    def about(self, subject: AlertSubject) -> list[AlertKey]:
        """The active alerts about channels, or about webhooks."""
        return [key for key in self._alerts if key[1] is subject]

    def started_at(self, key: AlertKey) -> datetime:
        return self._alerts[key].started_at

    def begin(self, key: AlertKey, started_at: datetime) -> bool:
        """Begin an alert that is not sent yet; whether it is new."""
        if key in self._alerts:
            return False
        self._alerts[key] = _ActiveAlert(started_at=started_at)
        return True

    async def show(self, key: AlertKey, workspace: Workspace, embed: discord.Embed) -> None:
        """Send an alert, or edit its message if that shows something else."""
        alert = self._alerts[key]
        if alert.message is None:
            await self._send(key, alert, workspace, embed)
        elif embed != alert.embed:
            await self._update(alert, alert.message, embed)

    async def resolve(self, key: AlertKey, embed: discord.Embed) -> bool:
        """Let the message say that it is over. If that cannot be done now, returns False: try again."""
        alert = self._alerts[key]
        if alert.message is not None:
            if not await self._update(alert, alert.message, embed):
                return False
            await self._store.alerts.delete(*key)
        del self._alerts[key]
        return True

    async def _send(
        self, key: AlertKey, alert: _ActiveAlert, workspace: Workspace, embed: discord.Embed
    ) -> None:
        log_channel_id = workspace.log_channel_id
        if log_channel_id is None:
            return
        workspace_id, subject, subject_id = key
        about = f"{workspace_id}|{subject.value}|{subject_id}|{log_channel_id}"
        message_id = await self._log_channels.send(
            log_channel_id, embed, nonce_key=f"{about}|{alert.started_at.isoformat()}"
        )
        if message_id is None:
            return
        alert.embed, alert.sent_at = embed, time.monotonic()
        alert.message = AlertMessage(
            workspace_id=workspace_id,
            subject=subject,
            subject_id=subject_id,
            log_channel_id=log_channel_id,
            message_id=message_id,
            began_at=alert.started_at,
        )
        await self._store.alerts.save(alert.message)

    async def _update(self, alert: _ActiveAlert, message: AlertMessage, embed: discord.Embed) -> bool:
        """Whether the message shows that now; not if it was changed a moment ago, or cannot be edited."""
        if time.monotonic() < alert.sent_at + backlog.EDIT_INTERVAL_SECONDS:
            return False
        if not await self._log_channels.edit(message.log_channel_id, message.message_id, embed):
            return False
        alert.embed, alert.sent_at = embed, time.monotonic()
        return True
