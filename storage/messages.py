"""Messages of tickets: replies, notes, follow-ups and events."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.tickets.message import Actor, DiscordMessage, Message, MessageKind, NewMessage
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Ticket
from storage.db import Db, Row
from storage.engine import Engine
from storage.mapping import from_ms, to_ms


class MessageRepository:
    """Every method is one transaction. Messages are added by `TicketRepository`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(self, message_id: int) -> Message | None:
        """A message by its id."""
        row = await self._engine.read(
            lambda db: db.one("SELECT * FROM messages WHERE id = :id", {"id": message_id})
        )
        return None if row is None else _from_row(row)

    async def list_of_ticket(
        self, ticket_id: int, kinds: Collection[MessageKind] = tuple(MessageKind), limit: int = 10
    ) -> list[Message]:
        """The newest messages of a ticket, oldest first."""
        return await self._engine.read(lambda db: newest_messages(db, ticket_id, kinds, limit))


# Everything below runs within a transaction of the caller.


def insert_message(
    db: Db, message: NewMessage, origin: str, now: datetime, *, shown_as: DiscordMessage | None = None
) -> Message:
    """Insert a message. `origin` is unique: what the message came from."""
    (message_id,) = db.next_ids("messages", 1)
    db.run(
        """
        INSERT INTO messages (
            id, ticket_id, kind, author_id, author_name, author_source, text, detail, origin, created_at,
            shown_channel, shown_message, shown_typed
        ) VALUES (
            :id, :ticket_id, :kind, :author_id, :author_name, :author_source, :text, :detail, :origin, :now,
            :channel, :message, :typed
        )
        """,
        {
            "id": message_id,
            "ticket_id": message.ticket_id,
            "kind": message.kind.value,
            "author_id": message.author.id,
            "author_name": message.author.name,
            "author_source": message.author.source,
            "text": message.text,
            "detail": message.detail,
            "origin": origin,
            "now": to_ms(now),
            "channel": shown_as.channel_id if shown_as else None,
            "message": shown_as.message_id if shown_as else None,
            "typed": int(shown_as is not None and shown_as.is_typed),
        },
    )
    return Message(
        id=message_id,
        ticket_id=message.ticket_id,
        kind=message.kind,
        author=message.author,
        text=message.text,
        detail=message.detail,
        created_at=from_ms(to_ms(now)),
        shown_as=shown_as,
    )


def set_text(db: Db, message_id: int, text: str) -> None:
    """Change a message's text; what shows it in Discord is another matter."""
    db.run("UPDATE messages SET text = :text WHERE id = :id", {"id": message_id, "text": text})


def message_by_origin(db: Db, origin: str) -> Message | None:
    row = db.one("SELECT * FROM messages WHERE origin = :origin", {"origin": origin})
    return None if row is None else _from_row(row)


def messages_by_ids(db: Db, ids: Sequence[int]) -> list[Message]:
    """The messages with these ids, in any order."""
    return [_from_row(row) for row in db.all("SELECT * FROM messages WHERE id = ANY(:ids)", {"ids": ids})]


def messages_of_tickets(db: Db, ticket_ids: Sequence[int]) -> list[Message]:
    """All messages of tickets, oldest first."""
    rows = db.all("SELECT * FROM messages WHERE ticket_id = ANY(:ids) ORDER BY id", {"ids": ticket_ids})
    return [_from_row(row) for row in rows]


def store_texts(db: Db, changed: Sequence[Message]) -> None:
    """Store the texts and authors of messages anew."""
    db.run_many(
        """
        UPDATE messages SET author_id = :author_id, author_name = :author_name, text = :text, detail = :detail
        WHERE id = :id
        """,
        [
            {
                "id": one.id,
                "author_id": one.author.id,
                "author_name": one.author.name,
                "text": one.text,
                "detail": one.detail,
            }
            for one in changed
        ],
    )


def newest_messages(db: Db, ticket_id: int, kinds: Collection[MessageKind], limit: int) -> list[Message]:
    """The newest messages of a ticket, oldest first."""
    rows = db.all(
        """
        SELECT * FROM messages WHERE ticket_id = :ticket_id AND kind = ANY(:kinds)
        ORDER BY id DESC LIMIT :limit
        """,
        {"ticket_id": ticket_id, "kinds": [kind.value for kind in kinds], "limit": limit},
    )
    return [_from_row(row) for row in reversed(rows)]


def with_message_counts(db: Db, tickets: Sequence[Ticket]) -> tuple[TicketDetails, ...]:
    """The tickets, in the same order, each with the number of its replies and follow-ups."""
    rows = db.all(
        """
        SELECT ticket_id, count(*) FILTER (WHERE kind = 'reply') AS replies,
               count(*) FILTER (WHERE kind = 'follow-up') AS follow_ups
        FROM messages WHERE ticket_id = ANY(:tickets) GROUP BY ticket_id
        """,
        {"tickets": [ticket.id for ticket in tickets]},
    )
    counts = {row["ticket_id"]: (row["replies"], row["follow_ups"]) for row in rows}
    none = (0, 0)
    return tuple(
        TicketDetails(ticket=ticket, replies=replies, follow_ups=follow_ups)
        for ticket in tickets
        for replies, follow_ups in [counts.get(ticket.id, none)]
    )


def _from_row(row: Row) -> Message:
    return Message(
        id=row["id"],
        ticket_id=row["ticket_id"],
        kind=MessageKind(row["kind"]),
        author=Actor(id=row["author_id"], name=row["author_name"], source=row["author_source"]),
        text=row["text"],
        detail=row["detail"],
        created_at=from_ms(row["created_at"]),
        shown_as=_shown_as(row),
    )


def _shown_as(row: Row) -> DiscordMessage | None:
    if row["shown_message"] is None:
        return None
    return DiscordMessage(
        channel_id=row["shown_channel"], message_id=row["shown_message"], is_typed=bool(row["shown_typed"])
    )
