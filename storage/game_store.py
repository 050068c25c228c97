"""The store as game servers work with it: within one workspace and source, each request carried out once."""

import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime

import aiosqlite

from bot.tickets import (
    FOR_THE_REPORTER,
    Answered,
    Case,
    Found,
    NewTicket,
    Once,
    Person,
    Scope,
    Search,
    Ticket,
    UnknownTicket,
    Words,
    Workspace,
)
from storage import answered_rows, message_rows, search_rows, ticket_rows
from storage.filing import carried_out_once, file
from storage.group_commit import GroupCommit
from storage.ticket_store import change, existing_ticket, say
from storage.workspace_store import existing_workspace

_MESSAGES = 1000  # the newest of one ticket

Rule = Callable[[Ticket, Workspace], Ticket]
Compose = Callable[[Ticket], Words | None]


class GameStore(GroupCommit):
    """Every method is one transaction. What a scope does not hold is unknown to who asks within it."""

    async def take_in(
        self,
        workspace_id: str,
        new: NewTicket,
        ids: Iterator[str],
        now: datetime,
        *,
        once: Once | None,
        answer: Callable[[Ticket], bytes],
    ) -> Answered:
        """Keep a ticket, and with it what the request is answered; the same request again gets that answer.

        Raises DifferentRequest, TooManyOpen, UnknownWorkspace.
        """

        def keep(db: sqlite3.Connection) -> Answered:
            return carried_out_once(db, once, now, lambda: answer(file(db, workspace_id, new, ids, now)))

        return await self._write_together(keep)

    async def answer_to(self, once: Once, now: datetime) -> Answered | None:
        """What the same request was answered before. Raises DifferentRequest."""
        async with self._read() as db:
            kept = await answered_rows.find(db, once, now)
        return None if kept is None else Answered(body=kept, repeated=True)

    async def work_on(
        self,
        scope: Scope,
        name: str,
        *,
        by: Person,
        say_first: Compose | None,
        rule: Rule | None,
        once: Once | None,
        now: datetime,
        answer: Callable[[Case, Workspace], bytes],
    ) -> Answered:
        """Say something on a ticket, change it, or both; the same request again gets the same answer.

        Raises what the ticket and the workspace raise, UnknownTicket and DifferentRequest.
        """

        async def work(db: aiosqlite.Connection) -> bytes:
            ticket = await _in_scope(db, scope, name)
            workspace = await existing_workspace(db, ticket.workspace_id)
            words = say_first(ticket) if say_first is not None else None
            if words is not None:
                origin = f"{scope.source}:{secrets.token_hex(16)}"
                await say(db, workspace, ticket, words, origin, now)
            if rule is not None:
                ticket = await change(db, workspace, ticket, rule(ticket, workspace), by, now)
            return answer(Case(ticket=ticket), workspace)

        return await self._carried_out(work, once, now)

    async def case(self, scope: Scope, name: str) -> Case:
        """By public id or by uid, with what was said on it. Raises UnknownTicket."""
        async with self._read() as db:
            ticket = await _in_scope(db, scope, name)
            messages = await message_rows.of_ticket(db, ticket.id, FOR_THE_REPORTER, _MESSAGES)
            (case,) = await message_rows.counted(db, [ticket])
        return Case(ticket=ticket, messages=tuple(messages), replies=case.replies, follow_ups=case.follow_ups)

    async def cases(self, scope: Scope, names: Sequence[str]) -> tuple[Case, ...]:
        """Those of them there are, in the order asked for."""
        async with self._read() as db:
            found = await search_rows.named(db, scope, names)
            return await message_rows.counted(db, [found[name] for name in names if name in found])

    async def search(self, scope: Scope, search: Search) -> Found:
        """One page of what fits, newest first."""
        async with self._read() as db:
            tickets, total = await search_rows.search(db, scope, search)
            cases = await message_rows.counted(db, tickets)
        return Found(search=search, cases=cases, total=total)

    async def name_of(self, scope: Scope, person_id: str) -> str | None:
        """What somebody was called in the newest ticket they filed."""
        async with self._read() as db:
            tickets = await search_rows.of_reporter(db, scope.source, person_id, [scope.workspace_id], 1)
        return tickets[0].reporter.label if tickets else None

    async def ticket_of_source(self, source: str, public_id: str) -> Case | None:
        """A ticket of any workspace, by the id people see, without what was said on it."""
        async with self._read() as db:
            ticket = await ticket_rows.by_public_id(db, public_id)
            if ticket is None or ticket.source != source:
                return None
            (case,) = await message_rows.counted(db, [ticket])
            return case

    async def _carried_out(
        self, act: Callable[[aiosqlite.Connection], Awaitable[bytes]], once: Once | None, now: datetime
    ) -> Answered:
        async with self._write() as db:
            kept = await answered_rows.find(db, once, now) if once else None
            if kept is not None:
                return Answered(body=kept, repeated=True)
            body = await act(db)
            if once is not None:
                await answered_rows.insert(db, once, body, now)
        self._outbox_grew()
        return Answered(body=body)


async def _in_scope(db: aiosqlite.Connection, scope: Scope, name: str) -> Ticket:
    found = await search_rows.named(db, scope, [name])
    if not found:
        raise UnknownTicket
    return await existing_ticket(db, found[name].id)
