"""Asking for tickets: what to look for, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.tickets.message import Message
from bot.tickets.ticket import Status, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose tickets one may ask for: those of one workspace that came through one source."""

    workspace_id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketQuery:
    """Which tickets, newest first. What is None does not matter; of several conditions all must hold.

    A text is looked for among the newest 1,000 tickets that fit everything else, and if more do, also among
    the newest 1,000 that have its words, which takes three letters or more: so everything is found of which
    either the text or the rest fits no more than so many. Where words that many tickets have never stand
    together, the search for them ends after some milliseconds, with the newest.
    """

    limit: int
    offset: int = 0
    statuses: Sequence[Status] | None = None
    categories: Sequence[str] | None = None
    departments: Sequence[str] | None = None
    hidden_departments: Sequence[str] = ()  # whose tickets are left out
    reporter_id: str | None = None
    reported_id: str | None = None
    text: str | None = None  # in the subject or in the reporter's names, in any case


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketDetails:
    """A ticket with what was said on it and may leave Discord: everything but notes, oldest first."""

    ticket: Ticket
    messages: tuple[Message, ...] = ()  # in a list of tickets not filled in
    replies: int = 0  # how many of them are staff's
    follow_ups: int = 0  # how many are the reporter's


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """One page of a search."""

    query: TicketQuery
    items: tuple[TicketDetails, ...]
    total: int  # on all pages: exact without a text, and with one how many it was found in
