"""Feedback: how reporters rated their tickets, one for each ticket."""

from collections.abc import Callable
from datetime import datetime

from bot.tickets.feedback import Feedback, FeedbackSummary, NewFeedback, comment_in
from bot.tickets.ticket import Ticket
from storage.blocks import is_withheld
from storage.db import Db, Row
from storage.engine import Engine
from storage.mapping import from_ms, to_ms
from storage.messages import set_text
from storage.outbox import insert_message_updates
from storage.tickets import insert_message, lock_ticket
from storage.workspaces import get_workspace


class FeedbackRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def save(self, ticket_id: int, compose: Callable[[Ticket], NewFeedback], now: datetime) -> Feedback:
        """Store the feedback that the ticket composes, in place of an earlier one, and show it to staff.

        Raises what `compose` raises, and UnknownTicket.
        """
        return await self._engine.write(lambda db: _save(db, ticket_id, compose, now))

    async def find(self, ticket_id: int) -> Feedback | None:
        """The feedback on a ticket."""
        return await self._engine.read(lambda db: _find(db, ticket_id))

    async def summaries(self) -> list[FeedbackSummary]:
        """Count and average for each workspace whose tickets have feedback."""
        rows = await self._engine.read(lambda db: db.all(_SUMMARIES))
        return [
            FeedbackSummary(workspace=row["name"], count=row["number"], average=float(row["average"]))
            for row in rows
        ]


_SUMMARIES = """
    SELECT name, number, average FROM workspaces
    JOIN (SELECT workspace_id, count(*) AS number, avg(rating) AS average FROM feedback GROUP BY workspace_id)
         AS counted ON workspace_id = id
    ORDER BY name
"""
_FIND = """
    SELECT feedback.ticket_id, rating, given_at, text
    FROM feedback JOIN messages ON messages.id = message_id WHERE feedback.ticket_id = :id
"""
_UPSERT = """
    INSERT INTO feedback (ticket_id, workspace_id, rating, message_id, given_at)
    VALUES (:ticket, :workspace, :rating, :message, :now)
    ON CONFLICT (ticket_id) DO UPDATE SET rating = excluded.rating, given_at = excluded.given_at
"""
# One that was not attempted yet will show the text as it is by then.
_PENDING = """
    SELECT 1 FROM outbox
    WHERE ticket_id = :ticket AND message_id = :message AND state = 'pending' AND attempts = 0
"""


def _save(db: Db, ticket_id: int, compose: Callable[[Ticket], NewFeedback], now: datetime) -> Feedback:
    ticket = lock_ticket(db, ticket_id)
    new = compose(ticket)
    before = _find(db, ticket_id)
    if before is not None and (before.rating, before.comment) == (new.rating, new.comment):
        return before
    params = {
        "ticket": ticket_id,
        "workspace": ticket.workspace_id,
        "rating": new.rating,
        "message": _show(db, ticket, new, now),
        "now": to_ms(now),
    }
    db.run(_UPSERT, params)
    return Feedback(ticket_id=ticket_id, rating=new.rating, comment=new.comment, given_at=from_ms(to_ms(now)))


def _show(db: Db, ticket: Ticket, new: NewFeedback, now: datetime) -> int:
    """Queue the message that shows it, or an edit of that message, and return the message's id."""
    workspace = get_workspace(db, ticket.workspace_id)
    row = db.one("SELECT message_id FROM feedback WHERE ticket_id = :id", {"id": ticket.id})
    if row is None:
        return insert_message(db, workspace, ticket, new.message, f"feedback:{ticket.id}", now).id
    message_id = int(row["message_id"])
    set_text(db, message_id, new.message.text)
    is_pending = db.one(_PENDING, {"ticket": ticket.id, "message": message_id}) is not None
    if not is_pending and not is_withheld(db, ticket):
        insert_message_updates(db, workspace, [(ticket, message_id)], now)
    return message_id


def _find(db: Db, ticket_id: int) -> Feedback | None:
    row = db.one(_FIND, {"id": ticket_id})
    return None if row is None else _from_row(row)


def _from_row(row: Row) -> Feedback:
    return Feedback(
        ticket_id=row["ticket_id"],
        rating=row["rating"],
        comment=comment_in(row["text"]),
        given_at=from_ms(row["given_at"]),
    )
