"""What a game server can ask for besides filing a ticket. Translated from its words; granted elsewhere.

A wish says by its type what it is granted: the `Wish[Case]` of an endpoint is answered with a Case.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from bot.tickets import Case, Found, Person, Search, Ticket, Words, Workspace

Granted = TypeVar("Granted", covariant=True)


class Wish(Generic[Granted]):
    """Carried out within the workspace of the API key and the key's source; a Refusal may be the answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of work on a ticket: as it is now, and its workspace."""

    ticket: Ticket
    workspace: Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much a sender may still send, at this moment."""

    limit: int  # requests in the window
    remaining: int
    reset_seconds: float  # until the whole limit is there again
    wait_seconds: float = 0.0  # until there is room for one more; 0 while there is


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """What is known of an API key. None: it opens nothing."""

    workspace: Workspace
    allowance: Allowance
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Find(Wish[Case]):
    """One ticket, by its public id or its uid, with what was said on it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindAll(Wish[tuple[Case, ...]]):
    """Those of these tickets that there are, in the order asked for."""

    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Browse(Wish[Found]):
    """A page of tickets."""

    search: Search
    open_to: str | None = None  # only departments whose tickets this member of staff may see


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Wish[Done]):
    """Say something on a ticket, change it, or both; all of it or nothing.

    `by` without a name of its own (its name is its id) is called what it was called in its newest ticket.
    """

    name: str
    by: Person
    say: Callable[[Ticket, Person], Words | None] | None = None  # None: on this ticket nothing is said
    rule: Callable[[Ticket, Workspace, Person], Ticket] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWorkspace(Wish[Workspace]):
    """The rules of the key's workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKey(Wish[KeyCheck | None]):
    """Whether a key is good. Needs no key but this one."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance(Wish[Case | None]):
    """A ticket of any workspace, by the id people see; for a page without a key, which must not tell much."""

    name: str
