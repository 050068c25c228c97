"""Events for game servers: what staff replied and how the status of a ticket changed, numbered in order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.tickets.message import Message
from bot.tickets.ticket import Status, Ticket


class EventType(StrEnum):
    """What happened to a ticket. A game report has no replies, and so no event of one."""

    REPLY = "ticket.reply"  # staff replied to the reporter
    STATUS = "ticket.status"  # its status changed


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketEvent:
    """A saved event. Events of one workspace and source are numbered from 1 without a gap."""

    seq: int
    type: EventType
    ticket: Ticket  # as it is now
    status: Status  # of the ticket after the event
    message: Message | None  # of a reply
    created_at: datetime
    received_at: datetime | None = None  # when a game server first confirmed it
    received_by: str | None = None  # the name of that server's API key or webhook

    @property
    def id(self) -> str:
        """The same wherever the event is sent, and of no other event."""
        return f"evt_{self.ticket.uid}_{self.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events in order. `newest` is the number of the last event there is; 0 if there is none."""

    events: tuple[TicketEvent, ...]
    newest: int
