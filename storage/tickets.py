"""Tickets: reads, searches, changes and messages, with the deliveries that follow from them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.tickets.errors import UnknownTicket
from bot.tickets.events import EventType
from bot.tickets.message import (
    REPORTER_VISIBLE_KINDS,
    Actor,
    DiscordMessage,
    Message,
    MessageKind,
    NewMessage,
)
from bot.tickets.outbox import DeliveryKind
from bot.tickets.queries import Scope, TicketDetails, TicketPage, TicketQuery
from bot.tickets.roles import TicketFilter
from bot.tickets.ticket import Player, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import events, messages, undo
from storage.assignees import assignees_by_ticket
from storage.blocks import is_reporter_blocked, is_withheld
from storage.db import Db, Params
from storage.engine import Engine
from storage.mapping import actor_params, from_ms, reporter_from_row, ticket_from_row, to_ms
from storage.members import queue_direct_message
from storage.outbox import has_unstarted, insert_deliveries, is_pending, pending_post_channel
from storage.workspaces import get_workspace

_AUTOCOMPLETE_SCANNED = 1000  # newest tickets that autocomplete searches
_MAX_MESSAGES = 1000  # newest messages of one ticket
_CREATED_SCANNED = 200  # newest tickets, of all workspaces, among which new ones are looked for
_BY_REPORTER = (MessageKind.FOLLOW_UP, MessageKind.FEEDBACK)

TicketChange = Callable[[Ticket], Ticket]
WorkspaceTicketChange = Callable[[Ticket, Workspace], Ticket]


class TicketRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, ticket_id: int) -> Ticket:
        """A ticket by its id. Raises UnknownTicket."""
        return await self._engine.read(lambda db: get_ticket(db, ticket_id))

    async def raw_request(self, ticket_id: int) -> str:
        """The JSON body that created a ticket, unchanged. Raises UnknownTicket."""
        row = await self._engine.read(
            lambda db: db.one("SELECT raw_request FROM tickets WHERE id = :id", {"id": ticket_id})
        )
        if row is None:
            raise UnknownTicket
        return str(row["raw_request"])

    async def find_by_public_id(self, public_id: str) -> Ticket | None:
        """A ticket by the id that people see."""
        return await self._engine.read(lambda db: _find(db, _BY_PUBLIC_ID, {"id": public_id}))

    async def find_by_discord_id(self, discord_id: int) -> Ticket | None:
        """The ticket whose post or thread has a Discord id (a thread below a post has the post's id)."""
        return await self._engine.read(lambda db: _find(db, _BY_DISCORD_ID, {"id": discord_id}))

    async def list_of_digest(self, message_id: int) -> list[Ticket]:
        """The tickets of a digest message, oldest first; empty if it is no digest."""
        return await self._engine.read(lambda db: select_tickets(db, _BY_DIGEST, {"id": message_id}))

    async def list_of_reporter(
        self, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int = 25
    ) -> list[Ticket]:
        """The newest tickets of one reporter, newest first."""

        def select(db: Db) -> list[Ticket]:
            ids = self._engine.search.reporter_ids(db, source, reporter_id)
            return select_tickets(
                db, _NEWEST_OF_WORKSPACES, {"ids": ids, "workspaces": workspace_ids, "limit": limit}
            )

        return await self._engine.read(select)

    async def autocomplete(
        self,
        text: str,
        workspace_ids: Sequence[str],
        limit: int = 25,
        *,
        is_offered: TicketFilter = lambda workspace_id, department_id: True,
    ) -> list[Ticket]:
        """Recent tickets with a text in id, subject or players' names; open ones first, then the newest."""
        contains = self._engine.search.contains

        def find(db: Db) -> list[Ticket]:
            ids = self._engine.search.recent_ids(db, workspace_ids, _AUTOCOMPLETE_SCANNED)
            found = [
                row
                for row in db.all(_NAMES, {"ids": ids})
                if any(contains(row[column], text) for column in _SEARCHED_COLUMNS)
                and is_offered(row["workspace_id"], row["department"])
            ]
            found.sort(key=lambda row: Status(row["status"]).is_closed)
            tickets = select_newest_first(db, [row["id"] for row in found[:limit]])
            return sorted(tickets, key=lambda ticket: ticket.status.is_closed)

        return await self._engine.read(find)

    async def change(self, ticket_id: int, change: TicketChange, now: datetime, *, actor: Actor) -> Ticket:
        """Apply a change, record its actor, and queue the update of the post.

        Raises what `change` raises, and UnknownTicket.
        """

        def apply(db: Db) -> Ticket:
            before = lock_ticket(db, ticket_id)
            workspace = get_workspace(db, before.workspace_id)
            return apply_change(db, workspace, before, change(before), actor, now)

        return await self._engine.write(apply)

    async def change_undoably(
        self, ticket_id: int, change: WorkspaceTicketChange, now: datetime, *, actor: Actor
    ) -> Ticket:
        """Do the same by the rules of the ticket's workspace; for UNDO_TIME, `undo` takes it back.

        Raises what `change` raises, and UnknownTicket.
        """

        def apply(db: Db) -> Ticket:
            before = lock_ticket(db, ticket_id)
            workspace = get_workspace(db, before.workspace_id)
            changed = apply_change(db, workspace, before, change(before, workspace), actor, now)
            if changed.revision != before.revision:
                undo.remember(db, before, changed, actor, now)
            return changed

        return await self._engine.write(apply)

    async def undo(self, ticket_id: int, revision: int, now: datetime, *, actor: Actor) -> Ticket:
        """Take back the change that made this revision of a ticket, as another change.

        Raises UndoTimeOver, NotUndone if the ticket was changed since or by somebody else, UnknownTicket.
        """

        def apply(db: Db) -> Ticket:
            current = lock_ticket(db, ticket_id)
            workspace = get_workspace(db, current.workspace_id)
            restored = undo.restored(db, current, revision, actor, now)
            return apply_change(db, workspace, current, restored, actor, now)

        return await self._engine.write(apply)

    async def add_message(
        self,
        ticket_id: int,
        compose: Callable[[Ticket], NewMessage],
        *,
        origin: str,
        now: datetime,
        typed_as: DiscordMessage | None = None,
    ) -> Message:
        """Store the message that the ticket composes, and queue its deliveries.

        A repeated `origin` returns the stored message. `typed_as` is the message that a person typed, where
        it came from. Raises what the ticket raises (ViewOnly, TicketClosed, EmptyMessage, MessageTooLong),
        and UnknownTicket.
        """

        def add(db: Db) -> Message:
            stored = messages.message_by_origin(db, origin)
            if stored is not None:
                return stored
            ticket = lock_ticket(db, ticket_id)
            workspace = get_workspace(db, ticket.workspace_id)
            return insert_message(db, workspace, ticket, compose(ticket), origin, now, typed_as=typed_as)

        return await self._engine.write(add, locks=[f"message:{origin}"])

    async def get_details(self, scope: Scope, name: str) -> TicketDetails:
        """A ticket by public id or uid, with the messages its reporter may read. Raises UnknownTicket."""

        def get(db: Db) -> TicketDetails:
            ticket = get_in_scope(db, scope, name)
            newest = messages.newest_messages(db, ticket.id, REPORTER_VISIBLE_KINDS, _MAX_MESSAGES)
            (details,) = self._with_claimers(db, scope, with_details(db, [ticket]))
            return replace(details, messages=tuple(newest))

        return await self._engine.read(get)

    async def list_details(self, scope: Scope, names: Sequence[str]) -> tuple[TicketDetails, ...]:
        """Tickets by public id or uid, in the given order; unknown ones are left out."""

        def select(db: Db) -> tuple[TicketDetails, ...]:
            found = _by_names(db, scope, names)
            return with_details(db, [found[name] for name in names if name in found])

        return await self._engine.read(select)

    async def search(self, scope: Scope, query: TicketQuery) -> TicketPage:
        """One page of the matching tickets, newest first."""

        def select(db: Db) -> TicketPage:
            found = self._engine.search.match(db, scope, query)
            ids = found.page(query.limit, query.offset) if query.offset < found.total else ()
            items = with_details(db, select_newest_first(db, ids))
            return TicketPage(query=query, items=self._with_claimers(db, scope, items), total=found.total)

        return await self._engine.read(select)

    async def list_created(
        self, scope: Scope, after: datetime, until: datetime, limit: int
    ) -> tuple[Ticket, ...]:
        """The newest tickets from game servers with `after` < time <= `until`, oldest first.

        Of a rush of tickets, only the newest 200 of all workspaces are looked at.
        """
        params = {
            "workspace": scope.workspace_id,
            "source": scope.source,
            "after": to_ms(after),
            "until": to_ms(until),
            "scanned": _CREATED_SCANNED,
            "limit": limit,
        }
        found = await self._engine.read(lambda db: select_tickets(db, _CREATED_BETWEEN, params))
        return tuple(reversed(found))

    async def last_known_name(self, scope: Scope, reporter_id: str) -> str | None:
        """The name of a reporter in their newest ticket that has one; None if there is none."""
        player = await self._engine.read(lambda db: self._last_known_player(db, scope, reporter_id))
        return player.label if player else None

    def _last_known_player(self, db: Db, scope: Scope, reporter_id: str) -> Player | None:
        """A reporter as their newest ticket with a name has them."""
        ids = self._engine.search.reporter_ids(db, scope.source, reporter_id)
        row = db.one(_NEWEST_NAME, {"ids": ids, "workspace": scope.workspace_id})
        return None if row is None else reporter_from_row(row)

    def _with_claimers(
        self, db: Db, scope: Scope, items: tuple[TicketDetails, ...]
    ) -> tuple[TicketDetails, ...]:
        """Add who claimed the tickets through their source; the name may be newer than the claim."""
        players: dict[str, Player | None] = {}

        def with_claimer(details: TicketDetails) -> TicketDetails:
            claimer = details.ticket.claimed_by
            if claimer is None or claimer.source != scope.source:
                return details
            if claimer.id not in players:
                players[claimer.id] = self._last_known_player(db, scope, claimer.id)
            return replace(details, claimer=players[claimer.id])

        return tuple(with_claimer(details) for details in items)

    async def find_public(self, source: str, public_id: str) -> TicketDetails | None:
        """A ticket of any workspace by its public id, without its messages; None if there is none."""

        def find(db: Db) -> TicketDetails | None:
            ticket = _find(db, _BY_PUBLIC_ID, {"id": public_id})
            if ticket is None or ticket.source != source:
                return None
            (details,) = with_details(db, [ticket])
            return details

        return await self._engine.read(find)

    async def newest_id(self) -> int:
        """The id of the newest ticket; 0 if there is none."""
        return await self._engine.read(_newest_id)

    async def newest_created_at(self) -> datetime | None:
        """When the newest ticket was created; None if there is none."""
        return await self._engine.read(_newest_created_at)

    async def count_by_source(self, after: int, last: int) -> dict[str, int]:
        """Count tickets by source, of those with `after` < id <= `last`."""
        rows = await self._engine.read(lambda db: db.all(_COUNT_BY_SOURCE, {"after": after, "last": last}))
        return {row["source"]: row["number"] for row in rows}


# Everything below runs within a transaction of the caller.


def get_ticket(db: Db, ticket_id: int) -> Ticket:
    """A ticket, to be read only. Raises UnknownTicket."""
    return _get(db, "SELECT * FROM tickets_without_body WHERE id = :id", {"id": ticket_id})


def lock_ticket(db: Db, ticket_id: int) -> Ticket:
    """A ticket that no other transaction can change until this one ends. Raises UnknownTicket."""
    return _get(db, "SELECT * FROM tickets_without_body WHERE id = :id FOR UPDATE", {"id": ticket_id})


def with_details(db: Db, tickets: Sequence[Ticket]) -> tuple[TicketDetails, ...]:
    """The tickets, in the same order, with their assignees and the number of replies and follow-ups."""
    assignees = assignees_by_ticket(db, [ticket.id for ticket in tickets])
    return tuple(
        replace(details, assignees=assignees[details.ticket.id])
        if details.ticket.id in assignees
        else details
        for details in messages.with_message_counts(db, tickets)
    )


def get_in_scope(db: Db, scope: Scope, name: str) -> Ticket:
    """A ticket of a scope by public id or uid. Raises UnknownTicket."""
    found = _by_names(db, scope, [name])
    if not found:
        raise UnknownTicket
    return found[name]


def apply_change(
    db: Db, workspace: Workspace, before: Ticket, changed: Ticket, actor: Actor, now: datetime
) -> Ticket:
    """Store a changed ticket, its history events and deliveries; do nothing if it is unchanged."""
    if changed == before:
        return before
    revision = _update(db, changed, now)
    if changed.tags != before.tags:
        replace_tags(db, changed.id, changed.tags)
    if changed.reporter.id != before.reporter.id:
        events.set_reporter(db, changed)
    if changed.status is not before.status:
        events.insert_event(db, changed, EventType.STATUS, now)
    if not is_withheld(db, changed):
        _queue_deliveries(db, workspace, before, changed, actor, now)
    history = changed.history_events(
        before,
        actor,
        department=workspace.department_name(changed.department),
        category=workspace.category_name(changed.category),
    )
    for number, event in enumerate(history):
        insert_message(db, workspace, changed, event, f"event:{changed.id}:{revision}:{number}", now)
    return get_ticket(db, changed.id)


def _queue_deliveries(
    db: Db, workspace: Workspace, before: Ticket, changed: Ticket, actor: Actor, now: datetime
) -> None:
    if changed.status.is_closed and not before.status.is_closed:
        queue_direct_message(db, workspace, changed, actor, now)
    channel = queue_redraw(db, workspace, before, now)
    new_channel = workspace.channel_for(changed, changed.department)
    if changed.department != before.department and new_channel != channel and not changed.is_private:
        insert_deliveries(db, workspace, changed, [DeliveryKind.POST_POINTER], new_channel, now)


def insert_message(
    db: Db,
    workspace: Workspace,
    ticket: Ticket,
    new: NewMessage,
    origin: str,
    now: datetime,
    *,
    typed_as: DiscordMessage | None = None,
) -> Message:
    """Insert a message, and put its deliveries in the outbox."""
    typed_in = typed_as.channel_id if typed_as else None
    shown_as = typed_as if typed_in == ticket.post.thread_id else None
    message = messages.insert_message(db, new, origin, now, shown_as=shown_as)
    if message.kind not in (MessageKind.NOTE, MessageKind.FEEDBACK):  # those leave the ticket as it is
        db.run("UPDATE tickets SET updated_at = :now WHERE id = :id", {"id": ticket.id, "now": to_ms(now)})
    if message.kind is MessageKind.REPLY:
        events.insert_event(db, ticket, EventType.REPLY, now, message_id=message.id)
    if is_withheld(db, ticket):
        return message
    if message.kind is MessageKind.REPLY:
        queue_direct_message(db, workspace, ticket, message.author, now, message_id=message.id)
    kinds = ticket.deliveries_for(message.kind, typed_in=typed_in)
    is_unwanted = message.kind in _BY_REPORTER and is_reporter_blocked(db, ticket, now)
    is_seen = message.kind is not MessageKind.EVENT or _has_thread(db, ticket)
    if kinds and is_seen and not is_unwanted:
        channel = _delivery_channel(db, workspace, ticket)
        insert_deliveries(db, workspace, ticket, kinds, channel, now, message_id=message.id)
    return message


def queue_redraw(db: Db, workspace: Workspace, ticket: Ticket, now: datetime) -> int:
    """Queue the edit of a ticket's post, unless one is pending; return the channel that it goes to."""
    channel = _delivery_channel(db, workspace, ticket)
    if not has_unstarted(db, ticket.id, DeliveryKind.UPDATE_POST):
        insert_deliveries(db, workspace, ticket, [DeliveryKind.UPDATE_POST], channel, now)
    return channel


def _delivery_channel(db: Db, workspace: Workspace, ticket: Ticket) -> int:
    """The channel in whose queue a ticket's deliveries wait: where its post is, will be, or should be."""
    if ticket.post.channel_id is not None:
        return ticket.post.channel_id
    pending = pending_post_channel(db, ticket.id)
    return pending or workspace.channel_for(ticket, ticket.department)


def _has_thread(db: Db, ticket: Ticket) -> bool:
    """Whether a ticket has a thread, or is to have one."""
    return ticket.post.thread_id is not None or any(
        is_pending(db, ticket.id, kind) for kind in (DeliveryKind.THREAD, DeliveryKind.PRIVATE_THREAD)
    )


def _update(db: Db, ticket: Ticket, now: datetime) -> int:
    """Store what can change: what staff change, but not the tags, and the reporter. Returns the revision."""
    row = db.one(
        """
        UPDATE tickets SET status = :status, department = :department, category = :category,
                           priority = :priority,
                           reporter_id = :reporter_id, reporter_name = :reporter_name,
                           reporter_display_name = :reporter_display_name,
                           reporter_avatar_url = :reporter_avatar_url,
                           reporter_profile_url = :reporter_profile_url,
                           claimed_by_id = :claimed_by_id, claimed_by_name = :claimed_by_name,
                           claimed_by_source = :claimed_by_source, closed_by_id = :closed_by_id,
                           closed_by_name = :closed_by_name, closed_by_source = :closed_by_source,
                           close_reason = :close_reason,
                           revision = revision + 1, updated_at = :now
        WHERE id = :id
        RETURNING revision
        """,
        {
            "id": ticket.id,
            "status": ticket.status.value,
            "department": ticket.department,
            "category": ticket.category,
            "priority": ticket.priority.value,
            "reporter_id": ticket.reporter.id,
            "reporter_name": ticket.reporter.name,
            "reporter_display_name": ticket.reporter.display_name,
            "reporter_avatar_url": ticket.reporter.avatar_url,
            "reporter_profile_url": ticket.reporter.profile_url,
            **actor_params("claimed_by", ticket.claimed_by),
            **actor_params("closed_by", ticket.closed_by),
            "close_reason": ticket.close_reason,
            "now": to_ms(now),
        },
    )
    if row is None:
        raise UnknownTicket
    return int(row["revision"])


def replace_tags(db: Db, ticket_id: int, tags: Sequence[str]) -> None:
    """Store the tags of a ticket in place of those before."""
    db.run(
        "DELETE FROM ticket_tags WHERE ticket_id = :id AND tag <> ALL(:tags)", {"id": ticket_id, "tags": tags}
    )
    db.run_many(
        "INSERT INTO ticket_tags (ticket_id, tag) VALUES (:id, :tag) ON CONFLICT DO NOTHING",
        [{"id": ticket_id, "tag": tag} for tag in tags],
    )


def select_tickets(db: Db, sql: str, params: Params) -> list[Ticket]:
    return [ticket_from_row(row) for row in db.all(sql, params)]


def select_newest_first(db: Db, ids: Sequence[int]) -> list[Ticket]:
    """The tickets with these ids, newest first."""
    return select_tickets(db, _BY_IDS, {"ids": ids}) if ids else []


def _find(db: Db, sql: str, params: Params) -> Ticket | None:
    row = db.one(sql, params)
    return None if row is None else ticket_from_row(row)


def _get(db: Db, sql: str, params: Params) -> Ticket:
    found = _find(db, sql, params)
    if found is None:
        raise UnknownTicket
    return found


def _by_names(db: Db, scope: Scope, names: Sequence[str]) -> dict[str, Ticket]:
    """The tickets of a scope with these public ids or uids, by the given name."""
    params = {
        "workspace": scope.workspace_id,
        "source": scope.source,
        "names": names,
        "ids": [ticket_id for ticket_id in map(ticket_id_of_uid, names) if ticket_id is not None],
    }
    tickets = select_tickets(db, _BY_NAMES, params)
    return {name: ticket for ticket in tickets for name in (ticket.public_id, ticket.uid) if name in names}


def make_uid(ticket_id: int, now_ms: int, random: str) -> str:
    """Return 24 hex digits: the second, six random ones, and the ticket's id."""
    return f"{now_ms // 1000:08x}{random}{ticket_id:010x}"


def ticket_id_of_uid(uid: str) -> int | None:
    """The id within a uid; None for a text that is none. Whether it is the ticket's uid is to be checked."""
    try:
        return int(uid[-10:], 16) if len(uid) == 24 else None
    except ValueError:
        return None


def _newest_id(db: Db) -> int:
    row = db.one("SELECT coalesce(max(id), 0) AS id FROM tickets")
    return int(row["id"]) if row else 0


def _newest_created_at(db: Db) -> datetime | None:
    row = db.one("SELECT created_at FROM tickets ORDER BY id DESC LIMIT 1")
    return None if row is None else from_ms(row["created_at"])


_BY_PUBLIC_ID = "SELECT * FROM tickets_without_body WHERE public_id = :id"
_BY_DISCORD_ID = """
    SELECT * FROM tickets_without_body WHERE post_message_id = :id
    UNION ALL SELECT * FROM tickets_without_body WHERE thread_id = :id AND coalesce(post_message_id, 0) <> :id
"""
_BY_DIGEST = "SELECT * FROM tickets_without_body WHERE digest_message_id = :id ORDER BY id"
_BY_IDS = """
    SELECT tickets.* FROM each_number(:ids) AS one
    JOIN FIRST tickets_without_body AS tickets ON tickets.id = one.value
    ORDER BY tickets.id DESC
"""
_NEWEST_OF_WORKSPACES = """
    SELECT tickets.* FROM each_number(:ids) AS one
    JOIN FIRST tickets_without_body AS tickets ON tickets.id = one.value
    WHERE workspace_id = ANY(:workspaces)
    ORDER BY tickets.id DESC LIMIT :limit
"""
_NEWEST_NAME = """
    SELECT reporter_id, reporter_name, reporter_display_name, reporter_avatar_url, reporter_profile_url
    FROM each_number(:ids) AS one
    JOIN FIRST tickets ON tickets.id = one.value
    WHERE workspace_id = :workspace AND (reporter_name <> '' OR reporter_display_name <> '')
    ORDER BY tickets.id DESC LIMIT 1
"""
# JOIN FIRST: the names first, for else all tickets of the source are read.
_BY_NAMES = """
    SELECT tickets.* FROM (
        SELECT id FROM tickets WHERE public_id = ANY(:names)
        UNION SELECT id FROM tickets WHERE id = ANY(:ids) AND uid = ANY(:names)
    ) AS named
    JOIN FIRST tickets_without_body AS tickets ON tickets.id = named.id
    WHERE workspace_id = :workspace AND source = :source
"""
_SEARCHED_COLUMNS = (
    "public_id",
    "subject",
    "reporter_name",
    "reporter_display_name",
    "reported_name",
    "reported_display_name",
)
_NAMES = """
    SELECT tickets.id, workspace_id, department, status, public_id, subject, reporter_name,
           reporter_display_name, reported_name, reported_display_name
    FROM each_number(:ids) AS one
    JOIN FIRST tickets ON tickets.id = one.value
    ORDER BY tickets.id DESC
"""
_CREATED_BETWEEN = """
    SELECT * FROM tickets_without_body
    WHERE id > (SELECT coalesce(max(id), 0) FROM tickets) - :scanned AND created_at > :after
      AND created_at <= :until AND workspace_id = :workspace AND source = :source AND is_private = 0
    ORDER BY id DESC LIMIT :limit
"""
_COUNT_BY_SOURCE = """
    SELECT source, count(*) AS number FROM tickets WHERE id > :after AND id <= :last GROUP BY source
"""
