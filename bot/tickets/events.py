"""Events for game servers: what staff replied and how the status of a ticket changed, numbered in order."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.tickets.message import Message
from bot.tickets.push_endpoints import PushProgress
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Status, Ticket


class EventType(StrEnum):
    """What happened to a ticket. A game report has no replies, and so no event of one."""

    REPLY = "ticket.reply"  # staff replied to the reporter
    STATUS = "ticket.status"  # its status changed


class Reception(StrEnum):
    """How it is known that a game server has an event."""

    READ = "read"  # it confirmed it
    PUSHED = "pushed"  # its webhook accepted it
    FETCHED = "fetched"  # it was sent the whole ticket, with this reply, and does not confirm that


class Asked(StrEnum):
    """What a game server asks for."""

    ALL = "all"  # every event, in order: it is late with those it does not have yet
    OF_PLAYERS = "players"  # those of the players who are there: the others wait for theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketEvent:
    """A saved event. Events of one workspace and source are numbered from 1 without a gap."""

    seq: int
    type: EventType
    ticket: Ticket  # as it is now
    status: Status  # of the ticket after the event
    message: Message | None  # of a reply
    created_at: datetime
    received_at: datetime | None = None  # when a game server first had it
    received_by: str | None = None  # the name of that server's API key, or of the webhook
    received_as: Reception | None = None

    @property
    def id(self) -> str:
        """The same wherever the event is sent, and of no other event."""
        return event_id(self.ticket.uid, self.seq)


def event_id(ticket_uid: str, seq: int) -> str:
    """The id of an event of a ticket."""
    return f"evt_{ticket_uid}_{seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events in order. `newest` is the number of the last event there is; 0 if there is none."""

    events: tuple[TicketEvent, ...]
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBacklog:
    """Events that no game server has yet, of a source whose servers ask for all events."""

    source: str
    waiting: int
    oldest: datetime | None  # when the first of them happened; None if none waits


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyState:
    """What became of a reply to a reporter in a game."""

    source: str
    created_at: datetime
    has_readers: bool  # a game server with a key of this workspace and source has asked for events before
    received_at: datetime | None = None
    received_by: str | None = None
    received_as: Reception | None = None
    push: PushProgress | None = None  # None: there is no webhook for it

    @property
    def is_awaited(self) -> bool:
        """Whether a game server takes replies at all, or a webhook this one."""
        return self.has_readers if self.push is None else not self.push.is_given_up

    @property
    def sentence(self) -> Sentence:
        """What staff read about it."""
        if self.received_at is not None:
            at_once, later = _RECEIVED[self.received_as or Reception.READ]
            time = _delay(self.received_at - self.created_at)
            return (later if time else at_once).with_parts(receiver=self.received_by, time=time)
        if self.push is not None:
            return self.push.sentence
        return _WAITING if self.has_readers else _NO_READERS.with_parts(source=self.source)


_RECEIVED = {
    Reception.READ: (
        Sentence("Read by {receiver} within a second."),
        Sentence("Read by {receiver} {time} later."),
    ),
    Reception.PUSHED: (
        Sentence("Pushed to {receiver} within a second."),
        Sentence("Pushed to {receiver} {time} later."),
    ),
    Reception.FETCHED: (
        Sentence("Fetched with the ticket by {receiver} within a second."),
        Sentence("Fetched with the ticket by {receiver} {time} later."),
    ),
}
_WAITING = Sentence("Waiting for the game server to ask for it.")
_NO_READERS = Sentence(
    "No game server has asked for events with a {source} key of this workspace yet: "
    "see Events in the API documentation."
)
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def _delay(time: timedelta) -> str:
    """In its two largest units: `12 s`, `2 h 5 min`; empty below a second."""
    left, parts = max(0, int(time.total_seconds())), []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
