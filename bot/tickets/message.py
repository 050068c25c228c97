"""Messages of a ticket: replies, notes, the reporter's follow-ups, and the events of its history."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageKind(StrEnum):
    REPLY = "reply"  # from staff to the reporter
    NOTE = "note"  # from staff to staff; never leaves Discord
    FOLLOW_UP = "follow-up"  # added by the reporter later
    EVENT = "event"  # what was done to the ticket: a claim, a new status, a transfer
    FEEDBACK = "feedback"  # how its reporter rates it, for staff; never leaves Discord


# What may leave Discord: all but notes and feedback.
REPORTER_VISIBLE_KINDS = (MessageKind.REPLY, MessageKind.FOLLOW_UP, MessageKind.EVENT)
DISCORD_SOURCE = "discord"  # the source of people and tickets that come from Discord itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The author of a message or a change: a Discord member, or a person that a game server names."""

    id: str  # the source's own id
    name: str
    source: str = DISCORD_SOURCE

    def same_as(self, other: "Actor") -> bool:
        """Whether both are the same person, by source and id; names change."""
        return (self.source, self.id) == (other.source, other.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message that is not saved yet. Only a method of `Ticket` makes one, so none escapes its rules."""

    kind: MessageKind
    ticket_id: int
    author: Actor
    text: str
    detail: str = ""  # of an event: what only staff read of it


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordMessage:
    """The message in Discord in which a message of a ticket is read."""

    channel_id: int  # or a thread's
    message_id: int
    is_typed: bool = False  # by a person, whose message became the reply; else the bot's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A saved message."""

    id: int
    ticket_id: int
    kind: MessageKind
    author: Actor
    text: str
    created_at: datetime
    detail: str = ""  # of an event: what only staff read of it, such as why a ticket was closed
    shown_as: DiscordMessage | None = None  # None: Discord does not show it yet
