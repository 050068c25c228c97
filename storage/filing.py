"""Filing a ticket: every row of an accepted request, in one go of the writer's thread. Never commits."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime

from bot.tickets.errors import OpenTicketLimitReached
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.ticket import NewTicket, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import answered_rows, outbox_rows, ticket_rows, workspace_rows
from storage.ticket_rows import dump
from storage.workspace_store import unknown_workspace

_OPEN = dump([Status.OPEN, Status.IN_PROGRESS])


def file(
    db: sqlite3.Connection,
    workspace_id: str,
    new: NewTicket,
    ids: Iterator[str],
    now: datetime,
    *,
    channel_id: int | None = None,
) -> Ticket:
    """Keep a ticket where its workspace's rules put it. Raises TooManyOpen, UnknownWorkspace."""
    workspace = _workspace(db, workspace_id)
    most = workspace.open_ticket_limit(new)
    if most is not None and _count_open(db, workspace_id, new) >= most:
        raise OpenTicketLimitReached
    department = workspace.department_for(new.category).id
    ticket = ticket_rows.insert(db, new, workspace_id=workspace_id, department=department, ids=ids, now=now)
    channel = channel_id or workspace.channel_for(new, department)
    rows = [outbox_rows.values_of(ticket, kind, channel, now) for kind in new.initial_deliveries]
    db.executemany(outbox_rows.INSERT, rows)
    return ticket


def carried_out_once(
    db: sqlite3.Connection, once: IdempotencyKey | None, now: datetime, act: Callable[[], bytes]
) -> StoredResponse:
    """What the same request was answered before; otherwise what `act` answers. Raises DifferentRequest."""
    if once is None:
        return StoredResponse(body=act())
    kept = answered_rows.answer_in(db.execute(*answered_rows.asking_for(once, now)), once)
    if kept is not None:
        return StoredResponse(body=kept, replayed=True)
    body = act()
    db.execute(answered_rows.FORGET, answered_rows.by(now))
    db.execute(answered_rows.INSERT, answered_rows.values_of(once, body))
    return StoredResponse(body=body)


def _workspace(db: sqlite3.Connection, workspace_id: str) -> Workspace:
    """Read each time: its rules may have changed since the request was let in."""
    row = db.execute(workspace_rows.BY_ID, {"id": workspace_id}).fetchone()
    if row is None:
        raise unknown_workspace(workspace_id)
    return workspace_rows.workspace_of(row)


def _count_open(db: sqlite3.Connection, workspace_id: str, new: NewTicket) -> int:
    """How many open tickets the reporter of a new one has in its category; no game reports."""
    values = {
        "source": new.source,
        "reporter": new.reporter.id,
        "workspace": workspace_id,
        "category": new.category,
        "statuses": _OPEN,
    }
    count: int = db.execute(_COUNT_OPEN, values).fetchone()[0]
    return count


_COUNT_OPEN = """
    SELECT count(*) FROM tickets
    WHERE source = :source AND reporter_id = :reporter AND workspace_id = :workspace
      AND category = :category AND view_only = 0
      AND status IN (SELECT value FROM json_each(:statuses))
"""
