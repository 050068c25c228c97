"""What is said on a ticket: replies, notes, the reporter's own words, and what happened to it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageKind(StrEnum):
    REPLY = "reply"  # staff's words to the reporter
    NOTE = "note"  # staff's words to staff; never leaves Discord
    FOLLOW_UP = "follow-up"  # what the reporter adds later
    EVENT = "event"  # what somebody did: a claim, a new status, a transfer


REPORTER_VISIBLE_KINDS = (MessageKind.REPLY, MessageKind.FOLLOW_UP, MessageKind.EVENT)  # all but notes


DISCORD_SOURCE = "discord"  # the source of people and tickets that come from Discord itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who says or does something: a member in Discord, or somebody a game server names."""

    id: str  # the source's own id
    name: str
    source: str = DISCORD_SOURCE

    def same_as(self, other: "Actor") -> bool:
        """Whether both are one person, whatever they are called today."""
        return (self.source, self.id) == (other.source, other.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply about to be kept. Only `Ticket.reply` makes one, so none escapes the view-only rule."""

    ticket_id: int
    author: Actor
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note about to be kept. Only `Ticket.note` makes one."""

    ticket_id: int
    author: Actor
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """The reporter's own words about to be kept. Only `Ticket.follow_up` makes one."""

    ticket_id: int
    author: Actor
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a ticket's history about to be kept. Only `Ticket.event_since` makes one."""

    ticket_id: int
    author: Actor
    text: str


Words = Reply | Note | FollowUp | Event

KINDS: dict[type[Words], MessageKind] = {
    Reply: MessageKind.REPLY,
    Note: MessageKind.NOTE,
    FollowUp: MessageKind.FOLLOW_UP,
    Event: MessageKind.EVENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Words that are kept."""

    id: int
    ticket_id: int
    kind: MessageKind
    author: Actor
    text: str
    created_at: datetime
