"""What is said on a ticket: replies to its reporter, and notes among staff."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageKind(StrEnum):
    REPLY = "reply"  # staff's words to the reporter
    NOTE = "note"  # staff's words to staff; never leaves Discord


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote a message in Discord."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply about to be kept. Only `Ticket.reply` makes one, so none escapes the view-only rule."""

    ticket_id: int
    author: Author
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note about to be kept. Only `Ticket.note` makes one."""

    ticket_id: int
    author: Author
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A kept reply or note."""

    id: int
    ticket_id: int
    kind: MessageKind
    author: Author
    text: str
    created_at: datetime
