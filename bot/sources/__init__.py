"""Wire contracts, one folder each: translate between a game server's words and ours, and nothing else.

A source is found by its folder: `bot/sources/<name>/__init__.py` exports `SOURCE`. It owns its paths, its key
headers, its vocabulary and both of its envelopes.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.tickets import NewTicket, Ticket

Body = Mapping[str, object]  # a JSON object about to be sent


class Refused(Exception):
    """A request that gets no ticket: an HTTP status and a sentence, worn in its source's own envelope."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after  # whole seconds, for 429 and for a database that is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One way in: a path that takes a POST, what it makes of the body, what it says once that is kept."""

    path: str  # absolute, without a trailing slash
    parse: Callable[[bytes], NewTicket]  # raises Refused(400, ...)
    answer: Callable[[Ticket], Body]  # sent with HTTP 200
    example: Body | None = None  # a request as its page prints it: the demo sends it, the README shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many requests are accepted in any window of `seconds`."""

    requests: int
    seconds: float
    per: str = "key"  # "key" or "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A wire contract."""

    name: str  # the folder's name; kept with every ticket
    prefixes: tuple[str, ...]  # every path below one of these is answered in this source's envelope
    key_headers: tuple[str, ...]  # any of them carries the API key; two that differ are no key
    limit: Limit
    intakes: tuple[Intake, ...]
    ids: Callable[[NewTicket, datetime], Iterator[str]]  # endless candidates for the public id
    refuse: Callable[[Refused], Body]  # the error envelope


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
