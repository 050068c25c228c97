"""Wire contracts, one folder each: translate between a game server's words and ours, and nothing else.

A source is found by its folder: `bot/sources/<name>/__init__.py` exports `SOURCE`. It owns its paths, its key
headers, its vocabulary and both of its envelopes.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from bot.sources.requests import Allowance, Wish
from bot.tickets import NewTicket, Refusal, Ticket, Workspace

Body = Mapping[str, Any]  # a JSON object about to be sent


class Refused(Exception):
    """A request that gets nothing: an HTTP status and a sentence, worn in its source's own envelope."""

    def __init__(
        self, status: int, message: str, *, retry_after: int | None = None, body: Body | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after  # whole seconds, for 429 and for a database that is away
        self.body = body  # where a contract puts this one refusal in other words than its envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page for people, not for programs."""

    html: str
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as an endpoint reads it."""

    path: Mapping[str, str]  # the values of the path's {names}
    query: Mapping[str, str]  # of two equal names the first one
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path and method. What is said of it here is what the API's description says."""

    path: str  # absolute, without a trailing slash; {name} stands for one segment
    summary: str = ""  # one line: what it is for
    body: type[BaseModel] | None = None  # the JSON object it takes
    query: type[BaseModel] | None = None  # the query it takes
    names: Mapping[str, Any] = field(default_factory=dict)  # types of the {names}, where not any text fits
    says: Any = dict  # a TypedDict (or a union of them): what it answers with HTTP 200; Page for a page
    refusals: Mapping[type[Refusal], Refused] = field(default_factory=dict)  # before those of its source
    example: Body | None = None  # a request as its page prints it: the demo sends it, the README shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake(Route):
    """One way in: a path that takes a POST, what it makes of the body, what it says once that is kept."""

    id_at: str = ""  # where in its answer the ticket's id stands, as a JSON pointer
    parse: Callable[[bytes], NewTicket]  # raises Refused(400, ...)
    answer: Callable[[Ticket], Body]  # sent with HTTP 200

    @property
    def method(self) -> str:
        return "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Route):
    """Any other path and method: `read` makes a request of a call, `answer` a body of its result."""

    method: str
    read: Callable[[Call], Wish[Any]]  # raises Refused(400, ...)
    answer: Callable[[Any], Body | Page]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many requests are accepted in any window of `seconds`."""

    requests: int
    seconds: float
    per: str = "key"  # "key" or "address"
    headers: Callable[[Allowance], Mapping[str, str]] = lambda allowance: {}  # besides the usual ones


def no_gate(workspace: Workspace) -> None:
    """Every workspace may use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A wire contract."""

    name: str  # the folder's name; kept with every ticket
    summary: str = ""  # one line: whose words these are
    prefixes: tuple[str, ...]  # every path below one of these is answered in this source's envelope
    key_headers: tuple[str, ...]  # any of them carries the API key; two that differ are no key
    limit: Limit
    intakes: tuple[Intake, ...]
    ids: Callable[[NewTicket, datetime], Iterator[str]]  # endless candidates for the public id
    refuse: Callable[[Refused], Body]  # the error envelope
    endpoints: tuple[Endpoint, ...] = ()
    open_endpoints: tuple[Endpoint, ...] = ()  # for who has no key
    refusals: Mapping[type[Refusal], Refused] = field(default_factory=dict)  # what a ticket's no is here
    gate: Callable[[Workspace], None] = no_gate  # raises Refused(403, ...) before anything is read
    categories: frozenset[str] | None = None  # those it knows; None: the workspace says which there are

    @property
    def routes(self) -> tuple[Intake | Endpoint, ...]:
        return (*self.intakes, *self.endpoints, *self.open_endpoints)


def discover() -> dict[str, Source]:
    """Every source by name. Raises TypeError, with the cure, for a folder that exports none."""
    found = {}
    for folder in pkgutil.iter_modules(__path__):
        if not folder.ispkg:  # what the sources share, such as reading.py
            continue
        module = importlib.import_module(f"{__name__}.{folder.name}")
        source = getattr(module, "SOURCE", None)
        if not isinstance(source, Source) or source.name != folder.name:
            raise TypeError(
                f"bot/sources/{folder.name} must export SOURCE = Source(name={folder.name!r}, ...)"
            )
        found[source.name] = source
    return found
