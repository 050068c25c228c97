"""Blocked reporters, and the tickets that were kept without being posted."""

from collections.abc import Sequence
from datetime import datetime

from bot.tickets.blocks import Block, NewBlock, UnknownBlock, already_blocked
from bot.tickets.erasure import ERASED_TEXT
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from storage.db import Db, Params, Row
from storage.engine import Engine
from storage.mapping import from_ms, optional_from_ms, ticket_from_row, to_ms

BlockKey = tuple[str, str, str]  # workspace, source, player


class BlockRepository:
    """Every method is one transaction. No job ends a block: its time is compared whenever it counts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, new: NewBlock) -> Block:
        """Block a reporter from now on. Raises AlreadyBlocked."""
        now = new.blocked_at

        def insert(db: Db) -> Block:
            params = _params(new)
            row = db.one(_IN_FORCE, params)
            if row is not None:
                before = _from_row(row)
                if before.is_active(now):
                    raise already_blocked(before)
                db.run("UPDATE blocks SET ended_at = expires_at WHERE id = :id", {"id": before.id})
            (block_id,) = db.next_ids("blocks", 1)
            db.run(_INSERT, {**params, "id": block_id})
            return _get(db, block_id, [new.workspace_id])

        return await self._engine.write(insert, locks=[f"block:{new.workspace_id}:{new.player_id}"])

    async def remove(self, block_id: int, workspace_ids: Sequence[str], actor: Actor, now: datetime) -> Block:
        """End an active block of these workspaces; return what it was. Raises UnknownBlock."""

        def end(db: Db) -> Block:
            found = _get(db, block_id, workspace_ids)
            if not found.is_active(now):
                raise UnknownBlock
            db.run(_END, {"id": block_id, "now": to_ms(now), "actor": actor.name, "actor_id": actor.id})
            return found

        return await self._engine.write(end)

    async def list_active(self, workspace_ids: Sequence[str], now: datetime) -> list[Block]:
        """The active blocks of workspaces, newest first."""
        return await self._list(_ACTIVE, {"workspaces": workspace_ids, "now": to_ms(now)})

    async def list_of_player(self, workspace_ids: Sequence[str], player: str) -> list[Block]:
        """All blocks of a player by id or name, in any case, also those that have ended; newest first."""
        return await self._list(_OF_PLAYER, {"workspaces": workspace_ids, "player": player})

    async def list_kept_tickets(self, block_ids: Sequence[int], limit: int) -> list[Ticket]:
        """The newest tickets that came while one of these blocks was in force, newest first."""
        params = {"blocks": block_ids, "limit": limit}
        rows = await self._engine.read(lambda db: db.all(_KEPT_TICKETS, params))
        return [ticket_from_row(row) for row in rows]

    async def find_of_ticket(self, ticket_id: int) -> Block | None:
        """The block that a ticket came under; None if its reporter was not blocked then."""
        row = await self._engine.read(lambda db: db.one(_OF_TICKET, {"ticket": ticket_id}))
        return None if row is None else _from_row(row)

    async def _list(self, statement: str, params: Params) -> list[Block]:
        rows = await self._engine.read(lambda db: db.all(statement, params))
        return [_from_row(row) for row in rows]


_INSERT = """
    INSERT INTO blocks (
        id, workspace_id, source, player_id, player_name, reason, blocked_by, blocked_by_id,
        blocked_by_source, blocked_at, expires_at
    ) VALUES (
        :id, :workspace, :source, :player, :player_name, :reason, :author, :author_id, :author_source,
        :now, :expires_at
    )
"""
_END = """
    UPDATE blocks SET ended_at = :now, ended_by = :actor, ended_by_id = :actor_id
    WHERE id = :id AND ended_at IS NULL
"""
_IN_FORCE = """
    SELECT * FROM blocks_with_counts
    WHERE player_id = :player AND workspace_id = :workspace AND source = :source AND ended_at IS NULL
"""
_BY_ID = "SELECT * FROM blocks_with_counts WHERE id = :id AND workspace_id = ANY(:workspaces)"
_ACTIVE = """
    SELECT * FROM blocks_with_counts
    WHERE workspace_id = ANY(:workspaces) AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
    ORDER BY id DESC
"""
_OF_PLAYER = """
    SELECT * FROM blocks_with_counts
    WHERE workspace_id = ANY(:workspaces)
      AND (lower(player_id) = lower(:player) OR lower(player_name) = lower(:player))
    ORDER BY id DESC
"""
_OF_TICKET = """
    SELECT blocks_with_counts.* FROM blocked_tickets
    JOIN FIRST blocks_with_counts ON blocks_with_counts.id = block_id
    WHERE ticket_id = :ticket
"""
_KEPT_TICKETS = """
    SELECT tickets.* FROM blocked_tickets
    JOIN FIRST tickets_without_body AS tickets ON tickets.id = ticket_id
    WHERE block_id = ANY(:blocks)
    ORDER BY ticket_id DESC LIMIT :limit
"""
_ANY = "SELECT 1 FROM blocks WHERE ended_at IS NULL LIMIT 1"
_OF_REPORTERS = """
    SELECT blocks.id, workspace_id, source, player_id, expires_at FROM each_text(:players) AS one
    JOIN FIRST blocks ON blocks.player_id = one.value
    WHERE ended_at IS NULL
"""
INSERT_BLOCKED = "INSERT INTO blocked_tickets (ticket_id, block_id) VALUES (:ticket, :block)"


# Everything below runs within a transaction of the caller.


def end_blocks_of_player(
    db: Db, workspace_id: str | None, source: str, player_id: str, now: datetime
) -> None:
    """End the active blocks of a player, in one workspace or in all."""
    params = {"workspace": workspace_id, "source": source, "player": player_id, "now": to_ms(now)}
    db.run(_END_OF_PLAYER, params)


def erase_ended_blocks(db: Db, workspace_id: str | None, source: str, player_id: str, now: datetime) -> None:
    """Take a player out of the blocks that have ended or expired; the tickets kept under them stay so."""
    params = {"workspace": workspace_id, "source": source, "player": player_id, "now": to_ms(now)}
    db.run(_ERASE_ENDED, {**params, "erased": ERASED_TEXT})


_END_OF_PLAYER = """
    UPDATE blocks SET ended_at = :now
    WHERE player_id = :player AND source = :source AND ended_at IS NULL
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
"""
_ERASE_ENDED = """
    UPDATE blocks SET player_id = '', player_name = NULL, reason = :erased,
                      ended_at = coalesce(ended_at, expires_at)
    WHERE player_id = :player AND source = :source AND (ended_at IS NOT NULL OR expires_at <= :now)
      AND workspace_id IN (
          SELECT id FROM workspaces WHERE id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
"""


def blocks_of_reporters(db: Db, player_ids: Sequence[str]) -> dict[BlockKey, tuple[int, int | None]]:
    """The blocks of these players that were not removed: their ids, and when they expire in milliseconds."""
    if db.one(_ANY) is None:  # the usual case, in a seventh of the time
        return {}
    rows = db.all(_OF_REPORTERS, {"players": player_ids})
    return {
        (row["workspace_id"], row["source"], row["player_id"]): (row["id"], row["expires_at"]) for row in rows
    }


def is_reporter_blocked(db: Db, ticket: Ticket, now: datetime) -> bool:
    """Whether what the ticket's reporter says now is kept without being posted."""
    if ticket.reporter.id is None:
        return False
    found = blocks_of_reporters(db, [ticket.reporter.id])
    _, expires_at = found.get((ticket.workspace_id, ticket.source, ticket.reporter.id), (0, 0))
    return expires_at is None or expires_at > to_ms(now)


def is_withheld(db: Db, ticket: Ticket) -> bool:
    """Whether the ticket came while its reporter was blocked, and nobody has posted it since."""
    if ticket.post.channel_id is not None:
        return False
    row = db.one(_WITHHELD, {"ticket": ticket.id})
    return row is not None


_WITHHELD = """
    SELECT 1 FROM blocked_tickets
    WHERE ticket_id = :ticket AND NOT EXISTS (
        SELECT 1 FROM outbox WHERE outbox.ticket_id = blocked_tickets.ticket_id AND state = 'pending'
    )
"""


def _params(new: NewBlock) -> dict[str, object]:
    return {
        "workspace": new.workspace_id,
        "source": new.source,
        "player": new.player_id,
        "player_name": new.player_name,
        "reason": new.reason,
        "author": new.blocked_by.name,
        "author_id": new.blocked_by.id,
        "author_source": new.blocked_by.source,
        "now": to_ms(new.blocked_at),
        "expires_at": None if new.expires_at is None else to_ms(new.expires_at),
    }


def _get(db: Db, block_id: int, workspace_ids: Sequence[str]) -> Block:
    row = db.one(_BY_ID, {"id": block_id, "workspaces": workspace_ids})
    if row is None:
        raise UnknownBlock
    return _from_row(row)


def _from_row(row: Row) -> Block:
    return Block(
        id=row["id"],
        workspace_id=row["workspace_id"],
        source=row["source"],
        player_id=row["player_id"],
        player_name=row["player_name"],
        reason=row["reason"],
        blocked_by=Actor(id=row["blocked_by_id"], name=row["blocked_by"], source=row["blocked_by_source"]),
        blocked_at=from_ms(row["blocked_at"]),
        expires_at=optional_from_ms(row["expires_at"]),
        ended_at=optional_from_ms(row["ended_at"]),
        ended_by=row["ended_by"],
        kept_tickets=row["kept_tickets"],
    )
