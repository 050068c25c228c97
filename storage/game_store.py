"""The store as game servers work with it: within one workspace and source, each request carried out once."""

import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime

import aiosqlite

from bot.tickets.errors import UnknownTicket
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.message import REPORTER_VISIBLE_KINDS, Actor, NewMessage
from bot.tickets.queries import Scope, TicketDetails, TicketPage, TicketQuery
from bot.tickets.ticket import NewTicket, Ticket
from bot.tickets.workspace import Workspace
from storage import answered_rows, message_rows, search_rows, ticket_rows
from storage.filing import carried_out_once, file
from storage.group_commit import GroupCommit
from storage.ticket_store import apply_change, insert_message, require_ticket
from storage.workspace_store import require_workspace

_MESSAGES = 1000  # the newest of one ticket

TicketChange = Callable[[Ticket, Workspace], Ticket]
MessageComposer = Callable[[Ticket], NewMessage | None]


class GameStore(GroupCommit):
    """Every method is one transaction. What a scope does not hold is unknown to who asks within it."""

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
        """Keep a ticket, and with it what the request is answered; the same request again gets that answer.

        Raises DifferentRequest, TooManyOpen, UnknownWorkspace.
        """

        def keep(db: sqlite3.Connection) -> StoredResponse:
            return carried_out_once(
                db, idempotency_key, now, lambda: serialize_response(file(db, workspace_id, new, ids, now))
            )

        return await self._write_together(keep)

    async def stored_response(self, idempotency_key: IdempotencyKey, now: datetime) -> StoredResponse | None:
        """What the same request was answered before. Raises DifferentRequest."""
        async with self._read() as db:
            kept = await answered_rows.find(db, idempotency_key, now)
        return None if kept is None else StoredResponse(body=kept, replayed=True)

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
        """Say something on a ticket, change it, or both; the same request again gets the same answer.

        Raises what the ticket and the workspace raise, UnknownTicket and DifferentRequest.
        """

        async def work(db: aiosqlite.Connection) -> bytes:
            ticket = await _in_scope(db, scope, name)
            workspace = await require_workspace(db, ticket.workspace_id)
            words = message(ticket) if message is not None else None
            if words is not None:
                origin = f"{scope.source}:{secrets.token_hex(16)}"
                await insert_message(db, workspace, ticket, words, origin, now)
            if change is not None:
                ticket = await apply_change(db, workspace, ticket, change(ticket, workspace), actor, now)
            return serialize_response(TicketDetails(ticket=ticket), workspace)

        return await self._carried_out(work, idempotency_key, now)

    async def get_ticket_details(self, scope: Scope, name: str) -> TicketDetails:
        """By public id or by uid, with what was said on it. Raises UnknownTicket."""
        async with self._read() as db:
            ticket = await _in_scope(db, scope, name)
            messages = await message_rows.of_ticket(db, ticket.id, REPORTER_VISIBLE_KINDS, _MESSAGES)
            (case,) = await message_rows.counted(db, [ticket])
        return TicketDetails(
            ticket=ticket, messages=tuple(messages), replies=case.replies, follow_ups=case.follow_ups
        )

    async def list_ticket_details(self, scope: Scope, names: Sequence[str]) -> tuple[TicketDetails, ...]:
        """Those of them there are, in the order asked for."""
        async with self._read() as db:
            found = await search_rows.named(db, scope, names)
            return await message_rows.counted(db, [found[name] for name in names if name in found])

    async def search_tickets(self, scope: Scope, query: TicketQuery) -> TicketPage:
        """One page of what fits, newest first."""
        async with self._read() as db:
            tickets, total = await search_rows.search(db, scope, query)
            cases = await message_rows.counted(db, tickets)
        return TicketPage(query=query, items=cases, total=total)

    async def last_known_name(self, scope: Scope, reporter_id: str) -> str | None:
        """What somebody was called in the newest ticket they filed."""
        async with self._read() as db:
            tickets = await search_rows.of_reporter(db, scope.source, reporter_id, [scope.workspace_id], 1)
        return tickets[0].reporter.label if tickets else None

    async def get_public_ticket(self, source: str, public_id: str) -> TicketDetails | None:
        """A ticket of any workspace, by the id people see, without what was said on it."""
        async with self._read() as db:
            ticket = await ticket_rows.by_public_id(db, public_id)
            if ticket is None or ticket.source != source:
                return None
            (case,) = await message_rows.counted(db, [ticket])
            return case

    async def _carried_out(
        self,
        act: Callable[[aiosqlite.Connection], Awaitable[bytes]],
        once: IdempotencyKey | None,
        now: datetime,
    ) -> StoredResponse:
        async with self._write() as db:
            kept = await answered_rows.find(db, once, now) if once else None
            if kept is not None:
                return StoredResponse(body=kept, replayed=True)
            body = await act(db)
            if once is not None:
                await answered_rows.insert(db, once, body, now)
        self._notify_outbox()
        return StoredResponse(body=body)


async def _in_scope(db: aiosqlite.Connection, scope: Scope, name: str) -> Ticket:
    found = await search_rows.named(db, scope, [name])
    if not found:
        raise UnknownTicket
    return await require_ticket(db, found[name].id)
