"""Notices: what a workspace was told in its log channel, and what there is to tell of the outbox."""

from dataclasses import dataclass
from datetime import datetime

from bot.tickets.outbox import OutboxEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """One message in a log channel, about one channel in trouble; it ends with the trouble."""

    workspace_id: str
    channel_id: int  # the one in trouble
    log_channel_id: int
    message_id: int  # Discord's
    began_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSummary:
    """What of some workspaces is set aside: how much, and the first of it."""

    sample: tuple[OutboxEntry, ...]  # oldest first
    count: int  # of all
    newest_at: datetime | None  # when the last of all was; None if nothing is
