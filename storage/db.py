"""The interface of an open transaction, and the subset of SQL that every repository is written in.

Statements have named parameters (`:name`). A list is a parameter like any other: `= ANY(:ids)`,
`<> ALL(:ids)`, `FROM each_number(:ids) AS one` and `FROM each_text(:names) AS one`, with the column `value`.
`JOIN FIRST` keeps the order of its tables, `FOR UPDATE` locks the selected rows. An engine translates what it
spells otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Protocol, TypeVar

Params = Mapping[str, object]


class Topic(Enum):
    """What a subscriber can wait for."""

    OUTBOX = auto()  # new deliveries
    EVENTS = auto()  # new events for game servers
    PUSHES = auto()  # events that can be pushed to an endpoint
    ERASURES = auto()  # players to be erased


class Row(Protocol):
    """A row of a result: values by column name."""

    def __getitem__(self, column: str, /) -> Any: ...


class Db(Protocol):
    """An open transaction, in the engine's thread."""

    def all(self, sql: str, params: Params = ..., /) -> Sequence[Row]:
        """Run a query; return all its rows."""

    def one(self, sql: str, params: Params = ..., /) -> Row | None:
        """Run a statement; return its first row, or None."""

    def run(self, sql: str, params: Params = ..., /) -> int:
        """Run a statement; return how many rows it changed."""

    def run_many(self, sql: str, rows: Sequence[Params], /) -> int:
        """Run a statement once for each set of parameters; return how many rows they changed in all."""

    def next_ids(self, table: str, count: int, /) -> Sequence[int]:
        """Return ids for so many new rows of a table, ascending; each is above all that the table has."""

    def notify(self, topic: Topic, /) -> None:
        """Wake those who wait for this, once the transaction is committed."""


Result = TypeVar("Result")

# A transaction function: it neither begins nor commits, has no effect outside of `db`, and may run again
# after a rollback. So may every callback it calls.
Work = Callable[[Db], Result]
Item = TypeVar("Item")
# The same for several callers at once: one result for each item, in their order; an exception among the
# results is raised to the caller of that item alone.
BatchWork = Callable[[Db, Sequence[Item]], Sequence[Result | Exception]]


class RunAgain(Exception):
    """Raised by a transaction function to be rolled back and called again."""
