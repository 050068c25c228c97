"""Creates and updates tickets from requests: each is executed once, however often it is sent.

New tickets are stored for all requests that wait, in a few statements: their ids are chosen beforehand, and
the database's unique keys find the repeats. Only then is looked for what a request was answered before.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bot.tickets.errors import IdempotencyKeyReused, OpenTicketLimitReached
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.message import Actor, NewMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.queries import Scope, TicketDetails
from bot.tickets.ticket import NewTicket, Player, Ticket
from bot.tickets.workspace import Workspace
from storage import idempotency, outbox
from storage.assignees import replace_assignees
from storage.blocks import INSERT_BLOCKED, blocks_of_reporters
from storage.db import Db, Params, RunAgain, Topic
from storage.engine import Engine
from storage.errors import UnknownWorkspace
from storage.idempotency import run_idempotent
from storage.mapping import fields_to_json, from_ms, to_json, to_ms
from storage.tickets import apply_change, get_in_scope, insert_message, lock_ticket, make_uid
from storage.workspaces import get_workspace

TicketChange = Callable[[Ticket, Workspace], Ticket]
MessagesComposer = Callable[[Ticket], Sequence[NewMessage]]

_PAGE = 2000  # stored responses that are looked through in one read


@dataclass(slots=True, kw_only=True)
class NewTicketRequest:
    """A request to store a ticket. `ids` are endless candidates for its public id."""

    workspace_id: str
    new: NewTicket
    ids: Iterator[str]
    now: datetime
    idempotency_key: IdempotencyKey | None = None
    serialize_response: Callable[[Ticket], bytes]
    channel_id: int | None = None  # where to create a private thread; by default the workspace names it
    public_id: str = ""  # the candidate that was free
    may_repeat: bool = False  # whether its response may be stored already: look before storing


class IntakeRepository:
    """Every method is one transaction. A ticket outside of the given scope raises UnknownTicket."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add_ticket(
        self,
        workspace_id: str,
        new: NewTicket,
        ids: Iterator[str],
        now: datetime,
        *,
        channel_id: int | None = None,
    ) -> Ticket:
        """Store a ticket and its first deliveries. `ids` are endless candidates for its public id.

        `channel_id` is where to create a private thread; by default the workspace names the channel.
        Raises OpenTicketLimitReached, UnknownWorkspace.
        """
        stored: list[Ticket] = []

        def keep(ticket: Ticket) -> bytes:
            stored[:] = [ticket]  # called again if the transaction is
            return b""

        request = NewTicketRequest(
            workspace_id=workspace_id,
            new=new,
            ids=ids,
            now=now,
            serialize_response=keep,
            channel_id=channel_id,
        )
        await self._submit(request)
        return stored[0]

    async def create_ticket(
        self,
        workspace_id: str,
        new: NewTicket,
        ids: Iterator[str],
        now: datetime,
        *,
        idempotency_key: IdempotencyKey | None,
        serialize_response: Callable[[Ticket], bytes],
    ) -> StoredResponse:
        """Store a ticket and the response of its request; the same request again gets that response.

        Raises IdempotencyKeyReused, OpenTicketLimitReached, UnknownWorkspace.
        """
        return await self._submit(
            NewTicketRequest(
                workspace_id=workspace_id,
                new=new,
                ids=ids,
                now=now,
                idempotency_key=idempotency_key,
                serialize_response=serialize_response,
            )
        )

    async def _submit(self, request: NewTicketRequest) -> StoredResponse:
        reporter = f"open:{request.workspace_id}:{request.new.source}:{request.new.reporter.id}"
        locks = [*_locks_of(request.idempotency_key), reporter]
        return await self._engine.write_batched(create_tickets, request, locks=locks)

    async def stored_response(self, idempotency_key: IdempotencyKey, now: datetime) -> StoredResponse | None:
        """The stored response of the same request, or None. Raises IdempotencyKeyReused."""
        return await self._engine.read(lambda db: idempotency.find_response(db, idempotency_key, now))

    async def update_ticket(
        self,
        scope: Scope,
        name: str,
        *,
        actor: Actor,
        messages: MessagesComposer | None,
        change: TicketChange | None,
        assignees: Sequence[Actor] | None = None,
        idempotency_key: IdempotencyKey | None,
        now: datetime,
        serialize_response: Callable[[TicketDetails, Workspace], bytes],
    ) -> StoredResponse:
        """Add messages to a ticket, change it, set its assignees; a repeat gets the same response.

        `name` is a public id or uid. Messages are composed on the ticket before the change. Raises what the
        ticket and the workspace raise, UnknownTicket and IdempotencyKeyReused.
        """

        def update(db: Db) -> bytes:
            ticket = lock_ticket(db, get_in_scope(db, scope, name).id)
            workspace = get_workspace(db, ticket.workspace_id)

            def add(new_messages: Sequence[NewMessage]) -> None:
                for new in new_messages:
                    insert_message(db, workspace, ticket, new, f"{scope.source}:{secrets.token_hex(16)}", now)

            if messages is not None:
                add(messages(ticket))
            if change is not None:
                ticket = apply_change(db, workspace, ticket, change(ticket, workspace), actor, now)
            if assignees is not None:
                before = replace_assignees(db, ticket.id, assignees, now)
                add(ticket.assignment_events(before, assignees, actor))
            return serialize_response(TicketDetails(ticket=ticket), workspace)

        return await self._engine.write(
            lambda db: run_idempotent(db, idempotency_key, now, lambda: update(db)),
            locks=_locks_of(idempotency_key),
        )

    async def delete_expired_responses(self, now: datetime) -> int:
        """Delete the stored responses whose time is over; return how many. Many transactions, each short."""
        deleted = 0
        after: Params | None = idempotency.FIRST_KEY
        while after is not None:
            expired, after = await self._engine.read(
                partial(idempotency.select_expired, after=after, now=now, limit=_PAGE)
            )
            if expired:
                deleted += await self._engine.write(
                    partial(idempotency.delete_expired, keys=expired, now=now)
                )
        return deleted


def _locks_of(key: IdempotencyKey | None) -> list[str]:
    """The lock against the same request at the same time."""
    return [] if key is None else [f"once:{key.key_prefix}:{key.path}:{key.header_value or key.body_sha256}"]


def create_tickets(db: Db, requests: Sequence[NewTicketRequest]) -> list[StoredResponse | Exception]:
    """Store the tickets of requests, their first deliveries and responses: one result for each request.

    Raises RunAgain if the response of one is stored already: they look first then.
    """
    batch = _Batch(db, requests)
    results = [batch.add(request) for request in requests]
    batch.insert()
    return results


class _Batch:
    """The rows of the tickets that are stored together."""

    def __init__(self, db: Db, requests: Sequence[NewTicketRequest]) -> None:
        self._db = db
        self._requests = requests
        self._ids = iter(db.next_ids("tickets", len(requests)))
        self._random = secrets.token_bytes(3 * len(requests))  # of one call: each asks the kernel
        self._workspaces: dict[str, Workspace] = {}
        self._open: Counter[tuple[str, str, str | None, str]] = Counter()  # of limited ones, in this batch
        self._tickets: list[Params] = []
        self._deliveries: list[tuple[Workspace, Ticket, DeliveryKind, int, int]] = []
        self._responses: list[Params] = []
        self._blocked: list[Params] = []  # the tickets of blocked reporters
        reporters = {request.new.reporter.id for request in requests}
        self._blocks = blocks_of_reporters(db, [one for one in reporters if one is not None])
        _choose_public_ids(db, requests)

    def add(self, request: NewTicketRequest) -> StoredResponse | Exception:
        """Make the rows of a request; return its response, or why it is refused."""
        try:
            stored = self._find_response(request) if request.may_repeat else None
            return stored or self._add_ticket(request)
        except (IdempotencyKeyReused, OpenTicketLimitReached, UnknownWorkspace) as refusal:
            return refusal

    def insert(self) -> None:
        """Insert all rows. Raises RunAgain if one of them is there already."""
        inserted = self._db.run_many(idempotency.INSERT, self._responses)
        inserted += self._db.run_many(_INSERT, self._tickets)
        if inserted < len(self._responses) + len(self._tickets):
            for request in self._requests:
                request.may_repeat = True
            raise RunAgain
        self._db.run_many(INSERT_BLOCKED, self._blocked)
        if self._deliveries:
            ids = self._db.next_ids("outbox", len(self._deliveries))
            rows = [
                outbox.delivery_params(delivery_id, *delivery)
                for delivery_id, delivery in zip(ids, self._deliveries, strict=True)
            ]
            self._db.run_many(outbox.INSERT, rows)
            self._db.notify(Topic.OUTBOX)

    def _find_response(self, request: NewTicketRequest) -> StoredResponse | None:
        """The response of an earlier request of this batch, or of any before. Raises IdempotencyKeyReused."""
        key = request.idempotency_key
        if key is None:
            return None
        self._db.run_many(idempotency.INSERT, self._responses)
        self._responses.clear()
        return idempotency.find_response(self._db, key, request.now)

    def _add_ticket(self, request: NewTicketRequest) -> StoredResponse:
        workspace = self._workspace(request.workspace_id)
        new = request.new
        self._check_limit(workspace, new)
        department = workspace.department_for(new.category).id
        ticket, now_ms = self._saved_ticket(request, department), to_ms(request.now)
        response = request.serialize_response(ticket)
        if request.idempotency_key is not None:
            self._responses.append(idempotency.response_params(request.idempotency_key, response, now_ms))
        self._tickets.append(_ticket_params(ticket, new.raw_request, now_ms))
        block_id = self._find_block(ticket, now_ms)
        if block_id is not None:
            self._blocked.append({"ticket": ticket.id, "block": block_id})
        else:
            channel = request.channel_id or workspace.channel_for(new, department)
            self._deliveries += [
                (workspace, ticket, kind, channel, now_ms) for kind in new.initial_deliveries
            ]
        return StoredResponse(body=response)

    def _find_block(self, ticket: Ticket, now_ms: int) -> int | None:
        """The block under which the ticket is kept; None if its reporter is not blocked."""
        if not self._blocks:
            return None
        key = (ticket.workspace_id, ticket.source, ticket.reporter.id or "")
        block_id, expires_at = self._blocks.get(key, (None, None))
        return None if expires_at is not None and expires_at <= now_ms else block_id

    def _saved_ticket(self, request: NewTicketRequest, department: str) -> Ticket:
        """The ticket that is about to be inserted, as it will be read."""
        new, ticket_id, now_ms = request.new, next(self._ids), to_ms(request.now)
        now = from_ms(now_ms)
        return Ticket(
            id=ticket_id,
            uid=make_uid(ticket_id, now_ms, self._next_random()),
            public_id=request.public_id,
            workspace_id=request.workspace_id,
            source=new.source,
            view_only=new.view_only,
            is_private=new.is_private,
            subject=new.subject,
            body=new.body,
            category=new.category,
            department=department,
            priority=new.priority,
            status=new.initial_status,
            reporter=new.reporter,
            reported_player=new.reported_player,
            fields=new.fields,
            chat_log=new.chat_log,
            created_at=now,
            updated_at=now,
        )

    def _next_random(self) -> str:
        digits, self._random = self._random[:3].hex(), self._random[3:]
        return digits

    def _workspace(self, workspace_id: str) -> Workspace:
        """Read within the transaction: its rules may have changed since the request was authenticated."""
        if workspace_id not in self._workspaces:
            self._workspaces[workspace_id] = get_workspace(self._db, workspace_id)
        return self._workspaces[workspace_id]

    def _check_limit(self, workspace: Workspace, new: NewTicket) -> None:
        """Raises OpenTicketLimitReached."""
        limit = workspace.open_ticket_limit(new)
        if limit is None:
            return
        group = (workspace.id, new.source, new.reporter.id, new.category)
        if _count_open(self._db, *group) + self._open[group] >= limit:
            raise OpenTicketLimitReached
        self._open[group] += 1


def _choose_public_ids(db: Db, requests: Sequence[NewTicketRequest]) -> None:
    """Give each request an id that no ticket has; random ids are often taken once there are many tickets."""
    taken: set[str] = set()
    untried = [request for request in requests if not request.public_id]
    while untried:
        for request in untried:
            request.public_id = _next_candidate(request)
        rows = db.all(_TAKEN, {"ids": [request.public_id for request in untried]})
        taken.update(row["public_id"] for row in rows)
        again = []
        for request in untried:
            if request.public_id in taken:
                again.append(request)
            taken.add(request.public_id)
        untried = again


def _next_candidate(request: NewTicketRequest) -> str:
    public_id = next(request.ids, None)
    if public_id is None:
        raise ValueError("the source ran out of candidate ids; they must be endless")
    return public_id


_TAKEN = "SELECT public_id FROM tickets WHERE public_id = ANY(:ids)"


def _ticket_params(ticket: Ticket, raw_request: str, now_ms: int) -> Params:
    reporter, reported = ticket.reporter, ticket.reported_player or _NOBODY
    return {
        "id": ticket.id,
        "uid": ticket.uid,
        "public_id": ticket.public_id,
        "workspace_id": ticket.workspace_id,
        "department": ticket.department,
        "source": ticket.source,
        "view_only": int(ticket.view_only),
        "is_private": int(ticket.is_private),
        "subject": ticket.subject,
        "body": ticket.body,
        "category": ticket.category,
        "priority": ticket.priority.value,
        "status": ticket.status.value,
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
        "fields": fields_to_json(ticket.fields),
        "chat_log": to_json(ticket.chat_log) if ticket.chat_log else "[]",
        "raw_request": raw_request,
        "now": now_ms,
    }


_NOBODY = Player()

# A candidate id that is taken inserts nothing.
_INSERT = """
    INSERT INTO tickets (
        id, uid, public_id, workspace_id, source, view_only, is_private, status, priority, category,
        department, subject, reporter_id, reporter_name, reporter_display_name, reporter_avatar_url,
        reporter_profile_url, reported_id, reported_name, reported_display_name, reported_avatar_url,
        reported_profile_url, created_at, updated_at, fields, chat_log, body, raw_request
    ) VALUES (
        :id, :uid, :public_id, :workspace_id, :source, :view_only, :is_private, :status, :priority, :category,
        :department, :subject, :reporter_id, :reporter_name, :reporter_display_name, :reporter_avatar_url,
        :reporter_profile_url, :reported_id, :reported_name, :reported_display_name, :reported_avatar_url,
        :reported_profile_url, :now, :now, :fields, :chat_log, :body, :raw_request
    )
    ON CONFLICT (public_id) DO NOTHING
"""


def _count_open(db: Db, workspace_id: str, source: str, reporter_id: str | None, category: str) -> int:
    """Count the tickets of a reporter in a category that are not closed, without game reports."""
    row = db.one(
        """
        SELECT count(*) AS number FROM tickets
        WHERE source = :source AND reporter_id = :reporter AND workspace_id = :workspace
          AND category = :category AND view_only = 0
          AND (status = 'open' OR status = 'in-progress' OR status = 'unfinished')
        """,
        {
            "source": source,
            "reporter": reporter_id,
            "workspace": workspace_id,
            "category": category,
        },
    )
    return int(row["number"]) if row else 0
