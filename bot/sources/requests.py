"""What a game server can ask for besides creating a ticket, as typed requests that know no wire format.

`Request[T]` is answered with a T by `bot.webhook.request_handlers`, within the workspace of the API key and
the key's source.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from bot.tickets.api_keys import ApiKey
from bot.tickets.events import TicketEvent
from bot.tickets.message import Actor, NewMessage
from bot.tickets.queries import TicketDetails, TicketPage, TicketQuery
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace

ResultT = TypeVar("ResultT", covariant=True)


class Request(Generic[ResultT]):
    """A query or an update. May be answered with a TicketError instead of its result."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTicket(Request[TicketDetails]):
    """One ticket with its messages, by its public id or its uid."""

    ticket_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTickets(Request[tuple[TicketDetails, ...]]):
    """Those of these tickets that exist, in this order."""

    ticket_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTickets(Request[TicketPage]):
    """A page of tickets."""

    query: TicketQuery
    visible_to: str | None = None  # only tickets of departments that this member of staff may see


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWorkspace(Request[Workspace]):
    """The workspace of the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPublicUrl(Request[str]):
    """The address of the bridge for players and game servers, without a slash at the end."""

    base_url: str  # the one that the client used; the answer where none is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """What players and staff in the game are to be told, oldest first."""

    events: tuple[TicketEvent, ...]  # replies to reporters, and closings of their tickets
    tickets: tuple[Ticket, ...]  # new ones, for staff
    until: datetime  # the `since` of the server's next request
    public_url: str  # of the bridge, without a slash at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNotifications(Request[Notifications]):
    """News for the players and staff on a game server."""

    reporter_ids: Collection[str]  # of the players who are there
    since: datetime | None  # None: no new tickets
    base_url: str  # as in GetPublicUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmEvents(Request[None]):
    """A player was told of some events, which are not sent to a game server again."""

    reporter_id: str
    is_confirmed: Callable[[str], bool]  # by an event's id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore(Request[None]):
    """Something that is accepted and not stored, such as that a player has joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateResult:
    """A ticket after an update, and its workspace."""

    ticket: Ticket
    workspace: Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTicket(Request[UpdateResult]):
    """Add messages to a ticket, change it and set who is assigned to it, in one transaction.

    Claims that are made or given up later, in Discord too, leave the assignees as they are.

    An `actor` without a name (its name is its id) gets the name that its newest ticket has, if there is one.
    """

    ticket_id: str
    actor: Actor
    messages: Callable[[Ticket, Actor], Sequence[NewMessage]] | None = None
    change: Callable[[Ticket, Workspace, Actor], Ticket] | None = None
    assignees: Sequence[Actor] | None = None  # besides its claimer, in place of those before

    @property
    def only_adds_messages(self) -> bool:
        return self.messages is not None and self.change is None and self.assignees is None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitState:
    """How much of a rate limit a client has left."""

    limit: int  # requests in the window
    remaining: int
    reset_seconds: float  # until the whole limit is available again
    retry_after_seconds: float = 0.0  # until one more request is accepted; 0 if one is now


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyInfo:
    """A valid API key: its workspace, its last use before this check, and its rate limit."""

    key: ApiKey
    workspace: Workspace
    last_used_at: datetime | None  # to the minute
    rate_limit: RateLimitState
    now: datetime
