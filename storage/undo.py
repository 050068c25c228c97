"""What a ticket was before its latest change in Discord, as long as that can be undone.

Everything runs within a transaction of the caller.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.tickets.errors import NotUndone, UndoTimeOver
from bot.tickets.message import DISCORD_SOURCE, Actor, MessageKind
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import UNDO_TIME, Priority, Status, Ticket, TicketState
from storage.db import Db
from storage.mapping import to_json, to_ms
from storage.messages import newest_messages


def remember(db: Db, before: Ticket, changed: Ticket, actor: Actor, now: datetime) -> None:
    """Store what a ticket was before a change of a Discord member; forget what can no longer be undone."""
    db.run("DELETE FROM undoable_changes WHERE expires_at < :now", {"now": to_ms(now)})
    if actor.source != DISCORD_SOURCE:
        return
    db.run(
        """
        INSERT INTO undoable_changes (ticket_id, revision, actor_id, state, expires_at)
        VALUES (:ticket, :revision, :actor, :state, :expires)
        ON CONFLICT (ticket_id) DO UPDATE
        SET revision = excluded.revision, actor_id = excluded.actor_id, state = excluded.state,
            expires_at = excluded.expires_at
        """,
        {
            "ticket": changed.id,
            "revision": changed.revision,
            "actor": actor.id,
            "state": to_json(_state_to_json(before.state)),
            "expires": to_ms(now + UNDO_TIME),
        },
    )


def restored(db: Db, ticket: Ticket, revision: int, actor: Actor, now: datetime) -> Ticket:
    """The ticket as it was before the change that made this revision.

    Raises UndoTimeOver, NotUndone if it was changed since, or by somebody else.
    """
    if ticket.revision != revision:
        raise NotUndone(_changed_since(db, ticket))
    row = db.one("SELECT * FROM undoable_changes WHERE ticket_id = :id", {"id": ticket.id})
    if row is None or row["revision"] != revision or row["expires_at"] < to_ms(now):
        raise UndoTimeOver
    if actor.source != DISCORD_SOURCE or row["actor_id"] != actor.id:
        raise NotUndone(Sentence("Only who changed the ticket can undo that."))
    return ticket.with_state(_state_from_json(json.loads(row["state"])))


def _changed_since(db: Db, ticket: Ticket) -> Sentence | None:
    """Who changed the ticket since, and how: the newest line of its history."""
    newest = newest_messages(db, ticket.id, [MessageKind.EVENT], 1)
    if not newest:
        return None
    return Sentence("This can no longer be undone. Since then: {event}.", event=newest[0].text)


def _state_to_json(state: TicketState) -> dict[str, object]:
    return {
        "status": state.status.value,
        "priority": state.priority.value,
        "category": state.category,
        "department": state.department,
        "claimed_by": _actor_to_json(state.claimed_by),
        "closed_by": _actor_to_json(state.closed_by),
        "close_reason": state.close_reason,
        "tags": state.tags,
    }


def _state_from_json(stored: Mapping[str, Any]) -> TicketState:
    return TicketState(
        status=Status(stored["status"]),
        priority=Priority(stored["priority"]),
        category=stored["category"],
        department=stored["department"],
        claimed_by=_actor_from_json(stored["claimed_by"]),
        closed_by=_actor_from_json(stored["closed_by"]),
        close_reason=stored["close_reason"],
        tags=tuple(stored["tags"]),
    )


def _actor_to_json(actor: Actor | None) -> list[str] | None:
    return None if actor is None else [actor.id, actor.name, actor.source]


def _actor_from_json(stored: list[str] | None) -> Actor | None:
    if stored is None:
        return None
    actor_id, name, source = stored
    return Actor(id=actor_id, name=name, source=source)
