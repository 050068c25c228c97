"""The types a wire contract is declared with: `Source`, its endpoints, and the errors they respond with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from bot.sources.requests import ApiKeyInfo, RateLimitState, Request
from bot.tickets.errors import TicketError
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import NewTicket, Ticket
from bot.tickets.workspace import Workspace

JsonObject = Mapping[str, Any]  # a JSON object about to be sent

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """An invalid field of a request, in the contract's spelling, and what is wrong with it."""

    field: str
    reason: str  # continues the sentence after the name: "is required"


class ApiError(Exception):
    """An HTTP error: a status and a sentence, sent in the error format of the source it concerns."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        retry_after: int | None = None,
        body: JsonObject | bytes | None = None,
        violations: Sequence[FieldViolation] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code  # the contract's word for it, where that is not the status's own
        self.violations = violations  # of HTTP 400, where fields are invalid
        self.retry_after = retry_after  # whole seconds; for 429, and while the database fails
        # Where a contract has another body for this one error than its error format; bytes in its codec.
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPage:
    """A web page for people."""

    html: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)  # besides those of every page


class AnswerProblem(Enum):
    """Why an answer that a reporter typed on their ticket's page was not saved."""

    EMPTY = auto()
    TOO_LONG = auto()
    TOO_LARGE = auto()  # more bytes than a request may have: the text was not read
    UNREADABLE = auto()  # no form, a damaged one, or one that did not arrive in time
    TOO_MANY = auto()  # beyond the rate limit
    VIEW_ONLY = auto()
    CLOSED = auto()
    NO_REPORTER = auto()  # nobody filed the ticket who could answer
    WRONG_LINK = auto()
    FAILED = auto()  # the database did not take it; whether it was stored is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """What the conversation page of a ticket shows."""

    details: TicketDetails | None  # with the newest replies and follow-ups; None: no ticket can be shown
    workspace: Workspace | None  # of the ticket
    form_id: str  # random; sent with the form, so that a form is stored once
    text: str = ""  # what was typed and not saved
    problem: AnswerProblem | None = None
    retry_after: int = 0  # seconds, for TOO_MANY
    is_saved: bool = False  # an answer was just saved


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """An HTTP request, as far as an endpoint reads it."""

    path_params: Mapping[str, str]
    query: Mapping[str, str]  # the first one of parameters with the same name
    body: bytes
    base_url: str = ""  # the scheme and host that the client used


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How the bodies of one operation are encoded, where that is not JSON."""

    content_type: str
    request: str  # what the body of a request is, in the API's description; "" if there is none
    response: str  # what the body of HTTP 200 is
    error: str  # what the body of every error is
    decode: Callable[[bytes], bytes]  # to the JSON text that the operation parses; raises ApiError(400)
    encode: Callable[[JsonObject], bytes]  # of what the operation serialized


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCodec:
    """How all errors below a path prefix are encoded, where that is not JSON."""

    content_type: str
    encode: Callable[[ApiError], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path and method, as the OpenAPI document describes it."""

    method: str = "GET"
    path: str  # absolute, without a trailing slash; {name} stands for one segment
    summary: str = ""  # one line: what it is for
    body: type[BaseModel] | None = None  # the JSON object, or the form, that it accepts
    body_type: str = "application/json"  # the body's content type, if there is no codec
    query: type[BaseModel] | None = None  # the query it accepts
    path_params: Mapping[str, Any] = field(default_factory=dict)  # types of those that are not any text
    response: Any = dict  # the body of HTTP 200: a TypedDict, a union, str for text; None: never HTTP 200
    text_types: tuple[str, ...] = ("text/plain",)  # the content types of text; all else is JSON
    other_responses: Mapping[int, Any] = field(default_factory=dict)  # bodies that are no errors, by status
    errors: Mapping[type[TicketError], ApiError] = field(default_factory=dict)  # before those of its source
    example: JsonObject | None = None  # a request in JSON as its page prints it; the demo sends it
    codec: Codec | None = None  # None: its bodies are JSON

    @property
    def path_param_names(self) -> tuple[str, ...]:
        """The names in braces, in the order of the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOperation(Operation):
    """A path of the bridge itself, for the API keys of every source, with errors in the default format."""

    statuses: tuple[int, ...] = ()  # of its errors, besides those that every such path has


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeEndpoint(Operation):
    """A path that creates a ticket from the body of a POST."""

    method: str = "POST"
    parse: Callable[[bytes], NewTicket]  # raises ApiError(400)
    serialize: Callable[[Ticket], JsonObject]  # the body of HTTP 200
    page_path: str = (
        ""  # of the page on which its reporter reads and answers a ticket: a ConversationEndpoint
    )
    # What is added to the body: the address of that page, with the ticket's token. None: nothing is.
    serialize_page_url: Callable[[str], JsonObject] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Operation, Generic[ResultT]):
    """A path that reads or updates tickets: parses an HTTP request, and serializes the request's result."""

    request: type[Request[ResultT]]
    parse: Callable[[ApiRequest], Request[ResultT]]  # a `request`; raises ApiError(400)
    serialize: Callable[[ResultT], JsonObject]  # the body of HTTP 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheckEndpoint(Operation):
    """A path that says whether the API key in it is valid. Needs no authentication."""

    parse: Callable[[ApiRequest], str]  # the key
    serialize: Callable[[ApiKeyInfo | None], JsonObject]  # None: the key is not valid


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEndpoint(Operation):
    """A web page about one ticket, found by its public id. Needs no authentication.

    No game server calls it: with another method its path is an unknown one.
    """

    response: Any = str
    text_types: tuple[str, ...] = ("text/html",)
    other_responses: Mapping[int, Any] = field(default_factory=lambda: {404: str})
    parse: Callable[[ApiRequest], str]  # the public id
    render: Callable[[TicketDetails | None], HtmlPage]  # None: there is no such ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEndpoint(PageEndpoint):
    """A page that, with the ticket's token in the query, shows the conversation and a form for an answer."""

    render_conversation: Callable[[ConversationView], str]  # HTML


class AnswerForm(BaseModel):
    """What a reporter adds to their ticket on its page."""

    text: str
    form_id: str = Field(
        default="", description="As the page has it: a form that is sent twice is stored once."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEndpoint(ConversationEndpoint):
    """Takes the form of a conversation's page. Without the ticket's token, its path is an unknown one."""

    method: str = "POST"
    body: type[BaseModel] | None = AnswerForm
    body_type: str = "application/x-www-form-urlencoded"
    response: Any = None
    other_responses: Mapping[int, Any] = field(
        default_factory=lambda: dict.fromkeys((303, 400, 404, 408, 409, 413, 415, 429, 503), str)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEndpoint(Operation):
    """A text file for developers. Needs no authentication."""

    response: Any = str
    content: Callable[[], bytes]  # UTF-8


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureNotice:
    """A request of a game's platform to erase a player; it has the same id when it is repeated."""

    id: str
    player_id: str  # as the reporter of the player's tickets has it


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureWebhook(Operation):
    """A path to which a game's platform sends signed requests to erase players.

    Its one parameter is `workspace`, whose id it is. Needs no API key.
    """

    method: str = "POST"
    signature_header: str
    # Checks the header's value with the workspace's secret; raises ApiError(401).
    verify: Callable[[str, str, bytes, datetime], None]
    parse: Callable[[bytes], ErasureNotice | None]  # None: nothing is to be erased; raises ApiError(400)
    serialize: Callable[[ErasureNotice | None], JsonObject]  # the body of HTTP 200


PublicEndpoint = KeyCheckEndpoint | PageEndpoint | FileEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many requests are accepted in any window of `seconds`."""

    requests: int
    seconds: float
    per: str = "key"  # "key" or "address"
    headers: Callable[[RateLimitState], Mapping[str, str]] = lambda state: {}  # besides the usual ones


def allow_all(workspace: Workspace) -> None:
    """Let every workspace use the source."""


def any_player_id(text: str) -> str | None:
    """Take any text for a player's id, without the blanks around it."""
    return text.strip() or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A wire contract: its paths, its authentication and rate limit, and its error format."""

    name: str  # the folder's name; stored with every ticket
    summary: str = ""  # one line: whose API it is
    path_prefixes: tuple[str, ...]  # errors for every path below one of these have this source's format
    key_headers: tuple[str, ...]  # any of them carries the API key; two different keys are none
    rate_limit: RateLimit
    intake_endpoints: tuple[IntakeEndpoint, ...]
    new_public_ids: Callable[[NewTicket, datetime], Iterator[str]]  # endless candidates for the public id
    format_error: Callable[[ApiError], JsonObject]  # the body of an error
    # Paths below which its clients ask for what is not served: HTTP 404, and a line of the log for each.
    unserved_prefixes: tuple[str, ...] = ()
    error_codecs: Mapping[str, ErrorCodec] = field(default_factory=dict)  # by path prefix; JSON elsewhere
    endpoints: tuple[Endpoint[Any], ...] = ()
    public_endpoints: tuple[PublicEndpoint, ...] = ()  # without authentication
    erasure_webhook: ErasureWebhook | None = None
    errors: Mapping[type[TicketError], ApiError] = field(default_factory=dict)  # by a ticket's error
    authorize: Callable[[Workspace], None] = allow_all  # raises ApiError(403) before the body is read
    # A player's id as the reporter of their tickets has it; None for what cannot be one.
    normalize_player_id: Callable[[str], str | None] = any_player_id
    categories: frozenset[str] | None = None  # those it knows; None: the workspace says which there are

    @property
    def operations(self) -> tuple[IntakeEndpoint | Endpoint[Any] | PublicEndpoint | ErasureWebhook, ...]:
        webhooks = () if self.erasure_webhook is None else (self.erasure_webhook,)
        return (*self.intake_endpoints, *self.endpoints, *self.public_endpoints, *webhooks)
