"""Who is assigned to a ticket besides its claimer. Everything runs within a transaction of the caller."""

from collections.abc import Sequence
from datetime import datetime

from bot.tickets.message import Actor
from storage.db import Db
from storage.mapping import to_ms


def assignees_by_ticket(db: Db, ticket_ids: Sequence[int]) -> dict[int, tuple[Actor, ...]]:
    """The assignees of those tickets that have some, in their order."""
    rows = db.all(
        """
        SELECT ticket_id, source, member_id, name FROM ticket_assignees
        WHERE ticket_id = ANY(:tickets) ORDER BY ticket_id, position
        """,
        {"tickets": ticket_ids},
    )
    found: dict[int, tuple[Actor, ...]] = {}
    for row in rows:
        assignee = Actor(id=row["member_id"], name=row["name"], source=row["source"])
        found[row["ticket_id"]] = (*found.get(row["ticket_id"], ()), assignee)
    return found


def replace_assignees(db: Db, ticket_id: int, assignees: Sequence[Actor], now: datetime) -> tuple[Actor, ...]:
    """Store the assignees of a ticket in place of those before, which are returned."""
    before = assignees_by_ticket(db, [ticket_id]).get(ticket_id, ())
    if before != tuple(assignees):
        kept = {(one.source, one.id) for one in assignees}
        gone = [one for one in before if (one.source, one.id) not in kept]
        db.run_many(_DELETE, [{"ticket": ticket_id, "source": one.source, "id": one.id} for one in gone])
        db.run_many(
            _UPSERT,
            [
                {
                    "ticket": ticket_id,
                    "source": one.source,
                    "id": one.id,
                    "name": one.name,
                    "position": position,
                    "now": to_ms(now),
                }
                for position, one in enumerate(assignees)
            ],
        )
    return before


_DELETE = """
    DELETE FROM ticket_assignees WHERE ticket_id = :ticket AND source = :source AND member_id = :id
"""
_UPSERT = """
    INSERT INTO ticket_assignees (ticket_id, source, member_id, name, position, assigned_at)
    VALUES (:ticket, :source, :id, :name, :position, :now)
    ON CONFLICT (ticket_id, source, member_id) DO UPDATE
    SET name = excluded.name, position = excluded.position
"""
