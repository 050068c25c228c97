"""Creates and updates tickets: each request is executed once, in one transaction."""

import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

import aiosqlite

from bot.tickets.errors import OpenTicketLimitReached
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.message import Actor, NewMessage
from bot.tickets.queries import Scope, TicketDetails
from bot.tickets.ticket import NewTicket, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import idempotency, outbox, tickets, workspaces
from storage.idempotency import run_idempotent
from storage.mapping import to_json
from storage.sqlite.engine import BatchWriter
from storage.tickets import apply_change, insert_message, require_in_scope
from storage.workspaces import require_workspace, unknown_workspace

_OPEN_STATUSES = to_json([Status.OPEN, Status.IN_PROGRESS])


TicketChange = Callable[[Ticket, Workspace], Ticket]
MessageComposer = Callable[[Ticket], NewMessage | None]


class IntakeStore(BatchWriter):
    """Every method is one transaction. A ticket outside of the given scope raises UnknownTicket."""

    async def add_ticket(
        self,
        workspace_id: str,
        new: NewTicket,
        ids: Iterator[str],
        now: datetime,
        *,
        channel_id: int | None = None,
    ) -> Ticket:
        """Store a ticket and its first deliveries. `ids` are endless candidates for its public id.

        `channel_id` is where to create a private thread; by default the workspace names the channel.
        Raises OpenTicketLimitReached, UnknownWorkspace.
        """
        return await self._submit(
            lambda db: insert_ticket(db, workspace_id, new, ids, now, channel_id=channel_id)
        )

    async def create_ticket(
        self,
        workspace_id: str,
        new: NewTicket,
        ids: Iterator[str],
        now: datetime,
        *,
        idempotency_key: IdempotencyKey | None,
        serialize_response: Callable[[Ticket], bytes],
    ) -> StoredResponse:
        """Store a ticket and the response of its request; the same request again gets that response.

        Raises IdempotencyKeyReused, OpenTicketLimitReached, UnknownWorkspace.
        """

        def write(db: sqlite3.Connection) -> StoredResponse:
            return run_idempotent(
                db,
                idempotency_key,
                now,
                lambda: serialize_response(insert_ticket(db, workspace_id, new, ids, now)),
            )

        return await self._submit(write)

    async def stored_response(self, idempotency_key: IdempotencyKey, now: datetime) -> StoredResponse | None:
        """The stored response of the same request, or None. Raises IdempotencyKeyReused."""
        async with self._read() as db:
            body = await idempotency.find(db, idempotency_key, now)
        return None if body is None else StoredResponse(body=body, replayed=True)

    async def update_ticket(
        self,
        scope: Scope,
        name: str,
        *,
        actor: Actor,
        message: MessageComposer | None,
        change: TicketChange | None,
        idempotency_key: IdempotencyKey | None,
        now: datetime,
        serialize_response: Callable[[TicketDetails, Workspace], bytes],
    ) -> StoredResponse:
        """Add a message to a ticket, change it, or both; the same request again gets the same response.

        `name` is a public id or uid. Raises what the ticket and the workspace raise, UnknownTicket and
        IdempotencyKeyReused.
        """

        async def update(db: aiosqlite.Connection) -> bytes:
            ticket = await require_in_scope(db, scope, name)
            workspace = await require_workspace(db, ticket.workspace_id)
            new_message = message(ticket) if message is not None else None
            if new_message is not None:
                origin = f"{scope.source}:{secrets.token_hex(16)}"
                await insert_message(db, workspace, ticket, new_message, origin, now)
            if change is not None:
                ticket = await apply_change(db, workspace, ticket, change(ticket, workspace), actor, now)
            return serialize_response(TicketDetails(ticket=ticket), workspace)

        return await self._run_idempotent(update, idempotency_key, now)

    async def _run_idempotent(
        self,
        act: Callable[[aiosqlite.Connection], Awaitable[bytes]],
        key: IdempotencyKey | None,
        now: datetime,
    ) -> StoredResponse:
        async with self._write() as db:
            stored = await idempotency.find(db, key, now) if key else None
            if stored is not None:
                return StoredResponse(body=stored, replayed=True)
            body = await act(db)
            if key is not None:
                await idempotency.insert(db, key, body, now)
        self._notify_outbox()
        return StoredResponse(body=body)


def insert_ticket(
    db: sqlite3.Connection,
    workspace_id: str,
    new: NewTicket,
    ids: Iterator[str],
    now: datetime,
    *,
    channel_id: int | None = None,
) -> Ticket:
    """Insert a ticket and its first deliveries by its workspace's rules. In the thread of the writer.

    Raises OpenTicketLimitReached, UnknownWorkspace.
    """
    workspace = _require_workspace(db, workspace_id)
    limit = workspace.open_ticket_limit(new)
    if limit is not None and _count_open(db, workspace_id, new) >= limit:
        raise OpenTicketLimitReached
    department = workspace.department_for(new.category).id
    ticket = tickets.insert(db, new, workspace_id=workspace_id, department=department, ids=ids, now=now)
    channel = channel_id or workspace.channel_for(new, department)
    rows = [outbox.insert_params(ticket, kind, channel, now) for kind in new.initial_deliveries]
    db.executemany(outbox.INSERT, rows)
    return ticket


def _require_workspace(db: sqlite3.Connection, workspace_id: str) -> Workspace:
    """Read within the transaction: its rules may have changed since the request was authenticated."""
    row = db.execute(workspaces.SELECT_BY_ID, {"id": workspace_id}).fetchone()
    if row is None:
        raise unknown_workspace(workspace_id)
    return workspaces.workspace_from_row(row)


def _count_open(db: sqlite3.Connection, workspace_id: str, new: NewTicket) -> int:
    """Count the open tickets of the reporter in the category of a new one, without game reports."""
    values = {
        "source": new.source,
        "reporter": new.reporter.id,
        "workspace": workspace_id,
        "category": new.category,
        "statuses": _OPEN_STATUSES,
    }
    count: int = db.execute(_COUNT_OPEN, values).fetchone()[0]
    return count


_COUNT_OPEN = """
    SELECT count(*) FROM tickets
    WHERE source = :source AND reporter_id = :reporter AND workspace_id = :workspace
      AND category = :category AND view_only = 0
      AND status IN (SELECT value FROM json_each(:statuses))
"""
