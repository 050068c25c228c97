"""Sample workspaces, tickets and messages for tests of the storage; and plain SQL connections to its file."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bot.tickets.message import Actor, NewMessage
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import NewTicket, Player, Priority, Ticket
from bot.tickets.workspace import NewWorkspace, Workspace
from storage import Store, open_store

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
HUB = NewWorkspace(name="hub", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4)
WRITER = Actor(id="11", name="Alice")

_numbers = count(1)


def new_ticket(
    *,
    subject: str = "It broke",
    body: str = "Quite badly.",
    source: str = "somewhere",
    reporter_id: str = "7",
    category: str = "bug",
    view_only: bool = False,
    is_private: bool = False,
) -> NewTicket:
    return NewTicket(
        source=source,
        view_only=view_only,
        is_private=is_private,
        subject=subject,
        body=body,
        category=category,
        priority=Priority.NORMAL,
        reporter=Player(id=reporter_id, name="rey"),
    )


def ids() -> Iterator[str]:
    """Public ids that no ticket has."""
    while True:
        yield f"T-{next(_numbers)}"


def named(ticket: Ticket) -> bytes:
    """A response to the creation of a ticket."""
    return ticket.public_id.encode()


def update_response(details: TicketDetails, workspace: Workspace) -> bytes:
    """A response to an update of a ticket."""
    return f"{details.ticket.public_id} in {workspace.name}: {details.ticket.status.value}".encode()


def replying(text: str = "We are on it.") -> Callable[[Ticket], NewMessage]:
    return lambda ticket: ticket.reply(WRITER, text)


def noting(text: str = "Seen him before.") -> Callable[[Ticket], NewMessage]:
    return lambda ticket: ticket.note(WRITER, text)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    """A store, closed when the block ends."""
    store = await open_store(path)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of another program: without the store's settings, every statement its own transaction."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as db:
        yield db


def everything_in(db: sqlite3.Connection) -> list[object]:
    """The schema and every row. (`iterdump` cannot read a full-text index without contents.)"""
    schema = db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    tables = [name for kind, name, sql in schema if kind == "table" and not sql.startswith("CREATE VIRTUAL")]
    rows = [db.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]  # noqa: S608  # ours
    return [schema, *rows]


def counted(path: Path, table: str) -> int:
    with raw(path) as db:
        count_of: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # ours
    return count_of
