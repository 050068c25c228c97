"""Stateful test: no sequence of operations stores a reply or follow-up on a game report."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from bot.tickets.errors import IdempotencyKeyReused, TicketError, ViewOnly
from bot.tickets.idempotency import IdempotencyKey
from bot.tickets.message import Actor, NewMessage
from bot.tickets.outbox import Receipt
from bot.tickets.queries import Scope
from bot.tickets.ticket import Player, Priority, Status, Ticket
from bot.tickets.workspace import Department, Workspace
from storage import open_store
from tests.storage.samples import HUB, NOW, ids, new_ticket, raw, update_response

Compose = Callable[[Ticket], NewMessage]
Rule = Callable[[Ticket], Ticket]
ResultT = TypeVar("ResultT")

_HOUR = timedelta(hours=1)
PEOPLE = [Actor(id="11", name="Alice"), Actor(id="12", name="Bob", source="somewhere")]
TEXTS = st.sampled_from(["hello", " ", "x" * 4001])
REPORTERS = st.sampled_from(["7", "8"])
STAFF = st.sampled_from(PEOPLE)


def _reply(by: Actor, text: str) -> Compose:
    return lambda ticket: ticket.reply(by, text)


def _reply_as_claimer(by: Actor, text: str) -> Compose:
    return lambda ticket: ticket.reply_as_claimer(by, text)


def _follow_up(reporter: str, text: str) -> Compose:
    return lambda ticket: ticket.follow_up(reporter, text)


def _note(by: Actor, text: str) -> Compose:
    return lambda ticket: ticket.note(by, text)


TO_OR_FROM_REPORTER = st.one_of(
    st.builds(_reply, STAFF, TEXTS),
    st.builds(_reply_as_claimer, STAFF, TEXTS),
    st.builds(_follow_up, REPORTERS, TEXTS),
)
NOTES = st.builds(_note, STAFF, TEXTS)
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(lambda by: lambda ticket: ticket.claim(by), STAFF),
    st.builds(lambda by: lambda ticket: ticket.assign(by), STAFF),
    st.just(Ticket.unclaim),
    st.builds(lambda to: lambda ticket: ticket.set_status(to), st.sampled_from(Status)),
    st.builds(lambda to: lambda ticket: ticket.set_priority(to), st.sampled_from(Priority)),
    st.builds(lambda tag: lambda ticket: ticket.set_tags(add=[tag]), st.sampled_from(["vip", "alt"])),
    st.builds(lambda to: lambda ticket: ticket.transfer(to), st.sampled_from(["general", "lab"])),
    st.builds(lambda who: lambda ticket: ticket.link(Player(id=who, name="rey")), REPORTERS),
)


class ViewOnlyMachine(RuleBasedStateMachine):
    """A store, and every operation of staff, reporters and game servers."""

    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self._path = Path(self._folder.name) / "tickets.db"
        self._loop = asyncio.new_event_loop()
        self._store = self._run(open_store(self._path))
        self._numbers = count()

    def _run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self._loop.run_until_complete(work)

    def teardown(self) -> None:
        self._run(self._store.close())
        self._loop.close()
        self._folder.cleanup()

    @initialize()
    def open_a_workspace(self) -> None:
        workspace = self._run(self._store.workspaces.add(HUB, NOW))
        lab = Department(id="lab", name="Lab", channel_id=30)
        self._workspace: Workspace = self._run(
            self._store.workspaces.change(workspace.id, lambda found: found.with_department(lab))
        )

    @rule(target=tickets, view_only=st.booleans(), private=st.booleans(), reporter=REPORTERS)
    def file(self, view_only: bool, private: bool, reporter: str) -> Ticket:
        new = new_ticket(view_only=view_only, is_private=private, reporter_id=reporter)
        return self._run(self._store.intake.add_ticket(self._workspace.id, new, ids(), NOW))

    @rule(ticket=tickets, compose=TO_OR_FROM_REPORTER)
    def add_message(self, ticket: Ticket, compose: Compose) -> None:
        result = self._attempt(
            self._store.tickets.add_message(ticket.id, compose, origin=str(next(self._numbers)), now=NOW)
        )

        assert isinstance(result, ViewOnly) is ticket.view_only

    @rule(ticket=tickets, other=tickets, compose=TO_OR_FROM_REPORTER)
    def add_message_of_another_ticket(self, ticket: Ticket, other: Ticket, compose: Compose) -> None:
        """Add to one ticket what another composed."""
        self._attempt(
            self._store.tickets.add_message(
                ticket.id, lambda _: compose(other), origin=str(next(self._numbers)), now=NOW
            )
        )

    @rule(ticket=tickets, compose=NOTES)
    def note(self, ticket: Ticket, compose: Compose) -> None:
        result = self._attempt(
            self._store.tickets.add_message(ticket.id, compose, origin=str(next(self._numbers)), now=NOW)
        )

        assert not isinstance(result, ViewOnly)

    @rule(ticket=tickets, change=RULES, by=STAFF)
    def change(self, ticket: Ticket, change: Rule, by: Actor) -> None:
        changed = self._attempt(self._store.tickets.change(ticket.id, change, NOW, actor=by))

        assert isinstance(changed, TicketError) or changed.view_only is ticket.view_only

    @rule(
        ticket=tickets,
        compose=st.none() | TO_OR_FROM_REPORTER,
        change=st.none() | RULES,
        by=STAFF,
        key=st.none() | st.sampled_from("abc"),
    )
    def update(
        self, ticket: Ticket, compose: Compose | None, change: Rule | None, by: Actor, key: str | None
    ) -> None:
        request = IdempotencyKey(
            key_prefix="p",
            path=ticket.uid,
            body_sha256=f"{compose is None}",
            header_value=key,
            expires_at=NOW + _HOUR,
        )
        done = self._attempt(
            self._store.intake.update_ticket(
                Scope(workspace_id=ticket.workspace_id, source=ticket.source),
                ticket.uid,
                actor=by,
                messages=None if compose is None else lambda found: [compose(found)],
                change=None if change is None else lambda found, _: change(found),
                idempotency_key=request if key else None,
                now=NOW,
                serialize_response=update_response,
            )
        )

        if ticket.view_only and compose is not None:
            assert isinstance(done, ViewOnly | IdempotencyKeyReused)

    @rule()
    def deliver(self) -> None:
        for rows in self._run(self._store.outbox.due((), NOW)):
            message = 1000 + next(self._numbers)
            receipt = Receipt(channel_id=rows[0].channel_id, message_id=message)
            self._run(self._store.outbox.mark_delivered(rows, receipt, NOW))

    @invariant()
    def no_game_report_has_a_reply_or_follow_up(self) -> None:
        with raw(self._path) as db:
            messages = db.execute(
                "SELECT count(*) FROM messages JOIN tickets ON tickets.id = ticket_id "
                "WHERE view_only = 1 AND messages.kind IN ('reply', 'follow-up')"
            )
            assert messages.fetchone() == (0,)
            deliveries = db.execute(
                "SELECT count(*) FROM outbox JOIN tickets ON tickets.id = ticket_id "
                "WHERE view_only = 1 AND kind = 'return'"
            )
            assert deliveries.fetchone() == (0,)

    def _attempt(self, work: Coroutine[Any, Any, ResultT]) -> ResultT | TicketError:
        try:
            return self._run(work)
        except TicketError as error:
            return error


TestViewOnly = ViewOnlyMachine.TestCase
TestViewOnly.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,  # disks differ in speed
    suppress_health_check=[HealthCheck.too_slow],
)
