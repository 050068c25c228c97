"""A person's own tickets: those of all their identities, and what they have seen of them."""

from collections import defaultdict
from collections.abc import Sequence

from bot.tickets.queries import OwnTicket, OwnTicketPage, ReporterIdentity
from bot.tickets.ticket import Ticket
from storage.db import Db, Row
from storage.engine import Engine
from storage.mapping import from_ms
from storage.tickets import select_newest_first

_AUTOCOMPLETE_SCANNED = 1000  # tickets of one person that autocomplete searches
_IN_WORKSPACES = """
    SELECT tickets.id, public_id, subject, updated_at FROM each_number(:ids) AS one
    JOIN FIRST tickets ON tickets.id = one.value
    WHERE workspace_id = ANY(:workspaces)
"""
_ENDED_IN_WORKSPACES = """
    SELECT tickets.id, public_id, subject, updated_at,
           EXISTS (SELECT 1 FROM feedback WHERE feedback.ticket_id = tickets.id) AS is_rated
    FROM each_number(:ids) AS one
    JOIN FIRST tickets ON tickets.id = one.value
    WHERE workspace_id = ANY(:workspaces) AND view_only = 0
      AND (status = 'resolved' OR status = 'closed')
"""


class OwnTicketRepository:
    """Every method is one transaction. Without identities there are no tickets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_page(
        self, identities: Sequence[ReporterIdentity], discord_id: int, *, page: int, size: int
    ) -> OwnTicketPage:
        """One page, those that changed last first; the last page in place of one that is not there.

        `discord_id` is who looks: what is unread is kept for each.
        """

        def select(db: Db) -> OwnTicketPage:
            ids = [row["id"] for row in self._rows(db, identities)]
            pages = max(1, -(-len(ids) // size))
            shown = min(page, pages - 1)
            tickets = _in_order(db, ids[shown * size : (shown + 1) * size])
            return OwnTicketPage(
                items=_with_replies(db, tickets, discord_id), page=shown, pages=pages, total=len(ids)
            )

        return await self._engine.read(select)

    async def autocomplete(
        self, identities: Sequence[ReporterIdentity], text: str, limit: int = 25
    ) -> list[Ticket]:
        """Those whose public id or subject contains the text, those that changed last first."""
        contains = self._engine.search.contains

        def find(db: Db) -> list[Ticket]:
            found = [
                row["id"]
                for row in self._rows(db, identities)[:_AUTOCOMPLETE_SCANNED]
                if contains(row["public_id"], text) or contains(row["subject"], text)
            ]
            return _in_order(db, found[:limit])

        return await self._engine.read(find)

    async def autocomplete_ended(
        self, identities: Sequence[ReporterIdentity], text: str, limit: int = 25
    ) -> list[Ticket]:
        """The same of those that can be rated: the ones without feedback first."""
        contains = self._engine.search.contains

        def find(db: Db) -> list[Ticket]:
            found = [
                row
                for row in self._rows(db, identities, _ENDED_IN_WORKSPACES)[:_AUTOCOMPLETE_SCANNED]
                if contains(row["public_id"], text) or contains(row["subject"], text)
            ]
            found.sort(key=lambda row: row["is_rated"])
            return _in_order(db, [row["id"] for row in found[:limit]])

        return await self._engine.read(find)

    async def mark_seen(self, ticket_id: int, discord_id: int, message_id: int) -> None:
        """Record that a member has seen the replies of a ticket up to this one; it never moves back."""
        params = {"ticket": ticket_id, "discord": discord_id, "message": message_id}
        if await self._engine.read(lambda db: db.one(_SEEN, params)) is None:
            await self._engine.write(lambda db: db.run(_UPSERT_SEEN, params))

    def _rows(self, db: Db, identities: Sequence[ReporterIdentity], query: str = _IN_WORKSPACES) -> list[Row]:
        """Id, public id, subject and time of the tickets, those that changed last first."""
        workspaces = defaultdict(list)
        for identity in identities:
            workspaces[identity.source, identity.player_id].append(identity.workspace_id)
        found: list[Row] = []
        for (source, player_id), ids in workspaces.items():
            tickets = self._engine.search.reporter_ids(db, source, player_id)
            found += db.all(query, {"ids": tickets, "workspaces": ids})
        return sorted(found, key=lambda row: (row["updated_at"], row["id"]), reverse=True)


_NEWEST_REPLIES = """
    SELECT messages.ticket_id, max(messages.id) AS reply_id, max(messages.created_at) AS replied_at,
           coalesce(max(seen_replies.message_id), 0) AS seen_id
    FROM messages LEFT JOIN seen_replies
         ON seen_replies.ticket_id = messages.ticket_id AND seen_replies.discord_id = :discord
    WHERE messages.ticket_id = ANY(:tickets) AND kind = 'reply'
    GROUP BY messages.ticket_id
"""
_SEEN = """
    SELECT 1 FROM seen_replies
    WHERE ticket_id = :ticket AND discord_id = :discord AND message_id >= :message
"""
_UPSERT_SEEN = """
    INSERT INTO seen_replies (ticket_id, discord_id, message_id) VALUES (:ticket, :discord, :message)
    ON CONFLICT (ticket_id, discord_id) DO UPDATE SET message_id = excluded.message_id
    WHERE seen_replies.message_id < excluded.message_id
"""


# Everything below runs within a transaction of the caller.


def _in_order(db: Db, ids: Sequence[int]) -> list[Ticket]:
    """The tickets with these ids, in this order."""
    found = {ticket.id: ticket for ticket in select_newest_first(db, ids)}
    return [found[ticket_id] for ticket_id in ids]


def _with_replies(db: Db, tickets: Sequence[Ticket], discord_id: int) -> tuple[OwnTicket, ...]:
    params = {"tickets": [ticket.id for ticket in tickets], "discord": discord_id}
    replies = {row["ticket_id"]: row for row in db.all(_NEWEST_REPLIES, params)}
    return tuple(_own_ticket(ticket, replies.get(ticket.id)) for ticket in tickets)


def _own_ticket(ticket: Ticket, row: Row | None) -> OwnTicket:
    if row is None:
        return OwnTicket(ticket=ticket)
    return OwnTicket(
        ticket=ticket,
        reply_id=row["reply_id"],
        replied_at=from_ms(row["replied_at"]),
        seen_id=row["seen_id"],
    )
