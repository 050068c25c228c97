"""What a game server can ask for besides filing a ticket. Translated from its words; granted elsewhere.

A wish says by its type what it is granted: the `Wish[Case]` of an endpoint is answered with a Case.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from bot.tickets.message import Actor, NewMessage
from bot.tickets.queries import TicketDetails, TicketPage, TicketQuery
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace

ResultT = TypeVar("ResultT", covariant=True)


class Request(Generic[ResultT]):
    """Carried out within the workspace of the API key and the key's source; a Refusal may be the answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResult:
    """What came of work on a ticket: as it is now, and its workspace."""

    ticket: Ticket
    workspace: Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitState:
    """How much a sender may still send, at this moment."""

    limit: int  # requests in the window
    remaining: int
    reset_seconds: float  # until the whole limit is there again
    retry_after_seconds: float = 0.0  # until there is room for one more; 0 while there is


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyInfo:
    """What is known of an API key. None: it opens nothing."""

    workspace: Workspace
    rate_limit: RateLimitState
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTicket(Request[TicketDetails]):
    """One ticket, by its public id or its uid, with what was said on it."""

    ticket_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTickets(Request[tuple[TicketDetails, ...]]):
    """Those of these tickets that there are, in the order asked for."""

    ticket_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTickets(Request[TicketPage]):
    """A page of tickets."""

    query: TicketQuery
    visible_to: str | None = None  # only departments whose tickets this member of staff may see


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTicket(Request[UpdateResult]):
    """Say something on a ticket, change it, or both; all of it or nothing.

    `by` without a name of its own (its name is its id) is called what it was called in its newest ticket.
    """

    ticket_id: str
    actor: Actor
    message: Callable[[Ticket, Actor], NewMessage | None] | None = None  # None: no message
    change: Callable[[Ticket, Workspace, Actor], Ticket] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWorkspace(Request[Workspace]):
    """The rules of the key's workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckApiKey(Request[ApiKeyInfo | None]):
    """Whether a key is good. Needs no key but this one."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPublicTicket(Request[TicketDetails | None]):
    """A ticket of any workspace, by the id people see; for a page without a key, which must not tell much."""

    ticket_id: str
