"""Rows of tickets: to and from the noun. Never commits."""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from datetime import datetime

import aiosqlite

from bot.tickets import (
    Fact,
    NewTicket,
    Person,
    Player,
    Post,
    Priority,
    Scope,
    Search,
    Status,
    Ticket,
    UnknownTicket,
)
from storage.times import from_ms, to_ms


async def insert(
    db: aiosqlite.Connection,
    new: NewTicket,
    *,
    workspace_id: str,
    department: str,
    ids: Iterator[str],
    now: datetime,
) -> int:
    """Keep a ticket under the first candidate id that is free; its row id."""
    values = {
        "workspace_id": workspace_id,
        "department": department,
        "source": new.source,
        "view_only": new.view_only,
        "private": new.private,
        "subject": new.subject,
        "body": new.body,
        "category": new.category,
        "priority": new.priority.value,
        "status": Status.OPEN.value,
        "reporter_id": new.reporter.id,
        "reporter": _dump(astuple(new.reporter)),
        "reported_player": _dump(astuple(new.reported_player)) if new.reported_player else None,
        "facts": _dump([astuple(fact) for fact in new.facts]),
        "chat_log": _dump(new.chat_log),
        "raw": new.raw,
        "now": to_ms(now),
    }
    for public_id in ids:
        values["uid"] = f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"
        values["public_id"] = public_id
        async with db.execute(_INSERT, values) as cursor:
            row = await cursor.fetchone()
        if row is not None:
            return int(row["id"])
    raise ValueError("the source ran out of candidate ids; they must be endless")


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
    RETURNING id
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


async def of_reporter(
    db: aiosqlite.Connection, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int
) -> list[Ticket]:
    """The newest tickets of one reporter, newest first."""
    return await _many(
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
            "workspaces": _dump(workspace_ids),
            "limit": limit,
        },
    )


async def like(db: aiosqlite.Connection, text: str, workspace_ids: Sequence[str], limit: int) -> list[Ticket]:
    """Among the newest 1,000 tickets, those whose id or subject holds the text; for autocomplete."""
    return await _many(
        db,
        """
        SELECT * FROM (
            SELECT * FROM kept_tickets
            WHERE workspace_id IN (SELECT value FROM json_each(:workspaces))
            ORDER BY id DESC LIMIT 1000
        )
        WHERE holds(public_id, :text) OR holds(subject, :text)
        ORDER BY id DESC LIMIT :limit
        """,
        {"text": text, "workspaces": _dump(workspace_ids), "limit": limit},
    )


async def named(db: aiosqlite.Connection, scope: Scope, names: Sequence[str]) -> dict[str, Ticket]:
    """The tickets of a scope that have these public ids or uids, by the names asked for."""
    tickets = await _many(
        db,
        """
        SELECT * FROM kept_tickets
        WHERE workspace_id = :workspace AND source = :source
          AND id IN (
            SELECT id FROM tickets WHERE public_id IN (SELECT value FROM json_each(:names))
            UNION SELECT id FROM tickets WHERE uid IN (SELECT value FROM json_each(:names))
          )
        """,
        {"workspace": scope.workspace_id, "source": scope.source, "names": _dump(names)},
    )
    return {name: ticket for ticket in tickets for name in (ticket.public_id, ticket.uid) if name in names}


async def search(db: aiosqlite.Connection, scope: Scope, search: Search) -> tuple[list[Ticket], int]:
    """One page of the tickets of a scope that fit, newest first; and how many fit, on all pages."""
    rows = list(await db.execute_fetchall(_SEARCH, _conditions(scope, search)))
    return [_ticket(row) for row in rows if row["id"] is not None], int(rows[0]["total"])


# The left joins leave one row, with the total, for a page on which nothing is.
_SEARCH = """
    WITH fits AS MATERIALIZED (
        SELECT id FROM tickets
        WHERE workspace_id = :workspace AND source = :source
          AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
          AND (:categories IS NULL OR category IN (SELECT value FROM json_each(:categories)))
          AND (:departments IS NULL OR department IN (SELECT value FROM json_each(:departments)))
          AND department NOT IN (SELECT value FROM json_each(:hidden))
          AND (:reporter IS NULL OR reporter_id = :reporter)
          AND (:reported IS NULL OR json_extract(reported_player, '$[0]') = :reported)
          AND (
            :text IS NULL OR holds(subject, :text)
            OR holds(json_extract(reporter, '$[1]'), :text) OR holds(json_extract(reporter, '$[2]'), :text)
          )
    )
    SELECT tickets.*, counted.total
    FROM (SELECT count(*) AS total FROM fits) AS counted
    LEFT JOIN (SELECT id FROM fits ORDER BY id DESC LIMIT :limit OFFSET :offset) AS page
    LEFT JOIN kept_tickets AS tickets ON tickets.id = page.id
    ORDER BY tickets.id DESC
"""


def _conditions(scope: Scope, search: Search) -> dict[str, object]:
    return {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "statuses": _dump_if_given(search.statuses),
        "categories": _dump_if_given(search.categories),
        "departments": _dump_if_given(search.departments),
        "hidden": _dump(search.hidden_departments),
        "reporter": search.reporter_id,
        "reported": search.reported_id,
        "text": search.text,
        "limit": search.limit,
        "offset": search.offset,
    }


async def count_open(
    db: aiosqlite.Connection, workspace_id: str, new: NewTicket, statuses: Sequence[Status]
) -> int:
    """How many tickets in these statuses the reporter of a new one has in its category; no game reports."""
    (row,) = await db.execute_fetchall(
        """
        SELECT count(*) FROM tickets
        WHERE source = :source AND reporter_id = :reporter AND workspace_id = :workspace
          AND category = :category AND view_only = 0
          AND status IN (SELECT value FROM json_each(:statuses))
        """,
        {
            "source": new.source,
            "reporter": new.reporter.id,
            "workspace": workspace_id,
            "category": new.category,
            "statuses": _dump(statuses),
        },
    )
    return int(row[0])


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
            "reporter": _dump(astuple(ticket.reporter)),
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


async def keep_post(db: aiosqlite.Connection, ticket_id: int, post: Post) -> None:
    """Remember where Discord shows a ticket; what is None stays as it was."""
    await db.execute(
        """
        UPDATE tickets SET post_channel_id = coalesce(:channel, post_channel_id),
                           post_message_id = coalesce(:message, post_message_id),
                           thread_id = coalesce(:thread, thread_id)
        WHERE id = :id
        """,
        {
            "id": ticket_id,
            "channel": post.channel_id,
            "message": post.message_id,
            "thread": post.thread_id,
        },
    )


async def _one(db: aiosqlite.Connection, sql: str, values: dict[str, object]) -> Ticket | None:
    rows = await _many(db, sql, values)
    return rows[0] if rows else None


async def _many(db: aiosqlite.Connection, sql: str, values: dict[str, object]) -> list[Ticket]:
    return [_ticket(row) for row in await db.execute_fetchall(sql, values)]


def _ticket(row: sqlite3.Row) -> Ticket:
    return Ticket(
        id=row["id"],
        uid=row["uid"],
        public_id=row["public_id"],
        workspace_id=row["workspace_id"],
        source=row["source"],
        view_only=bool(row["view_only"]),
        private=bool(row["private"]),
        subject=row["subject"],
        body=row["body"],
        category=row["category"],
        department=row["department"],
        priority=Priority(row["priority"]),
        status=Status(row["status"]),
        reporter=_player(row["reporter"]) or Player(),
        reported_player=_player(row["reported_player"]),
        facts=tuple(
            Fact(label=label, value=value, url=url) for label, value, url in json.loads(row["facts"])
        ),
        chat_log=tuple(json.loads(row["chat_log"])),
        claimed_by=_claimer(row),
        post=Post(
            channel_id=row["post_channel_id"],
            message_id=row["post_message_id"],
            thread_id=row["thread_id"],
        ),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
    )


def _player(text: str | None) -> Player | None:
    if text is None:
        return None
    identity, name, display_name, avatar_url, profile_url = json.loads(text)
    return Player(
        id=identity, name=name, display_name=display_name, avatar_url=avatar_url, profile_url=profile_url
    )


def _claimer(row: sqlite3.Row) -> Person | None:
    if row["claimed_by_id"] is None:
        return None
    return Person(id=row["claimed_by_id"], name=row["claimed_by_name"], source=row["claimed_by_source"])


def _dump_if_given(values: Sequence[str] | None) -> str | None:
    return None if values is None else _dump(values)


def _dump(value: Iterable[object]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
