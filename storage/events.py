"""Events for game servers: written with what they are about, read in order, and confirmed once."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bot.tickets.events import (
    Asked,
    EventBacklog,
    EventPage,
    EventType,
    Reception,
    ReplyState,
    TicketEvent,
    event_id,
)
from bot.tickets.push_endpoints import EndpointState, PushProgress, endpoint_label
from bot.tickets.queries import Scope
from bot.tickets.ticket import Status, Ticket
from storage import messages
from storage.db import Db, Params, Row, Topic
from storage.engine import Engine
from storage.mapping import from_ms, optional_from_ms, ticket_from_row, to_ms
from storage.outbox import insert_message_updates
from storage.workspaces import get_workspace

ASKED_PRECISION = timedelta(minutes=1)  # between two records of when a key asked for events
# Of what is received at once, the replies whose messages in Discord are edited: the newest ones.
UPDATES_PER_TICKET, MAX_UPDATES = 10, 1000

_MAX_OF_REPORTER = 1000


class EventRepository:
    """Every method is one transaction.

    What is received first stays recorded: several servers may have one key, and a server may ask again. The
    messages in Discord that show a reply are edited when what they say about it changes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[tuple[str, Asked], datetime] = {}  # by the prefix of the API key; as stored

    async def list_after(self, scope: Scope, after: int, limit: int) -> EventPage:
        """The first events after a number, oldest first, and the number of the newest there is."""

        def select(db: Db) -> EventPage:
            rows = db.all(_AFTER, {**_params(scope), "after": after, "limit": limit})
            return EventPage(events=_from_rows(db, rows), newest=_newest(db, scope))

        return await self._engine.read(select)

    async def list_of_ticket(self, ticket_id: int) -> tuple[TicketEvent, ...]:
        """All events of a ticket, oldest first."""
        return await self._engine.read(lambda db: _from_rows(db, db.all(_OF_TICKET, {"id": ticket_id})))

    async def list_unread(
        self, scope: Scope, reporter_ids: Collection[str], *, without: Collection[int], limit: int
    ) -> tuple[TicketEvent, ...]:
        """The first replies to these reporters, and closings of their tickets, that no game server has read.

        Oldest first, without the events with some numbers. What was only fetched or pushed is not read.
        """
        if not reporter_ids:
            return ()
        params = {**_params(scope), "reporters": reporter_ids, "without": without, "limit": limit}

        def select(db: Db) -> tuple[TicketEvent, ...]:
            seqs = [row["seq"] for row in db.all(_UNREAD, params)]
            return _from_rows(db, db.all(_BY_SEQ, {**_params(scope), "seqs": seqs})) if seqs else ()

        return await self._engine.read(select)

    async def unread_ids(self, scope: Scope, reporter_id: str) -> dict[str, int]:
        """The ids of the first 1,000 events about a reporter's tickets that no game server has read.

        With the number of each.
        """
        params = {**_params(scope), "reporter": reporter_id, "limit": _MAX_OF_REPORTER}
        rows = await self._engine.read(lambda db: db.all(_UNREAD_OF_REPORTER, params))
        return {event_id(row["uid"], row["seq"]): row["seq"] for row in rows}

    async def reply_states(self, ticket_id: int, message_ids: Collection[int]) -> dict[int, ReplyState]:
        """What became of replies, by message; only replies to a reporter in a game have a state."""
        params = {"ticket": ticket_id, "messages": message_ids}

        def select(db: Db) -> dict[int, ReplyState]:
            pushes = {row["message_id"]: _push_from_row(row) for row in db.all(_REPLY_PUSHES, params)}
            rows = db.all(_REPLY_STATES, params)
            return {row["message_id"]: _state_from_row(row, pushes.get(row["message_id"])) for row in rows}

        return await self._engine.read(select)

    async def record_ask(self, scope: Scope, key_prefix: str, asked: Asked, now: datetime) -> None:
        """Record that a game server asks for events with a key; once a minute for each."""
        last = self._asked.get((key_prefix, asked))
        if last is None or not timedelta(0) <= now - last < ASKED_PRECISION:
            await self._engine.write(lambda db: _record_ask(db, scope, key_prefix, asked, now))
            self._asked[key_prefix, asked] = now

    async def confirm_to(self, scope: Scope, up_to: int, receiver: str, now: datetime) -> None:
        """Record that a game server has read all events up to a number."""
        await self._confirm(scope, _UP_TO, {"up_to": up_to}, Reception.READ, receiver, now)

    async def confirm(self, scope: Scope, seqs: Collection[int], receiver: str, now: datetime) -> None:
        """Record that a game server has read the events with these numbers."""
        await self._confirm(scope, _THESE, {"seqs": seqs}, Reception.READ, receiver, now)

    async def confirm_fetched(
        self, scope: Scope, ticket_id: int, message_ids: Collection[int], receiver: str, now: datetime
    ) -> None:
        """Record that a game server was sent a ticket with these replies."""
        params = {"ticket": ticket_id, "messages": message_ids}
        await self._confirm(scope, _OF_MESSAGES, params, Reception.FETCHED, receiver, now)

    async def _confirm(
        self, scope: Scope, query: str, params: Params, how: Reception, receiver: str, now: datetime
    ) -> None:
        """Record the events of a query as received, unless all are: then nothing is written."""
        rows = await self._engine.read(lambda db: db.all(query, {**_params(scope), **params}))
        if rows:
            seqs = [row["seq"] for row in rows]
            await self._engine.write(lambda db: _confirm(db, scope, seqs, how, receiver, now))

    async def backlogs(self, now: datetime) -> list[EventBacklog]:
        """What waits for game servers, by source; of workspaces with a valid key that asked for all of it."""
        rows = await self._engine.read(lambda db: db.all(_BACKLOGS, {"now": to_ms(now)}))
        return [
            EventBacklog(source=row["source"], waiting=row["waiting"], oldest=optional_from_ms(row["oldest"]))
            for row in rows
        ]


_AFTER = """
    SELECT * FROM ticket_events_with_tickets
    WHERE event_workspace_id = :workspace AND event_source = :source AND seq > :after
    ORDER BY seq LIMIT :limit
"""
_OF_TICKET = "SELECT * FROM ticket_events_with_tickets WHERE ticket_id = :id ORDER BY seq"
_BY_SEQ = """
    SELECT events.* FROM each_number(:seqs) AS one
    JOIN FIRST ticket_events_with_tickets AS events ON seq = one.value
    WHERE event_workspace_id = :workspace AND event_source = :source
    ORDER BY seq
"""
_UNREAD = """
    SELECT seq FROM each_text(:reporters) AS one JOIN FIRST ticket_events ON reporter_id = one.value
    WHERE workspace_id = :workspace AND source = :source AND (received_at IS NULL OR received_as <> 'read')
      AND (ticket_events.type = 'ticket.reply' OR status = 'resolved' OR status = 'closed')
      AND seq <> ALL(:without)
    ORDER BY seq LIMIT :limit
"""
_UNREAD_OF_REPORTER = """
    SELECT seq, uid FROM ticket_events JOIN tickets ON tickets.id = ticket_id
    WHERE ticket_events.workspace_id = :workspace AND ticket_events.source = :source
      AND ticket_events.reporter_id = :reporter AND (received_at IS NULL OR received_as <> 'read')
    ORDER BY seq LIMIT :limit
"""
_REPLY_STATES = """
    SELECT message_id, source, created_at, received_at, received_by, received_as,
           EXISTS (SELECT 1 FROM api_keys
                   WHERE workspace_id = ticket_events.workspace_id AND source = ticket_events.source
                     AND events_asked_at IS NOT NULL) AS has_readers
    FROM ticket_events WHERE ticket_id = :ticket AND message_id = ANY(:messages)
"""
# Of several endpoints, the oldest is the last row.
_REPLY_PUSHES = """
    SELECT message_id, endpoint_id, name, push_endpoints.state AS endpoint_state, pushes.state AS push_state,
           attempts, last_error
    FROM ticket_events
    JOIN pushes ON pushes.ticket_id = ticket_events.ticket_id AND pushes.seq = ticket_events.seq
    JOIN push_endpoints ON push_endpoints.id = endpoint_id
    WHERE ticket_events.ticket_id = :ticket AND message_id = ANY(:messages)
    ORDER BY endpoint_id DESC
"""
_UP_TO = """
    SELECT seq FROM ticket_events
    WHERE workspace_id = :workspace AND source = :source AND seq <= :up_to AND received_at IS NULL
"""
_THESE = """
    SELECT seq FROM ticket_events
    WHERE workspace_id = :workspace AND source = :source AND seq = ANY(:seqs)
      AND (received_at IS NULL OR received_as <> 'read')
"""
_OF_MESSAGES = """
    SELECT seq FROM ticket_events
    WHERE ticket_id = :ticket AND message_id = ANY(:messages) AND received_at IS NULL
      AND workspace_id = :workspace AND source = :source
"""
_BACKLOGS = """
    SELECT askers.source, count(seq) AS waiting, min(created_at) AS oldest
    FROM (SELECT DISTINCT workspace_id, source FROM api_keys
          WHERE all_asked_at IS NOT NULL AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > :now)) AS askers
    LEFT JOIN ticket_events ON ticket_events.workspace_id = askers.workspace_id
         AND ticket_events.source = askers.source AND received_at IS NULL
    GROUP BY askers.source
"""


def _record_ask(db: Db, scope: Scope, key_prefix: str, asked: Asked, now: datetime) -> None:
    is_first = db.one(_HAS_ASKED, _params(scope)) is None
    db.run(_SET_ASKED[asked], {"prefix": key_prefix, "now": to_ms(now)})
    if is_first:  # until now the replies say that no server has asked
        rows = db.all(_NEWEST_WAITING, {**_params(scope), "most": MAX_UPDATES})
        update_shown_replies(db, scope, [row["seq"] for row in rows], now)


_HAS_ASKED = """
    SELECT 1 FROM api_keys
    WHERE workspace_id = :workspace AND source = :source AND events_asked_at IS NOT NULL LIMIT 1
"""
_SET_ASKED = {
    Asked.ALL: "UPDATE api_keys SET events_asked_at = :now, all_asked_at = :now WHERE prefix = :prefix",
    Asked.OF_PLAYERS: "UPDATE api_keys SET events_asked_at = :now WHERE prefix = :prefix",
}
_NEWEST_WAITING = """
    SELECT seq FROM ticket_events
    WHERE workspace_id = :workspace AND source = :source AND received_at IS NULL AND type = 'ticket.reply'
    ORDER BY seq DESC LIMIT :most
"""


def _confirm(db: Db, scope: Scope, seqs: Sequence[int], how: Reception, receiver: str, now: datetime) -> None:
    update_shown_replies(db, scope, seqs, now)
    received = {"how": how.value, "receiver": receiver, "now": to_ms(now)}
    db.run(_SET_RECEIVED, {**_params(scope), **received, "seqs": seqs})


_SET_RECEIVED = """
    UPDATE ticket_events SET received_at = :now, received_by = :receiver, received_as = :how
    WHERE workspace_id = :workspace AND source = :source AND seq = ANY(:seqs)
      AND (received_at IS NULL OR received_as <> 'read')
"""


def update_shown_replies(db: Db, scope: Scope, seqs: Sequence[int], now: datetime) -> None:
    """Queue edits of the messages that show these replies, unless one is pending that will show the same."""
    limits = {"per_ticket": UPDATES_PER_TICKET, "most": MAX_UPDATES}
    rows = db.all(_NEWEST_SHOWN, {**_params(scope), **limits, "seqs": seqs})
    if not rows:
        return
    ids = {row["ticket_id"] for row in rows}
    found = db.all("SELECT * FROM tickets_without_body WHERE id = ANY(:ids)", {"ids": ids})
    tickets = {row["id"]: ticket_from_row(row) for row in found}
    shown = [(tickets[row["ticket_id"]], row["message_id"]) for row in reversed(rows)]
    insert_message_updates(db, get_workspace(db, scope.workspace_id), shown, now)


# A message that was not attempted yet is not shown yet, and will be sent with what is so by then.
_NEWEST_SHOWN = """
    SELECT ticket_id, message_id FROM (
        SELECT seq, ticket_id, message_id,
               row_number() OVER (PARTITION BY ticket_id ORDER BY seq DESC) AS place
        FROM ticket_events
        WHERE workspace_id = :workspace AND source = :source AND seq = ANY(:seqs) AND received_at IS NULL
          AND type = 'ticket.reply'
    ) AS replies
    WHERE place <= :per_ticket AND NOT EXISTS (
        SELECT 1 FROM outbox
        WHERE outbox.ticket_id = replies.ticket_id AND outbox.message_id = replies.message_id
          AND state = 'pending' AND attempts = 0)
    ORDER BY seq DESC LIMIT :most
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
        "reporter": ticket.reporter.id,
        "status": ticket.status.value,
        "message": message_id,
        "now": to_ms(now),
    }
    db.run(_INSERT, params)
    db.notify(Topic.EVENTS)
    if db.run(_QUEUE_PUSHES, params):
        db.notify(Topic.PUSHES)


_INSERT = """
    INSERT INTO ticket_events (
        workspace_id, source, seq, type, ticket_id, reporter_id, status, message_id, created_at
    ) VALUES (
        :workspace, :source, :seq, :type, :ticket, :reporter, :status, :message, :now
    )
"""
_QUEUE_PUSHES = """
    INSERT INTO pushes (endpoint_id, seq, ticket_id, due_at, created_at)
    SELECT id, :seq, :ticket, :now, :now FROM push_endpoints
    WHERE workspace_id = :workspace AND source = :source
"""


def get_event(db: Db, scope: Scope, seq: int) -> TicketEvent:
    """The event of a scope with a number that is known to exist."""
    (event,) = _from_rows(db, db.all(_BY_SEQ, {**_params(scope), "seqs": [seq]}))
    return event


def confirm_pushed(db: Db, scope: Scope, seq: int, receiver: str, now: datetime) -> None:
    """Record that an outgoing webhook accepted an event, unless a game server had it before."""
    if db.one(_UNRECEIVED, {**_params(scope), "seq": seq}) is not None:
        _confirm(db, scope, [seq], Reception.PUSHED, receiver, now)


_UNRECEIVED = """
    SELECT 1 FROM ticket_events
    WHERE workspace_id = :workspace AND source = :source AND seq = :seq AND received_at IS NULL
"""


def set_reporter(db: Db, ticket: Ticket) -> None:
    """Store who a ticket's reporter is now with its events."""
    db.run(
        "UPDATE ticket_events SET reporter_id = :reporter WHERE ticket_id = :ticket",
        {"reporter": ticket.reporter.id, "ticket": ticket.id},
    )


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
            received_as=_reception(row),
        )
        for row in rows
    )


def _state_from_row(row: Row, push: PushProgress | None) -> ReplyState:
    return ReplyState(
        source=row["source"],
        created_at=from_ms(row["created_at"]),
        has_readers=bool(row["has_readers"]),
        received_at=optional_from_ms(row["received_at"]),
        received_by=row["received_by"],
        received_as=_reception(row),
        push=push,
    )


def _push_from_row(row: Row) -> PushProgress:
    return PushProgress(
        receiver=endpoint_label(row["endpoint_id"], row["name"]),
        state=EndpointState(row["endpoint_state"]),
        attempts=row["attempts"],
        error=row["last_error"],
        is_given_up=row["push_state"] == "dead_letter",
    )


def _reception(row: Row) -> Reception | None:
    return None if row["received_as"] is None else Reception(row["received_as"])
