"""Alerts: the messages in a log channel, and the summary of dead letters that goes there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.tickets.outbox import OutboxEntry


class AlertSubject(StrEnum):
    """What an alert is about."""

    CHANNEL = "channel"  # one in which deliveries wait
    WEBHOOK = "webhook"  # an outgoing one, which accepts no events


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """One message in a log channel about one problem; deleted when the problem is over."""

    workspace_id: str
    subject: AlertSubject
    subject_id: int  # of the channel or the webhook
    log_channel_id: int
    message_id: int  # in the log channel
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSummary:
    """The dead letters of some workspaces: the oldest, and how many there are."""

    sample: tuple[OutboxEntry, ...]  # oldest first
    count: int
    newest_at: datetime | None  # None if there are none
