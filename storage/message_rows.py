"""Rows of replies and notes. Never commits."""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime

import aiosqlite

from bot.tickets import Author, Message, MessageKind, Note, Reply
from storage.times import from_ms, to_ms


async def insert(
    db: aiosqlite.Connection, message: Reply | Note, origin: str, now: datetime
) -> Message | None:
    """Keep a message; None if one of the same origin is kept already."""
    kind = MessageKind.REPLY if isinstance(message, Reply) else MessageKind.NOTE
    async with db.execute(
        """
        INSERT INTO messages (ticket_id, kind, author_id, author_name, text, origin, created_at)
        VALUES (:ticket_id, :kind, :author_id, :author_name, :text, :origin, :now)
        ON CONFLICT (origin) DO NOTHING
        RETURNING *
        """,
        {
            "ticket_id": message.ticket_id,
            "kind": kind.value,
            "author_id": message.author.id,
            "author_name": message.author.name,
            "text": message.text,
            "origin": origin,
            "now": to_ms(now),
        },
    ) as cursor:
        row = await cursor.fetchone()
    return _message(row) if row else None


async def by_origin(db: aiosqlite.Connection, origin: str) -> Message | None:
    async with db.execute("SELECT * FROM messages WHERE origin = :origin", {"origin": origin}) as cursor:
        row = await cursor.fetchone()
    return _message(row) if row else None


async def by_id(db: aiosqlite.Connection, message_id: int) -> Message | None:
    async with db.execute("SELECT * FROM messages WHERE id = :id", {"id": message_id}) as cursor:
        row = await cursor.fetchone()
    return _message(row) if row else None


async def of_ticket(
    db: aiosqlite.Connection, ticket_id: int, kinds: Collection[MessageKind], limit: int
) -> list[Message]:
    """The newest messages of a ticket, oldest first."""
    async with db.execute(
        """
        SELECT * FROM messages
        WHERE ticket_id = :ticket_id AND kind IN (SELECT value FROM json_each(:kinds))
        ORDER BY id DESC LIMIT :limit
        """,
        {"ticket_id": ticket_id, "kinds": json.dumps([kind.value for kind in kinds]), "limit": limit},
    ) as cursor:
        rows = list(await cursor.fetchall())
    return [_message(row) for row in reversed(rows)]


def _message(row: sqlite3.Row) -> Message:
    return Message(
        id=row["id"],
        ticket_id=row["ticket_id"],
        kind=MessageKind(row["kind"]),
        author=Author(id=row["author_id"], name=row["author_name"]),
        text=row["text"],
        created_at=from_ms(row["created_at"]),
    )
