"""Events for game servers: written with what they are about, read in order, and confirmed once."""

from collections.abc import Sequence
from datetime import datetime

from bot.tickets.events import EventPage, EventType, TicketEvent
from bot.tickets.queries import Scope
from bot.tickets.ticket import Status, Ticket
from storage import messages
from storage.db import Db, Params, Row, Topic
from storage.engine import Engine
from storage.mapping import from_ms, optional_from_ms, ticket_from_row, to_ms


class EventRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_after(self, scope: Scope, after: int, limit: int) -> EventPage:
        """The first events after a number, oldest first, and the number of the newest there is."""

        def select(db: Db) -> EventPage:
            rows = db.all(_AFTER, {**_params(scope), "after": after, "limit": limit})
            return EventPage(events=_from_rows(db, rows), newest=_newest(db, scope))

        return await self._engine.read(select)

    async def list_of_ticket(self, ticket_id: int) -> tuple[TicketEvent, ...]:
        """All events of a ticket, oldest first."""
        return await self._engine.read(lambda db: _from_rows(db, db.all(_OF_TICKET, {"id": ticket_id})))

    async def confirm_to(self, scope: Scope, up_to: int, receiver: str, now: datetime) -> None:
        """Record that a game server received all events up to a number; those confirmed before stay so."""
        params = {**_params(scope), "up_to": up_to}
        if await self._engine.read(lambda db: db.one(_UNCONFIRMED, params)) is not None:
            await self._engine.write(
                lambda db: db.run(_CONFIRM, {**params, "receiver": receiver, "now": to_ms(now)})
            )


_AFTER = """
    SELECT * FROM ticket_events_with_tickets
    WHERE event_workspace_id = :workspace AND event_source = :source AND seq > :after
    ORDER BY seq LIMIT :limit
"""
_OF_TICKET = "SELECT * FROM ticket_events_with_tickets WHERE id = :id ORDER BY seq"
_UNCONFIRMED = """
    SELECT 1 FROM ticket_events
    WHERE workspace_id = :workspace AND source = :source AND seq <= :up_to AND received_at IS NULL LIMIT 1
"""
_CONFIRM = """
    UPDATE ticket_events SET received_at = :now, received_by = :receiver
    WHERE workspace_id = :workspace AND source = :source AND seq <= :up_to AND received_at IS NULL
"""


# Everything below runs within a transaction of the caller.


def insert_event(
    db: Db, ticket: Ticket, type_: EventType, now: datetime, *, message_id: int | None = None
) -> None:
    """Insert an event of a ticket that a game server sent; of another ticket there is none."""
    if ticket.is_private:
        return
    scope = Scope(workspace_id=ticket.workspace_id, source=ticket.source)
    db.one("SELECT id FROM workspaces WHERE id = :id FOR UPDATE", {"id": scope.workspace_id})
    params = {
        **_params(scope),
        "seq": _newest(db, scope) + 1,
        "type": type_.value,
        "ticket": ticket.id,
        "status": ticket.status.value,
        "message": message_id,
        "now": to_ms(now),
    }
    db.run(_INSERT, params)
    db.notify(Topic.EVENTS)
    if db.run(_QUEUE_PUSHES, params):
        db.notify(Topic.PUSHES)


_INSERT = """
    INSERT INTO ticket_events (workspace_id, source, seq, type, ticket_id, status, message_id, created_at)
    VALUES (:workspace, :source, :seq, :type, :ticket, :status, :message, :now)
"""
_QUEUE_PUSHES = """
    INSERT INTO pushes (endpoint_id, seq, ticket_id, due_at, created_at)
    SELECT id, :seq, :ticket, :now, :now FROM push_endpoints
    WHERE workspace_id = :workspace AND source = :source
"""


def get_event(db: Db, scope: Scope, seq: int) -> TicketEvent:
    """The event of a scope with a number that is known to exist."""
    (event,) = _from_rows(db, db.all(_BY_SEQ, {**_params(scope), "seq": seq}))
    return event


_BY_SEQ = """
    SELECT * FROM ticket_events_with_tickets
    WHERE event_workspace_id = :workspace AND event_source = :source AND seq = :seq
"""


def confirm_event(db: Db, scope: Scope, seq: int, receiver: str, now: datetime) -> None:
    """Record that a game server received an event; one that was confirmed before stays so."""
    db.run(_CONFIRM_ONE, {**_params(scope), "seq": seq, "receiver": receiver, "now": to_ms(now)})


_CONFIRM_ONE = """
    UPDATE ticket_events SET received_at = :now, received_by = :receiver
    WHERE workspace_id = :workspace AND source = :source AND seq = :seq AND received_at IS NULL
"""


def _newest(db: Db, scope: Scope) -> int:
    row = db.one(
        """
        SELECT coalesce(max(seq), 0) AS seq FROM ticket_events
        WHERE workspace_id = :workspace AND source = :source
        """,
        _params(scope),
    )
    return int(row["seq"]) if row else 0


def _params(scope: Scope) -> Params:
    return {"workspace": scope.workspace_id, "source": scope.source}


def _from_rows(db: Db, rows: Sequence[Row]) -> tuple[TicketEvent, ...]:
    ids = [row["message_id"] for row in rows if row["message_id"] is not None]
    found = {message.id: message for message in messages.messages_by_ids(db, ids)}
    return tuple(
        TicketEvent(
            seq=row["seq"],
            type=EventType(row["type"]),
            ticket=ticket_from_row(row),
            status=Status(row["event_status"]),
            message=found.get(row["message_id"]),
            created_at=from_ms(row["event_created_at"]),
            received_at=optional_from_ms(row["received_at"]),
            received_by=row["received_by"],
        )
        for row in rows
    )
