"""The interface of a database engine: runs transactions, and owns all that differs between databases."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from bot.tickets.queries import Scope, TicketQuery
from storage.db import BatchWork, Db, Item, Result, Topic, Work
from storage.errors import StorageError

TimingObserver = Callable[[str, float], None]  # "wait", "write" or "read", and its seconds
ErrorObserver = Callable[[StorageError], None]


class TicketIds(Protocol):
    """The ids of the tickets that match a query, newest first."""

    @property
    def total(self) -> int:
        """How many match in all."""

    def page(self, limit: int, offset: int, /) -> Sequence[int]:
        """The ids of one page."""


class SearchIndex(Protocol):
    """Lists and text search: written once for each engine, within a transaction of the caller."""

    def match(self, db: Db, scope: Scope, query: TicketQuery) -> TicketIds:
        """Find the tickets of a scope that match a query."""

    def recent_ids(self, db: Db, workspace_ids: Sequence[str], limit: int) -> Sequence[int]:
        """The ids of the newest tickets of workspaces, newest first."""

    def reporter_ids(self, db: Db, source: str, reporter_id: str) -> Sequence[int]:
        """The ids of a reporter's tickets, newest first."""

    def contains(self, text: str | None, part: str) -> bool:
        """Whether a text contains a part, as a search compares them."""

    def index_batch(self, db: Db, limit: int) -> int:
        """Index the next tickets, oldest first; return how many are left."""

    def lag(self, db: Db) -> int:
        """How many tickets are not indexed yet, or changed since."""

    def of_player(self, db: Db, source: str, player_id: str, *, after: int, limit: int) -> Sequence[int]:
        """The first tickets with a greater id than `after` that a player reported or is reported in."""

    def forget(self, db: Db, ids: Sequence[int], player_ids: Sequence[str]) -> None:
        """Take out the texts of tickets, and that players reported them or are reported in them."""

    def forget_former(self, db: Db, player_id: str) -> None:
        """Take out which tickets a player reported or was reported in once, and is no more."""

    def merge(self, db: Db, pages: int) -> bool:
        """Write some pages of the texts' index without what was taken out of it; False once there is none.

        A negative number begins that for the whole index, positive ones continue it.
        """


class Engine(Protocol):
    """Runs transaction functions, each in one transaction that is on the disk when it returns.

    `locks` name what a function must not race for; an engine with one writer has no need of them. Every
    method raises StorageError when the database fails, and ViewOnly when it refuses a reply to a game report.
    """

    broken: asyncio.Event  # set once no write can be trusted: the process has to stop

    @property
    def search(self) -> SearchIndex:
        """Lists and text search."""

    async def write(
        self, work: Work[Result], *, locks: Sequence[str] = (), max_seconds: float | None = None
    ) -> Result:
        """Run and commit; return the result. `max_seconds` is how many seconds it may take.

        Cancelled before its turn, it does not run; cancelled later, it runs once all the same.
        """

    async def write_batched(
        self, work: BatchWork[Item, Result], item: Item, *, locks: Sequence[str] = ()
    ) -> Result:
        """Run and commit, in one call with the items that wait for the same function."""

    async def read(self, work: Work[Result]) -> Result:
        """Run in a read-only transaction: all its statements see the same snapshot."""

    def now(self) -> datetime:
        """The time for what is stored; on a server its own, so that all processes have the same."""

    def subscribe(self, topic: Topic) -> asyncio.Event:
        """Return an event that is set after each commit that notified the topic; the subscriber clears it."""

    def unsubscribe(self, event: asyncio.Event) -> None:
        """Set an event of `subscribe` no more."""

    def set_observer(self, on_timing: TimingObserver, on_error: ErrorObserver) -> None:
        """Set the callbacks for the time of each transaction and for each error."""

    async def health_error(self) -> StorageError | None:
        """Why the database accepts no writes; None if it does. While it fails, each call probes it again."""

    async def purge_log(self) -> bool:
        """Leave nothing in the log of changes that is not in the tables any more.

        Returns False if a reader needs the log, as a backup does: try again later.
        """

    async def close(self) -> None:
        """Finish queued writes, then close the database."""
