"""Alerts: the messages in a log channel, and the summary of dead letters that goes there."""

from dataclasses import dataclass
from datetime import datetime

from bot.tickets.outbox import OutboxEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """One message in a log channel about one channel with a problem; deleted when the problem is over."""

    workspace_id: str
    channel_id: int  # the one with the problem
    log_channel_id: int
    message_id: int  # in the log channel
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSummary:
    """The dead letters of some workspaces: the oldest, and how many there are."""

    sample: tuple[OutboxEntry, ...]  # oldest first
    count: int
    newest_at: datetime | None  # None if there are none
