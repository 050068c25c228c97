"""View-only in SQL: the database stores no reply to a game report, whichever statement tries."""

# ruff: noqa: S608  # the attacks are our own, and put together from pieces of our own

import contextlib
import sqlite3
from pathlib import Path

import pytest

from bot.tickets.outbox import Receipt
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import NOW, everything_in, ids, new_ticket, noting, raw, replying

_MESSAGE = "messages (ticket_id, kind, author_id, author_name, author_source, text, origin, created_at)"
_OUTBOX = "outbox (ticket_id, kind, guild_id, queue, channel_id, nonce, due_at, created_at)"
_EVENT = "ticket_events (workspace_id, source, seq, type, ticket_id, status, created_at)"
_FEEDBACK = "feedback (ticket_id, workspace_id, rating, message_id, given_at)"
_SHARED = """workspace_id, source, is_private, subject, body, category, department, priority,
    status, fields, chat_log, raw_request, created_at, updated_at"""
_BARE = f"uid, public_id, {_SHARED}"

# Statements of another program. Ticket 1 is a ticket with a reply, ticket 2 a game report with a note.
ATTACKS = {
    "insert a reply": f"INSERT INTO {_MESSAGE} VALUES (2, 'reply', 1, 'x', 'x', 'x', 'x', 0)",
    "insert a reply unless": f"INSERT OR IGNORE INTO {_MESSAGE} "
    "VALUES (2, 'reply', 1, 'x', 'x', 'x', 'x', 0)",
    "upsert a reply": f"INSERT INTO {_MESSAGE} VALUES (2, 'reply', 1, 'x', 'x', 'x', 'note', 0) "
    "ON CONFLICT (origin) DO UPDATE SET kind = excluded.kind",
    "replace a note by a reply": f"REPLACE INTO {_MESSAGE} VALUES (2, 'reply', 1, 'x', 'x', 'x', 'note', 0)",
    "insert a reply from a select": f"INSERT INTO {_MESSAGE} "
    "SELECT 2, kind, author_id, author_name, author_source, text, 'x', 0 FROM messages WHERE kind = 'reply'",
    "make a note a reply": "UPDATE messages SET kind = 'reply' WHERE ticket_id = 2",
    "move a reply": "UPDATE messages SET ticket_id = 2 WHERE kind = 'reply'",
    "move a reply at any price": "UPDATE OR REPLACE messages SET ticket_id = 2 WHERE kind = 'reply'",
    "move and turn a note": "UPDATE messages SET ticket_id = 2, kind = 'reply'",
    "open a game report": "UPDATE tickets SET view_only = 0 WHERE id = 2",
    "make an answered ticket a game report": "UPDATE tickets SET view_only = 1 WHERE id = 1",
    "replace a game report": "INSERT OR REPLACE INTO tickets "
    f"(id, view_only, {_BARE}) SELECT 2, 0, {_BARE} FROM tickets WHERE id = 2",
    "replace a game report by rowid": "INSERT OR REPLACE INTO tickets "
    f"(rowid, view_only, {_BARE}) SELECT 2, 0, {_BARE} FROM tickets WHERE id = 2",
    "replace an answered ticket by a game report": "REPLACE INTO tickets "
    f"(id, view_only, {_BARE}) SELECT 1, 1, {_BARE} FROM tickets WHERE id = 1",
    "renumber a game report": "UPDATE tickets SET id = 3 WHERE id = 2",
    "renumber an answered ticket": "UPDATE tickets SET id = 3 WHERE id = 1",
    "renumber by rowid": "UPDATE tickets SET rowid = 3 WHERE id = 2",
    "renumber by oid": "UPDATE tickets SET oid = 3 WHERE id = 1",
    "renumber over a game report": "UPDATE OR REPLACE tickets SET _rowid_ = 2 WHERE id = 1",
    "take a game report's name": "UPDATE OR REPLACE tickets SET public_id = "
    "(SELECT public_id FROM tickets WHERE id = 2) WHERE id = 1",
    "take a game report's uid": "UPDATE OR REPLACE tickets SET uid = "
    "(SELECT uid FROM tickets WHERE id = 2) WHERE id = 1",
    "take a game report's post": "UPDATE OR REPLACE tickets SET post_message_id = 22 WHERE id = 1",
    "take a game report's thread": "UPDATE OR REPLACE tickets SET thread_id = 23 WHERE id = 1",
    "rate a game report": f"INSERT INTO {_FEEDBACK} SELECT 2, workspace_id, 5, 1, 0 "
    "FROM tickets WHERE id = 2",
    "move a rating": "UPDATE feedback SET ticket_id = 2",
    "insert an event of a reply": f"INSERT INTO {_EVENT} SELECT workspace_id, source, 9, 'ticket.reply', 2, "
    "'open', 0 FROM tickets WHERE id = 2",
    "move an event of a reply": "UPDATE ticket_events SET ticket_id = 2 WHERE type = 'ticket.reply'",
    "make an event one of a reply": "UPDATE ticket_events SET type = 'ticket.reply' WHERE ticket_id = 2",
}


@pytest.fixture
async def ticket(store: Store, workspace: Workspace, path: Path) -> Ticket:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.tickets.add_message(ticket.id, replying(), origin="reply", now=NOW)
    with raw(path) as db:
        db.execute(f"INSERT INTO {_FEEDBACK} SELECT 1, workspace_id, 5, 1, 0 FROM tickets WHERE id = 1")
    return ticket


@pytest.fixture
async def report(store: Store, workspace: Workspace, ticket: Ticket, path: Path) -> Ticket:
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    await store.tickets.add_message(report.id, noting(), origin="note", now=NOW)
    post, *_ = await store.outbox.pending_for_ticket(report.id)
    await store.outbox.mark_delivered([post], Receipt(channel_id=3, message_id=22, thread_id=23), NOW)
    with raw(path) as db:
        db.execute(
            f"INSERT INTO {_EVENT} SELECT workspace_id, source, 8, 'ticket.status', 2, 'open', 0 "
            "FROM tickets WHERE id = 2"
        )
    return report


@pytest.mark.parametrize("foreign_keys", ["ON", "OFF"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_raw_sql_cannot_add_a_reply_to_a_game_report(
    ticket: Ticket, report: Ticket, path: Path, attack: str, foreign_keys: str
) -> None:
    assert (ticket.id, report.id) == (1, 2)
    with raw(path) as db:
        db.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        before = everything_in(db)

        with pytest.raises(sqlite3.IntegrityError, match=r"^view-only: "):
            db.execute(attack)

        assert everything_in(db) == before


async def test_everything_but_a_reply_can_be_added_to_a_game_report(report: Ticket, path: Path) -> None:
    with raw(path) as db:
        db.execute("UPDATE tickets SET status = 'closed', claimed_by_id = 1, view_only = 1 WHERE id = 2")
        db.execute(f"INSERT INTO {_MESSAGE} VALUES (2, 'note', 1, 'x', 'x', 'x', 'x', 0)")
        db.execute(f"INSERT INTO {_MESSAGE} VALUES (2, 'follow-up', 1, 'x', 'x', 'x', 'y', 0)")
        db.execute(f"INSERT INTO {_MESSAGE} VALUES (2, 'event', 1, 'x', 'x', 'x', 'z', 0)")
        db.execute(f"INSERT INTO {_OUTBOX} VALUES (2, 'post_message', 1, 'q', 3, 'x', 0, 0)")
        db.execute(f"INSERT INTO {_OUTBOX} VALUES (2, 'post_pointer', 1, 'q', 4, 'y', 0, 0)")
        db.execute("UPDATE messages SET text = 'y' WHERE ticket_id = 2")


@pytest.mark.parametrize("foreign_keys", ["ON", "OFF"])
async def test_a_game_report_cannot_be_replaced_through_its_other_unique_values(
    path: Path, ticket: Ticket, report: Ticket, foreign_keys: str
) -> None:
    with raw(path) as db:
        db.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        for number in (500, ticket.id):
            with contextlib.suppress(sqlite3.IntegrityError):
                db.execute(
                    f"INSERT OR REPLACE INTO tickets (id, view_only, {_BARE}) "
                    f"SELECT {number}, 0, {_BARE} FROM tickets WHERE id = {report.id}"
                )

        assert db.execute("SELECT id, view_only FROM tickets").fetchall() == [(1, 0), (2, 1)]


async def test_no_reply_can_be_stored_ahead_of_its_game_report(path: Path, report: Ticket) -> None:
    with raw(path) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(f"INSERT INTO {_MESSAGE} VALUES (9001, 'reply', 1, 'x', 'x', 'x', 'orphan', 0)")

        with pytest.raises(sqlite3.IntegrityError, match=r"^view-only: "):
            db.execute(
                f"INSERT INTO tickets (id, view_only, uid, public_id, {_SHARED}) "
                f"SELECT 9001, 1, 'u', 'p', {_SHARED} FROM tickets WHERE id = {report.id}"
            )


async def test_a_delivery_of_an_unknown_kind_is_refused(path: Path, report: Ticket) -> None:
    with raw(path) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(f"INSERT INTO {_OUTBOX} VALUES ({report.id}, 'return ', 1, 'q', 3, 'x', 0, 0)")
