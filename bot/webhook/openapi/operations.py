"""What can be told of a route without calling it. Knows nothing of OpenAPI."""

import inspect
import re
from collections.abc import Iterable
from typing import Any

from bot.sources.contract import Endpoint, IntakeEndpoint, Source
from bot.sources.requests import CheckApiKey, GetTicket, Request, UpdateTicket
from bot.tickets.errors import (
    IdempotencyKeyReused,
    OpenTicketLimitReached,
    TicketError,
    UnknownCategory,
    UnknownTicket,
)

AnyEndpoint = IntakeEndpoint | Endpoint


def operation_id(source: Source, route: AnyEndpoint) -> str:
    """A name that no other route has: `<source>-post-tickets-create`."""
    return re.sub(r"\W+", "-", f"{source.name} {route.method} {route.path}").strip("-").lower()


def path_param_names(route: AnyEndpoint) -> list[str]:
    """Those that its path has in braces."""
    return re.findall(r"{(\w+)}", route.path)


def has_body(route: AnyEndpoint) -> bool:
    return isinstance(route, IntakeEndpoint) or route.body is not None


def is_idempotent(route: AnyEndpoint) -> bool:
    """Whether its repeats are known, and so an Idempotency-Key is read."""
    return isinstance(route, IntakeEndpoint) or UpdateTicket in _request_types(route)


def checks_api_key(route: AnyEndpoint) -> bool:
    return CheckApiKey in _request_types(route)


def possible_errors(source: Source, route: AnyEndpoint) -> Iterable[type[TicketError]]:
    """What a ticket or its workspace may say to a request."""
    if isinstance(route, IntakeEndpoint):
        unknown = (UnknownCategory,) if source.categories is None else ()
        return (*unknown, OpenTicketLimitReached, IdempotencyKeyReused)
    if UpdateTicket in _request_types(route):
        return (UnknownTicket, IdempotencyKeyReused, *route.errors, *source.errors)
    return (UnknownTicket,) if GetTicket in _request_types(route) else ()


def _request_types(route: AnyEndpoint) -> tuple[type[Request[Any]], ...]:
    """What a request to the route becomes, as its `read` says; if that does not say, what it may become."""
    if isinstance(route, IntakeEndpoint):
        return ()
    wish = inspect.get_annotations(route.parse).get("return")
    if isinstance(wish, type) and issubclass(wish, Request):
        return (wish,)
    return (GetTicket, CheckApiKey) if route.method == "GET" else (UpdateTicket,)
