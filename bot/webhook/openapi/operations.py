"""What can be told of a route without calling it. Knows nothing of OpenAPI."""

import inspect
import re
from collections.abc import Iterable
from typing import Any

from bot.sources import Endpoint, Intake, Source
from bot.sources.requests import CheckKey, Find, Wish, Work
from bot.tickets import DifferentRequest, Refusal, TooManyOpen, UnknownCategory, UnknownTicket

Way = Intake | Endpoint


def operation_id(source: Source, route: Way) -> str:
    """A name that no other route has: `<source>-post-tickets-create`."""
    return re.sub(r"\W+", "-", f"{source.name} {route.method} {route.path}").strip("-").lower()


def names_in(route: Way) -> list[str]:
    """Those that its path has in braces."""
    return re.findall(r"{(\w+)}", route.path)


def has_body(route: Way) -> bool:
    return isinstance(route, Intake) or route.body is not None


def is_carried_out_once(route: Way) -> bool:
    """Whether its repeats are known, and so an Idempotency-Key is read."""
    return isinstance(route, Intake) or Work in _wishes(route)


def checks_a_key(route: Way) -> bool:
    return CheckKey in _wishes(route)


def noes_to(source: Source, route: Way) -> Iterable[type[Refusal]]:
    """What a ticket or its workspace may say to a request."""
    if isinstance(route, Intake):
        unknown = (UnknownCategory,) if source.categories is None else ()
        return (*unknown, TooManyOpen, DifferentRequest)
    if Work in _wishes(route):
        return (UnknownTicket, DifferentRequest, *route.refusals, *source.refusals)
    return (UnknownTicket,) if Find in _wishes(route) else ()


def _wishes(route: Way) -> tuple[type[Wish[Any]], ...]:
    """What a request to the route becomes, as its `read` says; if that does not say, what it may become."""
    if isinstance(route, Intake):
        return ()
    wish = inspect.get_annotations(route.read).get("return")
    if isinstance(wish, type) and issubclass(wish, Wish):
        return (wish,)
    return (Find, CheckKey) if route.method == "GET" else (Work,)
