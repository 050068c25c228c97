"""Queries for tickets, and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.tickets.message import Actor, Message
from bot.tickets.ticket import Player, Priority, Status, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The tickets an API key gives access to: those of one workspace that came through one source."""

    workspace_id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketQuery:
    """Filters, newest first. None means any; a ticket must match all of them.

    `text` is searched among the newest 1,000 tickets that match the other filters. If more match those, it
    is also searched among the newest 1,000 that contain its words, which takes three letters or more. A
    search for several common words ends after some milliseconds, with the newest.
    """

    limit: int
    offset: int = 0
    statuses: Sequence[Status] | None = None
    categories: Sequence[str] | None = None
    departments: Sequence[str] | None = None
    hidden_departments: Sequence[str] = ()  # their tickets are left out
    priorities: Sequence[Priority] | None = None
    tags: Sequence[str] | None = None  # any of them
    assignee: Actor | None = None  # who claimed it, or is assigned to it
    unclaimed: bool = False  # only tickets that nobody claimed
    created_before: datetime | None = None
    reporter_id: str | None = None
    reported_id: str | None = None
    text: str | None = None  # in the subject or the reporter's names, ignoring case


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketDetails:
    """A ticket with its messages that may leave Discord: all but notes, oldest first."""

    ticket: Ticket
    assignees: tuple[Actor, ...] = ()  # who works on it besides its claimer
    messages: tuple[Message, ...] = ()  # empty in a list of tickets
    replies: int = 0  # how many there are
    follow_ups: int = 0
    claimer: Player | None = None  # who claimed it through its source, as they named themselves there last


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """One page of a search."""

    query: TicketQuery
    items: tuple[TicketDetails, ...]
    total: int  # on all pages; with a text, as many as were found
