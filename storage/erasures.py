"""Erasures: what players wrote and who they are is taken out of the database, a batch at a time."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from bot.tickets.erasure import (
    Erasure,
    PlayerExport,
    Requester,
    erase_content,
    erase_message,
    erase_reported_player,
    hash_player,
    player_pattern,
    searchable_names,
)
from bot.tickets.message import Message
from bot.tickets.ticket import Player, Ticket
from storage import messages
from storage.account_links import forget_account, links_of_player
from storage.blocks import end_blocks_of_player, erase_ended_blocks, is_withheld
from storage.db import Db, Params, Row, Topic
from storage.engine import Engine
from storage.idempotency import FIRST_KEY, delete_responses, select_matching
from storage.mapping import actor_params, fields_to_json, from_ms, optional_from_ms, to_json, to_ms
from storage.outbox import insert_message_updates
from storage.player_export import BY_IDS, export_part
from storage.rejected_requests import delete_matching, delete_older
from storage.tickets import queue_redraw, select_tickets
from storage.workspaces import get_workspace

BATCH_SIZE = 100  # tickets; takes some milliseconds, in which other writes wait
MERGED_PAGES = 500  # of the search index, in one write
_PAGE = 2000  # stored responses that are looked through in one read
_NAMES_OF = 100  # tickets whose names of the player are looked for in other places


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingErasure:
    """An erasure that is not finished, with the player it is about."""

    id: int
    workspace_id: str | None
    source: str
    player_id: str
    requested_by: Requester
    is_started: bool

    @property
    def ends_blocks(self) -> bool:
        """A player who erases themselves stays blocked: else they could end every block."""
        return self.requested_by is not Requester.PLAYER

    def concerns(self, ticket: Ticket) -> bool:
        """A player who erases themselves stays in reports about them: else no report would hold."""
        is_in_scope = self.workspace_id is None or ticket.workspace_id == self.workspace_id
        is_own = ticket.reporter.id == self.player_id
        return is_in_scope and (is_own or self.requested_by is not Requester.PLAYER)


class ErasureRepository:
    """Every method is one transaction but for `run_batch`, which may be interrupted, and called again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def request(
        self,
        source: str,
        player_id: str,
        *,
        workspace_id: str | None,
        requested_by: Requester,
        now: datetime,
        notification_id: str | None = None,
    ) -> int | None:
        """Record that a player is to be erased; a job does it. None for a repeated notification."""
        params = {
            "uid": uuid.uuid4().hex,
            "requested_by": requested_by.value,
            "workspace": workspace_id,
            "source": source,
            "hash": hash_player(source, player_id),
            "player": player_id,
            "notification": notification_id,
            "now": to_ms(now),
        }

        def insert(db: Db) -> int | None:
            if notification_id is not None and db.one(_BY_NOTIFICATION, params) is not None:
                return None
            row = db.one(_INSERT, params)
            db.notify(Topic.ERASURES)
            return int(row["id"]) if row else None

        return await self._engine.write(insert, locks=[f"notification:{notification_id}"])

    async def get(self, erasure_id: int) -> Erasure:
        """An erasure that is known to exist."""
        rows = await self._engine.read(lambda db: db.all(_BY_ID, {"id": erasure_id}))
        return _from_row(rows[0])

    async def list_newest(self, limit: int) -> list[Erasure]:
        """The newest, newest first."""
        rows = await self._engine.read(lambda db: db.all(_NEWEST, {"limit": limit}))
        return [_from_row(row) for row in rows]

    async def pending_ids(self) -> list[int]:
        """The erasures of players that are not finished, oldest first."""
        rows = await self._engine.read(lambda db: db.all(_PENDING))
        return [row["id"] for row in rows]

    async def run_batch(self, erasure_id: int, now: datetime, *, limit: int = BATCH_SIZE) -> bool:
        """Erase the next tickets of a player, in Discord through the outbox; return whether more are left.

        The first batch also takes the player out of everything that is no ticket.
        """
        pending = await self._engine.read(lambda db: _get_pending(db, erasure_id))
        if pending is None:
            return False
        if not pending.is_started:
            await self._forget_requests(pending, now)
        return await self._engine.write(lambda db: self._erase_next(db, pending, now, limit))

    async def _forget_requests(self, pending: PendingErasure, now: datetime) -> None:
        """Take a player out of links, codes and blocks, and delete requests and responses that name them."""
        pattern = player_pattern(await self._engine.read(lambda db: self._names(db, pending)))
        scope = {"workspace": pending.workspace_id, "source": pending.source}
        found = await self._matching_responses(scope, pattern)

        def forget(db: Db) -> None:
            player = (pending.workspace_id, pending.source, pending.player_id)
            delete_responses(db, found)
            delete_matching(db, scope, pattern)
            forget_account(db, *player)
            if pending.ends_blocks:
                end_blocks_of_player(db, *player, now)
            erase_ended_blocks(db, *player, now)
            db.run(
                "UPDATE erasures SET started_at = :now WHERE id = :id", {"id": pending.id, "now": to_ms(now)}
            )

        await self._engine.write(forget)

    async def _matching_responses(self, scope: Params, pattern: re.Pattern[str]) -> list[Params]:
        """The keys of the stored responses that a pattern is found in; looked for in many short reads."""
        found: list[Params] = []
        after: Params | None = FIRST_KEY
        while after is not None:
            select = partial(select_matching, after=after, scope=scope, pattern=pattern, limit=_PAGE)
            page, after = await self._engine.read(select)
            found += page
        return found

    def _names(self, db: Db, pending: PendingErasure) -> set[str]:
        """The id of a player, and the names that their oldest tickets and their links have."""
        names = {pending.player_id}
        for ticket in self._next_tickets(db, pending, _NAMES_OF):
            for player in (ticket.reporter, ticket.reported_player or Player()):
                if player.id == pending.player_id:
                    names |= searchable_names(player)
        for link in links_of_player(db, pending.workspace_id, pending.source, pending.player_id):
            names |= searchable_names(Player(name=link.account.name))
        return names

    def _next_tickets(self, db: Db, pending: PendingErasure, limit: int) -> list[Ticket]:
        found: list[Ticket] = []
        after = 0
        while len(found) < limit:
            ids = self._engine.search.of_player(
                db, pending.source, pending.player_id, after=after, limit=limit
            )
            if not ids:
                break
            after = ids[-1]
            found += filter(pending.concerns, select_tickets(db, BY_IDS, {"ids": ids}))
        return found[:limit]

    def _erase_next(self, db: Db, pending: PendingErasure, now: datetime, limit: int) -> bool:
        if _get_pending(db, pending.id) is None:  # another one has finished it
            return False
        tickets = self._next_tickets(db, pending, limit)
        changes = [(ticket, _without(ticket, pending, now)) for ticket in tickets]
        count = self._store(db, changes, [pending.player_id], now)
        db.run(_COUNT, {"id": pending.id, "tickets": len(tickets), "messages": count})
        if len(tickets) == limit:
            return True
        self._engine.search.forget_former(db, pending.player_id)
        db.run(_FINISH, {"id": pending.id, "now": to_ms(now)})
        return False

    async def count_ended(self, workspace_id: str, before: datetime) -> int:
        """How many tickets ended before a time and are not erased."""
        params = {"workspace": workspace_id, "before": to_ms(before)}
        rows = await self._engine.read(lambda db: db.all(_COUNT_ENDED, params))
        return int(rows[0]["number"])

    async def erase_ended(
        self, workspace_id: str, before: datetime, now: datetime, *, limit: int = BATCH_SIZE
    ) -> int:
        """Erase the next tickets of a workspace that ended before a time; return how many."""
        params = {"workspace": workspace_id, "before": to_ms(before), "limit": limit}

        def erase(db: Db) -> int:
            tickets = select_tickets(db, _ENDED, params)
            delete_older(db, workspace_id, before)
            if not tickets:
                return 0
            changes = [(one, replace(erase_content(one, now), reported_player=None)) for one in tickets]
            players = {id_ for one in tickets for id_ in _player_ids(one)}
            count = self._store(db, changes, sorted(players), now)
            _record_retention(db, workspace_id, len(tickets), count, now)
            return len(tickets)

        return await self._engine.write(erase)

    def _store(
        self, db: Db, changes: Sequence[tuple[Ticket, Ticket]], player_ids: Sequence[str], now: datetime
    ) -> int:
        """Store erased tickets, and queue the edits in Discord; return how many messages were erased."""
        db.run_many(_UPDATE, [_params(after) for _, after in changes])
        ids = [after.id for _, after in changes]
        self._engine.search.forget(db, ids, player_ids)
        erased = {before.id: before for before, after in changes if after.erased_at != before.erased_at}
        gone = _erase_messages(db, erased)
        of_erased = {"ids": list(erased)}
        db.run(_FORGET_REPORTERS, of_erased)
        db.run(_FORGET_PUSHES, of_erased)
        db.run(_FORGET_READERS, {**of_erased, "now": to_ms(now)})
        db.run("DELETE FROM undoable_changes WHERE ticket_id = ANY(:ids)", of_erased)
        db.run("DELETE FROM seen_replies WHERE ticket_id = ANY(:ids)", of_erased)
        _queue_redraws(db, [after for _, after in changes], gone, now)
        return len(gone)

    async def export(
        self, source: str, player_id: str, *, workspace_id: str | None, after: int, limit: int = BATCH_SIZE
    ) -> PlayerExport:
        """A part of what is stored about a player: tickets with a greater id than `after`, and all links."""

        search = self._engine.search
        return await self._engine.read(
            lambda db: export_part(
                db, search, source, player_id, workspace_id=workspace_id, after=after, limit=limit
            )
        )

    async def merge_search_index(self, pages: int) -> bool:
        """Write some pages of the search index without what was taken out; return whether more are left.

        A negative number begins, positive ones continue.
        """
        return await self._engine.write(lambda db: self._engine.search.merge(db, pages))

    async def unpurged_ids(self) -> list[int]:
        """The finished erasures of which the database's files may still have copies."""
        rows = await self._engine.read(lambda db: db.all(_UNPURGED))
        return [row["id"] for row in rows]

    async def purge_log(self) -> bool:
        """Leave no copy in the log of changes. Returns False if a reader needs it: try again later."""
        return await self._engine.purge_log()

    async def mark_purged(self, ids: Sequence[int], began_at: datetime) -> None:
        """Record that no copies are left of what was erased before a purge began."""
        params = {"ids": ids, "began": to_ms(began_at)}
        await self._engine.write(lambda db: db.run(_PURGED, params))

    async def set_platform_secret(
        self, workspace_id: str, source: str, secret: str | None, now: datetime
    ) -> None:
        """Verify a platform's requests to erase players with a secret from now on; None takes none."""
        params = {"workspace": workspace_id, "source": source, "secret": secret, "now": to_ms(now)}
        await self._engine.write(lambda db: _set_secret(db, params))

    async def platform_secret(self, workspace_id: str, source: str) -> str | None:
        """The secret that verifies a platform's requests, or None."""
        params = {"workspace": workspace_id, "source": source}
        row = await self._engine.read(lambda db: db.one(_PLATFORM_SIGNS, params))
        return None if row is None else str(row["secret"])


# A notification is the same of one workspace and source; an erasure by hand has none.
_BY_NOTIFICATION = """
    SELECT 1 FROM erasures
    WHERE workspace_id = :workspace AND source = :source AND notification_id = :notification
"""
_INSERT = """
    INSERT INTO erasures (
        uid, requested_by, workspace_id, source, player_hash, player_id, notification_id, requested_at
    ) VALUES (
        :uid, :requested_by, :workspace, :source, :hash, :player, :notification, :now
    ) RETURNING id
"""
_BY_ID = """
    SELECT erasures.*, workspaces.name AS workspace_name
    FROM erasures LEFT JOIN workspaces ON workspaces.id = workspace_id
    WHERE erasures.id = :id
"""
_NEWEST = """
    SELECT erasures.*, workspaces.name AS workspace_name
    FROM erasures LEFT JOIN workspaces ON workspaces.id = workspace_id
    ORDER BY erasures.id DESC LIMIT :limit
"""
_PENDING = """
    SELECT id FROM erasures WHERE purged_at IS NULL AND finished_at IS NULL AND player_id IS NOT NULL
    ORDER BY id
"""
_UNPURGED = "SELECT id FROM erasures WHERE purged_at IS NULL AND finished_at IS NOT NULL ORDER BY id"
_PURGED = "UPDATE erasures SET purged_at = :began WHERE id = ANY(:ids) AND finished_at <= :began"
_COUNT_RETENTION = """
    UPDATE erasures SET tickets = tickets + :tickets, messages = messages + :messages, finished_at = :now
    WHERE id = :id
"""
_COUNT = """
    UPDATE erasures SET tickets = tickets + :tickets, messages = messages + :messages WHERE id = :id
"""
_FINISH = "UPDATE erasures SET finished_at = :now, player_id = NULL WHERE id = :id"
_ENDED = """
    SELECT * FROM tickets_without_body
    WHERE workspace_id = :workspace AND updated_at < :before AND erased_at IS NULL
      AND (status = 'resolved' OR status = 'closed')
    ORDER BY updated_at LIMIT :limit
"""
_COUNT_ENDED = """
    SELECT count(*) AS number FROM tickets
    WHERE workspace_id = :workspace AND updated_at < :before AND erased_at IS NULL
      AND (status = 'resolved' OR status = 'closed')
"""
_UPDATE = """
    UPDATE tickets SET subject = :subject, body = :body, fields = :fields, chat_log = :chat_log,
                       raw_request = '{}', revision = revision + 1,
                       reporter_id = :reporter_id, reporter_name = :reporter_name,
                       reporter_display_name = :reporter_display_name,
                       reporter_avatar_url = :reporter_avatar_url,
                       reporter_profile_url = :reporter_profile_url,
                       reported_id = :reported_id, reported_name = :reported_name,
                       reported_display_name = :reported_display_name,
                       reported_avatar_url = :reported_avatar_url,
                       reported_profile_url = :reported_profile_url,
                       closed_by_id = :closed_by_id, closed_by_name = :closed_by_name,
                       closed_by_source = :closed_by_source, close_reason = :close_reason,
                       erased_at = :erased_at, reported_erased_at = :reported_erased_at
    WHERE id = :id
"""
_FORGET_REPORTERS = "UPDATE ticket_events SET reporter_id = NULL WHERE ticket_id = ANY(:ids)"
_FORGET_PUSHES = """
    DELETE FROM pushes WHERE ticket_id = ANY(:ids) AND EXISTS (
        SELECT 1 FROM ticket_events
        WHERE ticket_events.ticket_id = pushes.ticket_id AND ticket_events.seq = pushes.seq
          AND type = 'ticket.reply')
"""
# Of a direct message, the channel and the queue are those of who reads it.
_FORGET_READERS = """
    UPDATE outbox SET channel_id = 0, queue = 'erased', receipt_channel = NULL,
                      settled_at = coalesce(settled_at, :now),
                      state = CASE WHEN state = 'pending' OR state = 'held' THEN 'dropped' ELSE state END
    WHERE ticket_id = ANY(:ids) AND kind = 'direct_message'
"""
_UNCERTAIN = """
    SELECT message_id FROM outbox
    WHERE ticket_id = ANY(:ids) AND state = 'pending' AND attempts > 0
      AND (kind = 'post_message' OR kind = 'post_event')
"""
_OPEN_RETENTION = """
    SELECT id FROM erasures
    WHERE purged_at IS NULL AND requested_by = 'retention' AND workspace_id = :workspace
"""
_INSERT_RETENTION = """
    INSERT INTO erasures (
        uid, requested_by, workspace_id, tickets, messages, requested_at, started_at, finished_at
    ) VALUES (:uid, 'retention', :workspace, :tickets, :messages, :now, :now, :now)
"""
_PLATFORM_SIGNS = "SELECT secret FROM platform_secrets WHERE workspace_id = :workspace AND source = :source"
_INSERT_PLATFORM = """
    INSERT INTO platform_secrets (workspace_id, source, secret, created_at)
    VALUES (:workspace, :source, :secret, :now)
"""


def _get_pending(db: Db, erasure_id: int) -> PendingErasure | None:
    row = db.one("SELECT * FROM erasures WHERE id = :id AND player_id IS NOT NULL", {"id": erasure_id})
    if row is None:
        return None
    return PendingErasure(
        id=row["id"],
        workspace_id=row["workspace_id"],
        source=row["source"],
        player_id=row["player_id"],
        requested_by=Requester(row["requested_by"]),
        is_started=row["started_at"] is not None,
    )


def _without(ticket: Ticket, pending: PendingErasure, now: datetime) -> Ticket:
    """A ticket without a player who reported it, is reported in it, or both."""
    is_reported = ticket.reported_player is not None and ticket.reported_player.id == pending.player_id
    rest = erase_reported_player(ticket, now) if is_reported else ticket
    return erase_content(rest, now) if ticket.reporter.id == pending.player_id else rest


def _player_ids(ticket: Ticket) -> list[str]:
    players = (ticket.reporter, ticket.reported_player or Player())
    return [player.id for player in players if player.id is not None]


def _params(ticket: Ticket) -> Params:
    reporter, reported = ticket.reporter, ticket.reported_player or Player()
    return {
        "id": ticket.id,
        "subject": ticket.subject,
        "body": ticket.body,
        "fields": fields_to_json(ticket.fields),
        "chat_log": to_json(ticket.chat_log),
        "reporter_id": reporter.id,
        "reporter_name": reporter.name,
        "reporter_display_name": reporter.display_name,
        "reporter_avatar_url": reporter.avatar_url,
        "reporter_profile_url": reporter.profile_url,
        "reported_id": reported.id,
        "reported_name": reported.name,
        "reported_display_name": reported.display_name,
        "reported_avatar_url": reported.avatar_url,
        "reported_profile_url": reported.profile_url,
        **actor_params("closed_by", ticket.closed_by),
        "close_reason": ticket.close_reason,
        "erased_at": to_ms(ticket.erased_at) if ticket.erased_at else None,
        "reported_erased_at": to_ms(ticket.reported_erased_at) if ticket.reported_erased_at else None,
    }


def _erase_messages(db: Db, tickets: dict[int, Ticket]) -> list[Message]:
    """Erase the messages of tickets, given as they were before; return those that changed."""
    changed = [
        after
        for message in messages.messages_of_tickets(db, list(tickets))
        if (after := erase_message(message, tickets[message.ticket_id])) != message
    ]
    messages.store_texts(db, changed)
    return changed


def _queue_redraws(db: Db, tickets: Sequence[Ticket], gone: Sequence[Message], now: datetime) -> None:
    """Queue the edits of posts, and of messages that the bot has sent or may have sent."""
    by_id = {ticket.id: ticket for ticket in tickets}
    uncertain = {row["message_id"] for row in db.all(_UNCERTAIN, {"ids": list(by_id)})}
    for workspace_id in sorted({ticket.workspace_id for ticket in tickets}):
        workspace = get_workspace(db, workspace_id)
        own = {ticket.id for ticket in tickets if ticket.workspace_id == workspace_id}
        for ticket_id in sorted(own):
            if not is_withheld(db, by_id[ticket_id]):
                queue_redraw(db, workspace, by_id[ticket_id], now)
        shown = [
            (by_id[message.ticket_id], message.id)
            for message in gone
            if message.ticket_id in own and (_is_bots(message) or message.id in uncertain)
        ]
        if shown:
            insert_message_updates(db, workspace, shown, now)


def _is_bots(message: Message) -> bool:
    return message.shown_as is not None and not message.shown_as.is_typed


def _record_retention(db: Db, workspace_id: str, tickets: int, erased: int, now: datetime) -> None:
    """Count erased tickets in the record of the run that is going on, or begin one."""
    row = db.one(_OPEN_RETENTION, {"workspace": workspace_id})
    counts = {"tickets": tickets, "messages": erased}
    if row is None:
        params = {**counts, "uid": uuid.uuid4().hex, "workspace": workspace_id, "now": to_ms(now)}
        db.run(_INSERT_RETENTION, params)
    else:
        db.run(_COUNT_RETENTION, {**counts, "id": row["id"], "now": to_ms(now)})
    db.notify(Topic.ERASURES)


def _set_secret(db: Db, params: Params) -> None:
    db.run("DELETE FROM platform_secrets WHERE workspace_id = :workspace AND source = :source", params)
    if params["secret"] is not None:
        db.run(_INSERT_PLATFORM, params)


def _from_row(row: Row) -> Erasure:
    return Erasure(
        id=row["id"],
        requested_by=Requester(row["requested_by"]),
        workspace_name=row["workspace_name"],
        source=row["source"],
        player_hash=row["player_hash"],
        tickets=row["tickets"],
        messages=row["messages"],
        requested_at=from_ms(row["requested_at"]),
        finished_at=optional_from_ms(row["finished_at"]),
    )
