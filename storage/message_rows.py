"""Rows of replies and notes. Never commits."""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime

import aiosqlite

from bot.tickets import Message, MessageKind, Note, Person, Reply
from storage.times import from_ms, to_ms


async def insert(db: aiosqlite.Connection, message: Reply | Note, origin: str, now: datetime) -> Message:
    """Keep a message. `origin` is what it came by, and of no message kept before."""
    kind = MessageKind.REPLY if isinstance(message, Reply) else MessageKind.NOTE
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
            "kind": kind.value,
            "author_id": message.author.id,
            "author_name": message.author.name,
            "author_source": message.author.source,
            "text": message.text,
            "origin": origin,
            "now": to_ms(now),
        },
    )
    return _message(row)


async def by_origin(db: aiosqlite.Connection, origin: str) -> Message | None:
    rows = await db.execute_fetchall("SELECT * FROM messages WHERE origin = :origin", {"origin": origin})
    return next((_message(row) for row in rows), None)


async def by_id(db: aiosqlite.Connection, message_id: int) -> Message | None:
    rows = await db.execute_fetchall("SELECT * FROM messages WHERE id = :id", {"id": message_id})
    return next((_message(row) for row in rows), None)


async def of_ticket(
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
    return [_message(row) for row in reversed(list(rows))]


def _message(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        ticket_id=row["ticket_id"],
        kind=MessageKind(row["kind"]),
        author=Person(id=row["author_id"], name=row["author_name"], source=row["author_source"]),
        text=row["text"],
        created_at=from_ms(row["created_at"]),
    )
