"""Tickets: reads, searches, changes and messages, with the deliveries that follow from them."""

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

import aiosqlite

from bot.tickets.errors import UnknownTicket
from bot.tickets.message import REPORTER_VISIBLE_KINDS, Actor, Message, MessageKind, NewMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.queries import Scope, TicketDetails, TicketPage, TicketQuery
from bot.tickets.ticket import NewTicket, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import messages, outbox
from storage.mapping import from_ms, player_to_json, ticket_from_row, to_json, to_ms
from storage.sqlite.connection import run_in_thread
from storage.sqlite.engine import Database
from storage.sqlite.search.query import in_snapshot, recent_ids, search
from storage.workspaces import require_workspace

_AUTOCOMPLETE_SCANNED = 1000  # newest tickets that autocomplete searches
_MAX_MESSAGES = 1000  # newest messages of one ticket
_FIELD_VALUES = attrgetter("label", "value", "url")


class TicketStore(Database):
    """Every method is one transaction."""

    async def ticket(self, ticket_id: int) -> Ticket:
        """A ticket by its id. Raises UnknownTicket."""
        async with self._read() as db:
            return await require_ticket(db, ticket_id)

    async def raw_request(self, ticket_id: int) -> str:
        """The JSON body that created a ticket, unchanged. Raises UnknownTicket."""
        async with self._read() as db:
            body = await select_raw_request(db, ticket_id)
        if body is None:
            raise UnknownTicket
        return body

    async def ticket_by_public_id(self, public_id: str) -> Ticket | None:
        """A ticket by the id that people see."""
        async with self._read() as db:
            return await by_public_id(db, public_id)

    async def ticket_by_discord_id(self, discord_id: int) -> Ticket | None:
        """The ticket whose post or thread has a Discord id."""
        async with self._read() as db:
            return await by_discord_id(db, discord_id)

    async def tickets_in_digest(self, message_id: int) -> list[Ticket]:
        """The tickets of a digest message, oldest first; empty if it is no digest."""
        async with self._read() as db:
            return await in_digest(db, message_id)

    async def tickets_by_reporter(
        self, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int = 25
    ) -> list[Ticket]:
        """The newest tickets of one reporter, newest first."""
        async with self._read() as db:
            return await by_reporter(db, source, reporter_id, workspace_ids, limit)

    async def autocomplete_tickets(
        self, text: str, workspace_ids: Sequence[str], limit: int = 25
    ) -> list[Ticket]:
        """Recent tickets whose public id or subject contains the text, newest first."""
        async with self._read() as db:
            return await autocomplete(db, text, workspace_ids, limit)

    async def change_ticket(
        self, ticket_id: int, change: Callable[[Ticket], Ticket], now: datetime, *, actor: Actor
    ) -> Ticket:
        """Apply a change, record its actor, and queue the update of the post.

        Raises what `change` raises, and UnknownTicket.
        """
        async with self._write() as db:
            before = await require_ticket(db, ticket_id)
            workspace = await require_workspace(db, before.workspace_id)
            ticket = await apply_change(db, workspace, before, change(before), actor, now)
        self._notify_outbox()
        return ticket

    async def add_message(
        self,
        ticket_id: int,
        compose: Callable[[Ticket], NewMessage],
        *,
        origin: str,
        now: datetime,
        already_visible_in: int | None = None,
    ) -> Message:
        """Store the message that the ticket composes, and queue its deliveries.

        A repeated `origin` returns the stored message. `already_visible_in` is the channel or thread where it
        was typed. Raises what the ticket raises (ViewOnly, TicketClosed, EmptyMessage,
        MessageTooLong), and UnknownTicket.
        """
        async with self._write() as db:
            stored = await messages.by_origin(db, origin)
            if stored is not None:
                return stored
            ticket = await require_ticket(db, ticket_id)
            workspace = await require_workspace(db, ticket.workspace_id)
            new = compose(ticket)
            message = await insert_message(
                db, workspace, ticket, new, origin, now, already_visible_in=already_visible_in
            )
        self._notify_outbox()
        return message

    async def message(self, message_id: int) -> Message | None:
        """A message by its id."""
        async with self._read() as db:
            return await messages.by_id(db, message_id)

    async def list_messages(
        self, ticket_id: int, kinds: Collection[MessageKind] = tuple(MessageKind), limit: int = 10
    ) -> list[Message]:
        """The newest messages of a ticket, oldest first."""
        async with self._read() as db:
            return await messages.newest_of_ticket(db, ticket_id, kinds, limit)

    async def get_ticket_details(self, scope: Scope, name: str) -> TicketDetails:
        """A ticket by public id or uid, with the messages its reporter may read. Raises UnknownTicket."""
        async with self._read() as db:
            ticket = await require_in_scope(db, scope, name)
            newest = await messages.newest_of_ticket(db, ticket.id, REPORTER_VISIBLE_KINDS, _MAX_MESSAGES)
            (details,) = await messages.with_message_counts(db, [ticket])
        return replace(details, messages=tuple(newest))

    async def list_ticket_details(self, scope: Scope, names: Sequence[str]) -> tuple[TicketDetails, ...]:
        """Tickets by public id or uid, in the given order; unknown ones are left out."""
        async with self._read() as db:
            found = await by_names(db, scope, names)
            return await messages.with_message_counts(db, [found[name] for name in names if name in found])

    async def search_tickets(self, scope: Scope, query: TicketQuery) -> TicketPage:
        """One page of the matching tickets, newest first."""
        async with self._read() as db:
            tickets, total = await search(db, scope, query)
            items = await messages.with_message_counts(db, tickets)
        return TicketPage(query=query, items=items, total=total)

    async def last_known_name(self, scope: Scope, reporter_id: str) -> str | None:
        """The name of a reporter in their newest ticket; None if they have none."""
        async with self._read() as db:
            tickets = await by_reporter(db, scope.source, reporter_id, [scope.workspace_id], 1)
        return tickets[0].reporter.label if tickets else None

    async def get_public_ticket(self, source: str, public_id: str) -> TicketDetails | None:
        """A ticket of any workspace by its public id, without its messages; None if there is none."""
        async with self._read() as db:
            ticket = await by_public_id(db, public_id)
            if ticket is None or ticket.source != source:
                return None
            (details,) = await messages.with_message_counts(db, [ticket])
            return details


# Everything below runs within a transaction of the caller.


async def require_ticket(db: aiosqlite.Connection, ticket_id: int) -> Ticket:
    """Raises UnknownTicket."""
    ticket = await by_id(db, ticket_id)
    if ticket is None:
        raise UnknownTicket
    return ticket


async def require_in_scope(db: aiosqlite.Connection, scope: Scope, name: str) -> Ticket:
    """A ticket of a scope by public id or uid. Raises UnknownTicket."""
    found = await by_names(db, scope, [name])
    if not found:
        raise UnknownTicket
    return await require_ticket(db, found[name].id)


async def apply_change(
    db: aiosqlite.Connection,
    workspace: Workspace,
    before: Ticket,
    changed: Ticket,
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Store a changed ticket, its history event and deliveries; do nothing if it is unchanged."""
    if changed == before:
        return before
    revision = await update(db, changed, now)
    event = changed.history_event(before, actor)
    if event is not None:
        await messages.insert(db, event, f"event:{changed.id}:{revision}", now)
    channel = await _delivery_channel(db, workspace, before)
    if not await outbox.has_unstarted(db, changed.id, DeliveryKind.UPDATE_POST):
        await outbox.insert(db, changed, DeliveryKind.UPDATE_POST, channel, now, part=str(revision))
    new_channel = workspace.channel_for(changed, changed.department)
    if changed.department != before.department and new_channel != channel and not changed.is_private:
        await outbox.insert(db, changed, DeliveryKind.POST_POINTER, new_channel, now, part=str(revision))
    return await require_ticket(db, changed.id)


async def insert_message(
    db: aiosqlite.Connection,
    workspace: Workspace,
    ticket: Ticket,
    new: NewMessage,
    origin: str,
    now: datetime,
    *,
    already_visible_in: int | None = None,
) -> Message:
    """Insert a message, and put its deliveries in the outbox."""
    message = await messages.insert(db, new, origin, now)
    if message.kind is not MessageKind.NOTE:  # an internal note does not change the ticket
        await touch(db, ticket.id, now)
    channel = await _delivery_channel(db, workspace, ticket)
    for kind in ticket.deliveries_for(message.kind, typed_in=already_visible_in):
        await outbox.insert(db, ticket, kind, channel, now, message_id=message.id, part=str(message.id))
    return message


async def _delivery_channel(db: aiosqlite.Connection, workspace: Workspace, ticket: Ticket) -> int:
    """The channel in whose queue a ticket's deliveries wait: where its post is, will be, or should be."""
    if ticket.post.channel_id is not None:
        return ticket.post.channel_id
    pending = await outbox.pending_post_channel(db, ticket.id)
    return pending or workspace.channel_for(ticket, ticket.department)


def insert(
    db: sqlite3.Connection,
    new: NewTicket,
    *,
    workspace_id: str,
    department: str,
    ids: Iterator[str],
    now: datetime,
) -> Ticket:
    """Insert a ticket under the first free candidate id. In the thread of the writer."""
    values = {
        "workspace_id": workspace_id,
        "department": department,
        "source": new.source,
        "view_only": new.view_only,
        "private": new.is_private,
        "subject": new.subject,
        "body": new.body,
        "category": new.category,
        "priority": new.priority.value,
        "status": Status.OPEN.value,
        "reporter_id": new.reporter.id,
        "reporter": player_to_json(new.reporter),
        "reported_player": player_to_json(new.reported_player) if new.reported_player else None,
        "facts": to_json([_FIELD_VALUES(field) for field in new.fields]),
        "chat_log": to_json(new.chat_log),
        "raw": new.raw_request,
        "now": to_ms(now),
    }
    for public_id in ids:
        values["uid"] = f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"
        values["public_id"] = public_id
        cursor = db.execute(_INSERT, values)
        if cursor.rowcount == 1 and cursor.lastrowid is not None:
            return _from_insert(new, cursor.lastrowid, values)
    raise ValueError("the source ran out of candidate ids; they must be endless")


def _from_insert(new: NewTicket, ticket_id: int, values: Mapping[str, Any]) -> Ticket:
    """The inserted ticket, without reading it back."""
    now = from_ms(values["now"])
    return Ticket(
        id=ticket_id,
        uid=values["uid"],
        public_id=values["public_id"],
        workspace_id=values["workspace_id"],
        source=new.source,
        view_only=new.view_only,
        is_private=new.is_private,
        subject=new.subject,
        body=new.body,
        category=new.category,
        department=values["department"],
        priority=new.priority,
        status=Status.OPEN,
        reporter=new.reporter,
        reported_player=new.reported_player,
        fields=new.fields,
        chat_log=new.chat_log,
        created_at=now,
        updated_at=now,
    )


# A candidate id that is taken inserts nothing.
_INSERT = """
    INSERT INTO tickets (
        uid, public_id, workspace_id, source, view_only, private, subject, body, category, department,
        priority, status, reporter_id, reporter, reported_player, facts, chat_log, raw, created_at, updated_at
    ) VALUES (
        :uid, :public_id, :workspace_id, :source, :view_only, :private, :subject, :body, :category,
        :department, :priority, :status, :reporter_id, :reporter, :reported_player, :facts, :chat_log,
        :raw, :now, :now
    )
    ON CONFLICT DO NOTHING
"""


async def by_id(db: aiosqlite.Connection, ticket_id: int) -> Ticket | None:
    return await _fetch_one(db, "SELECT * FROM kept_tickets WHERE id = :id", {"id": ticket_id})


async def by_public_id(db: aiosqlite.Connection, public_id: str) -> Ticket | None:
    return await _fetch_one(db, "SELECT * FROM kept_tickets WHERE public_id = :id", {"id": public_id})


async def select_raw_request(db: aiosqlite.Connection, ticket_id: int) -> str | None:
    """The JSON body that created a ticket."""
    rows = await db.execute_fetchall("SELECT raw FROM tickets WHERE id = :id", {"id": ticket_id})
    return next((row["raw"] for row in rows), None)


async def by_discord_id(db: aiosqlite.Connection, discord_id: int) -> Ticket | None:
    """The ticket whose post or thread has a Discord id (a thread below a post has the post's id)."""
    return await _fetch_one(
        db,
        """
        SELECT * FROM kept_tickets WHERE post_message_id = :id
        UNION SELECT * FROM kept_tickets WHERE thread_id = :id
        """,
        {"id": discord_id},
    )


async def in_digest(db: aiosqlite.Connection, message_id: int) -> list[Ticket]:
    """The tickets of a digest message, oldest first."""
    return await fetch_all(
        db, "SELECT * FROM kept_tickets WHERE digest_message_id = :id ORDER BY id", {"id": message_id}
    )


async def by_reporter(
    db: aiosqlite.Connection, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int
) -> list[Ticket]:
    """The newest tickets of one reporter, newest first."""
    return await fetch_all(
        db,
        """
        SELECT * FROM kept_tickets
        WHERE source = :source AND reporter_id = :reporter_id
          AND workspace_id IN (SELECT value FROM json_each(:workspaces))
        ORDER BY id DESC LIMIT :limit
        """,
        {
            "source": source,
            "reporter_id": reporter_id,
            "workspaces": to_json(workspace_ids),
            "limit": limit,
        },
    )


async def autocomplete(
    db: aiosqlite.Connection, text: str, workspace_ids: Sequence[str], limit: int
) -> list[Ticket]:
    """Those of the newest tickets whose public id or subject contains the text."""

    def read(raw: sqlite3.Connection) -> list[Ticket]:
        newest = recent_ids(raw, workspace_ids, _AUTOCOMPLETE_SCANNED)
        rows = raw.execute(_AUTOCOMPLETE, {"text": text, "ids": to_json(newest), "limit": limit})
        return [ticket_from_row(row) for row in rows]

    return await run_in_thread(db, lambda raw: in_snapshot(raw, read))


_AUTOCOMPLETE = """
    SELECT tickets.* FROM json_each(:ids) CROSS JOIN kept_tickets AS tickets ON tickets.id = json_each.value
    WHERE holds(public_id, :text) OR holds(subject, :text)
    ORDER BY tickets.id DESC LIMIT :limit
"""


async def by_names(db: aiosqlite.Connection, scope: Scope, names: Sequence[str]) -> dict[str, Ticket]:
    """The tickets of a scope with these public ids or uids, by the given name."""
    # CROSS JOIN: names first; SQLite would scan all tickets of the source instead.
    tickets = await fetch_all(
        db,
        """
        SELECT kept_tickets.* FROM (
            SELECT id FROM tickets WHERE public_id IN (SELECT value FROM json_each(:names))
            UNION SELECT id FROM tickets WHERE uid IN (SELECT value FROM json_each(:names))
        ) AS named
        CROSS JOIN kept_tickets USING (id)
        WHERE workspace_id = :workspace AND source = :source
        """,
        {"workspace": scope.workspace_id, "source": scope.source, "names": to_json(names)},
    )
    return {name: ticket for ticket in tickets for name in (ticket.public_id, ticket.uid) if name in names}


async def update(db: aiosqlite.Connection, ticket: Ticket, now: datetime) -> int:
    """Store what can change: status, claim, department, reporter. Returns the new revision."""
    async with db.execute(
        """
        UPDATE tickets SET status = :status, department = :department,
                           reporter_id = :reporter_id, reporter = :reporter,
                           claimed_by_id = :claimer, claimed_by_name = :claimer_name,
                           claimed_by_source = :claimer_source,
                           revision = revision + 1, updated_at = :now
        WHERE id = :id
        RETURNING revision
        """,
        {
            "id": ticket.id,
            "status": ticket.status.value,
            "department": ticket.department,
            "reporter_id": ticket.reporter.id,
            "reporter": player_to_json(ticket.reporter),
            "claimer": ticket.claimed_by.id if ticket.claimed_by else None,
            "claimer_name": ticket.claimed_by.name if ticket.claimed_by else None,
            "claimer_source": ticket.claimed_by.source if ticket.claimed_by else None,
            "now": to_ms(now),
        },
    ) as cursor:
        row = await cursor.fetchone()
    if row is None:
        raise UnknownTicket
    return int(row["revision"])


async def touch(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    """Set when a ticket last changed."""
    await db.execute(
        "UPDATE tickets SET updated_at = :now WHERE id = :id", {"id": ticket_id, "now": to_ms(now)}
    )


async def _fetch_one(db: aiosqlite.Connection, sql: str, values: dict[str, object]) -> Ticket | None:
    rows = await fetch_all(db, sql, values)
    return rows[0] if rows else None


async def fetch_all(db: aiosqlite.Connection, sql: str, values: dict[str, object]) -> list[Ticket]:
    return [ticket_from_row(row) for row in await db.execute_fetchall(sql, values)]
