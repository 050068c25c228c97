"""The types a wire contract is declared with: `Source`, its endpoints, and the errors they answer with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from bot.sources.requests import RateLimitState, Request
from bot.tickets.errors import TicketError
from bot.tickets.ticket import NewTicket, Ticket
from bot.tickets.workspace import Workspace

JsonObject = Mapping[str, Any]  # a JSON object about to be sent


class ApiError(Exception):
    """A request that gets nothing: an HTTP status and a sentence, worn in its source's own envelope."""

    def __init__(
        self, status: int, message: str, *, retry_after: int | None = None, body: JsonObject | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after  # whole seconds, for 429 and for a database that is away
        self.body = body  # where a contract puts this one refusal in other words than its envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPage:
    """A page for people, not for programs."""

    html: str
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request, as an endpoint reads it."""

    path_params: Mapping[str, str]  # the values of the path's {names}
    query: Mapping[str, str]  # of two equal names the first one
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path and method. What is said of it here is what the API's description says."""

    path: str  # absolute, without a trailing slash; {name} stands for one segment
    summary: str = ""  # one line: what it is for
    body: type[BaseModel] | None = None  # the JSON object it takes
    query: type[BaseModel] | None = None  # the query it takes
    path_params: Mapping[str, Any] = field(
        default_factory=dict
    )  # types of the {names}, where not any text fits
    response: Any = dict  # a TypedDict (or a union of them): what it answers with HTTP 200; Page for a page
    errors: Mapping[type[TicketError], ApiError] = field(default_factory=dict)  # before those of its source
    example: JsonObject | None = (
        None  # a request as its page prints it: the demo sends it, the README shows it
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeEndpoint(Operation):
    """One way in: a path that takes a POST, what it makes of the body, what it says once that is kept."""

    id_pointer: str = ""  # where in its answer the ticket's id stands, as a JSON pointer
    parse: Callable[[bytes], NewTicket]  # raises Refused(400, ...)
    serialize: Callable[[Ticket], JsonObject]  # sent with HTTP 200

    @property
    def method(self) -> str:
        return "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Operation):
    """Any other path and method: `read` makes a request of a call, `answer` a body of its result."""

    method: str
    parse: Callable[[ApiRequest], Request[Any]]  # raises Refused(400, ...)
    serialize: Callable[[Any], JsonObject | HtmlPage]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many requests are accepted in any window of `seconds`."""

    requests: int
    seconds: float
    per: str = "key"  # "key" or "address"
    headers: Callable[[RateLimitState], Mapping[str, str]] = lambda allowance: {}  # besides the usual ones


def allow_all(workspace: Workspace) -> None:
    """Every workspace may use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A wire contract."""

    name: str  # the folder's name; kept with every ticket
    summary: str = ""  # one line: whose words these are
    path_prefixes: tuple[str, ...]  # every path below one of these is answered in this source's envelope
    key_headers: tuple[str, ...]  # any of them carries the API key; two that differ are no key
    rate_limit: RateLimit
    intake_endpoints: tuple[IntakeEndpoint, ...]
    new_public_ids: Callable[[NewTicket, datetime], Iterator[str]]  # endless candidates for the public id
    format_error: Callable[[ApiError], JsonObject]  # the error envelope
    endpoints: tuple[Endpoint, ...] = ()
    public_endpoints: tuple[Endpoint, ...] = ()  # for who has no key
    errors: Mapping[type[TicketError], ApiError] = field(default_factory=dict)  # what a ticket's no is here
    authorize: Callable[[Workspace], None] = allow_all  # raises Refused(403, ...) before anything is read
    categories: frozenset[str] | None = None  # those it knows; None: the workspace says which there are

    @property
    def operations(self) -> tuple[IntakeEndpoint | Endpoint, ...]:
        return (*self.intake_endpoints, *self.endpoints, *self.public_endpoints)
