"""Messages of tickets: SQL within a transaction of the caller."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime

import aiosqlite

from bot.tickets.message import Actor, Message, MessageKind, NewMessage
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Ticket
from storage.mapping import from_ms, to_ms


async def insert(db: aiosqlite.Connection, message: NewMessage, origin: str, now: datetime) -> Message:
    """Insert a message. `origin` is unique: what the message came from."""
    (row,) = await db.execute_fetchall(
        """
        INSERT INTO messages (
            ticket_id, kind, author_id, author_name, author_source, text, origin, created_at
        ) VALUES (
            :ticket_id, :kind, :author_id, :author_name, :author_source, :text, :origin, :now
        )
        RETURNING *
        """,
        {
            "ticket_id": message.ticket_id,
            "kind": message.kind.value,
            "author_id": message.author.id,
            "author_name": message.author.name,
            "author_source": message.author.source,
            "text": message.text,
            "origin": origin,
            "now": to_ms(now),
        },
    )
    return _message_from_row(row)


async def by_origin(db: aiosqlite.Connection, origin: str) -> Message | None:
    rows = await db.execute_fetchall("SELECT * FROM messages WHERE origin = :origin", {"origin": origin})
    return next((_message_from_row(row) for row in rows), None)


async def by_id(db: aiosqlite.Connection, message_id: int) -> Message | None:
    rows = await db.execute_fetchall("SELECT * FROM messages WHERE id = :id", {"id": message_id})
    return next((_message_from_row(row) for row in rows), None)


async def newest_of_ticket(
    db: aiosqlite.Connection, ticket_id: int, kinds: Collection[MessageKind], limit: int
) -> list[Message]:
    """The newest messages of a ticket, oldest first."""
    rows = await db.execute_fetchall(
        """
        SELECT * FROM messages
        WHERE ticket_id = :ticket_id AND kind IN (SELECT value FROM json_each(:kinds))
        ORDER BY id DESC LIMIT :limit
        """,
        {"ticket_id": ticket_id, "kinds": json.dumps([kind.value for kind in kinds]), "limit": limit},
    )
    return [_message_from_row(row) for row in reversed(list(rows))]


async def with_message_counts(
    db: aiosqlite.Connection, tickets: Sequence[Ticket]
) -> tuple[TicketDetails, ...]:
    """The tickets, in the same order, each with the number of its replies and follow-ups."""
    rows = await db.execute_fetchall(
        """
        SELECT ticket_id, sum(kind = 'reply') AS replies, sum(kind = 'follow-up') AS follow_ups
        FROM messages WHERE ticket_id IN (SELECT value FROM json_each(:tickets)) GROUP BY ticket_id
        """,
        {"tickets": json.dumps([ticket.id for ticket in tickets])},
    )
    counts = {row["ticket_id"]: (row["replies"], row["follow_ups"]) for row in rows}
    none = (0, 0)
    return tuple(
        TicketDetails(ticket=ticket, replies=replies, follow_ups=follow_ups)
        for ticket in tickets
        for replies, follow_ups in [counts.get(ticket.id, none)]
    )


def _message_from_row(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        ticket_id=row["ticket_id"],
        kind=MessageKind(row["kind"]),
        author=Actor(id=row["author_id"], name=row["author_name"], source=row["author_source"]),
        text=row["text"],
        created_at=from_ms(row["created_at"]),
    )
