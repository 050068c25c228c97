"""Rows of tickets: to and from the noun. Never commits."""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

import aiosqlite

from bot.tickets.errors import UnknownTicket
from bot.tickets.message import Actor
from bot.tickets.ticket import DiscordPost, NewTicket, Player, Priority, Status, Ticket, TicketField
from storage.times import from_ms, to_ms

_OF_PLAYER = attrgetter("id", "name", "display_name", "avatar_url", "profile_url")
_OF_FACT = attrgetter("label", "value", "url")
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def insert(
    db: sqlite3.Connection,
    new: NewTicket,
    *,
    workspace_id: str,
    department: str,
    ids: Iterator[str],
    now: datetime,
) -> Ticket:
    """Keep a ticket under the first candidate id that is free. In the writer's own thread."""
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
        "reporter": _dump_player(new.reporter),
        "reported_player": _dump_player(new.reported_player) if new.reported_player else None,
        "facts": dump([_OF_FACT(fact) for fact in new.fields]),
        "chat_log": dump(new.chat_log),
        "raw": new.raw_request,
        "now": to_ms(now),
    }
    for public_id in ids:
        values["uid"] = f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"
        values["public_id"] = public_id
        cursor = db.execute(_INSERT, values)
        if cursor.rowcount == 1 and cursor.lastrowid is not None:
            return _kept(new, cursor.lastrowid, values)
    raise ValueError("the source ran out of candidate ids; they must be endless")


def _kept(new: NewTicket, ticket_id: int, values: Mapping[str, Any]) -> Ticket:
    """The ticket as it will be read, without reading it."""
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


# A taken id inserts nothing, and the next candidate is tried.
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
    return await _one(db, "SELECT * FROM kept_tickets WHERE id = :id", {"id": ticket_id})


async def by_public_id(db: aiosqlite.Connection, public_id: str) -> Ticket | None:
    return await _one(db, "SELECT * FROM kept_tickets WHERE public_id = :id", {"id": public_id})


async def request_of(db: aiosqlite.Connection, ticket_id: int) -> str | None:
    """The request's JSON body as it came."""
    rows = await db.execute_fetchall("SELECT raw FROM tickets WHERE id = :id", {"id": ticket_id})
    return next((row["raw"] for row in rows), None)


async def shown_at(db: aiosqlite.Connection, discord_id: int) -> Ticket | None:
    """The ticket whose post or thread has this Discord id (a thread from a post shares the post's id)."""
    return await _one(
        db,
        """
        SELECT * FROM kept_tickets WHERE post_message_id = :id
        UNION SELECT * FROM kept_tickets WHERE thread_id = :id
        """,
        {"id": discord_id},
    )


async def in_digest(db: aiosqlite.Connection, message_id: int) -> list[Ticket]:
    """The tickets a digest shows, oldest first."""
    return await many(
        db, "SELECT * FROM kept_tickets WHERE digest_message_id = :id ORDER BY id", {"id": message_id}
    )


async def update(db: aiosqlite.Connection, ticket: Ticket, now: datetime) -> int:
    """Keep what a rule may change: status, claim, department, reporter. Returns the new revision."""
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
            "reporter": _dump_player(ticket.reporter),
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
    """Something was said on it."""
    await db.execute(
        "UPDATE tickets SET updated_at = :now WHERE id = :id", {"id": ticket_id, "now": to_ms(now)}
    )


async def keep_post(db: aiosqlite.Connection, ticket_id: int, post: DiscordPost) -> None:
    """Remember where Discord shows a ticket; what is None stays as it was."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = coalesce(:channel, post_channel_id),
                           post_message_id = coalesce(:message, post_message_id),
                           thread_id = coalesce(:thread, thread_id),
                           digest_message_id = coalesce(:digest, digest_message_id)
        WHERE id = :id
        """,
        {
            "id": ticket_id,
            "channel": post.channel_id,
            "message": post.message_id,
            "thread": post.thread_id,
            "digest": post.digest_message_id,
        },
    )


async def _one(db: aiosqlite.Connection, sql: str, values: dict[str, object]) -> Ticket | None:
    rows = await many(db, sql, values)
    return rows[0] if rows else None


async def many(db: aiosqlite.Connection, sql: str, values: dict[str, object]) -> list[Ticket]:
    return [ticket_of(row) for row in await db.execute_fetchall(sql, values)]


def ticket_of(row: sqlite3.Row) -> Ticket:
    return Ticket(
        id=row["id"],
        uid=row["uid"],
        public_id=row["public_id"],
        workspace_id=row["workspace_id"],
        source=row["source"],
        view_only=bool(row["view_only"]),
        is_private=bool(row["private"]),
        subject=row["subject"],
        body=row["body"],
        category=row["category"],
        department=row["department"],
        priority=Priority(row["priority"]),
        status=Status(row["status"]),
        reporter=_player(row["reporter"]) or Player(),
        reported_player=_player(row["reported_player"]),
        fields=tuple(
            TicketField(label=label, value=value, url=url) for label, value, url in json.loads(row["facts"])
        ),
        chat_log=tuple(json.loads(row["chat_log"])),
        claimed_by=_claimer(row),
        post=DiscordPost(
            channel_id=row["post_channel_id"],
            message_id=row["post_message_id"],
            thread_id=row["thread_id"],
            digest_message_id=row["digest_message_id"],
        ),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
    )


def _dump_player(player: Player) -> str:
    return _as_json(_OF_PLAYER(player))


def _player(text: str | None) -> Player | None:
    if text is None:
        return None
    identity, name, display_name, avatar_url, profile_url = json.loads(text)
    return Player(
        id=identity, name=name, display_name=display_name, avatar_url=avatar_url, profile_url=profile_url
    )


def _claimer(row: sqlite3.Row) -> Actor | None:
    if row["claimed_by_id"] is None:
        return None
    return Actor(id=row["claimed_by_id"], name=row["claimed_by_name"], source=row["claimed_by_source"])


def dump(value: Iterable[object]) -> str:
    return _as_json(value)
