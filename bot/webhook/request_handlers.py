"""Wishes granted: what a source has read from a request, asked of the store."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.sources import Body, Endpoint, Page
from bot.sources.requests import Browse, Done, Find, FindAll, Glance, ReadWorkspace, Wish, Work
from bot.tickets import Answered, Case, Found, Once, Person, Ticket, Workspace
from bot.webhook.auth import Visitor
from bot.webhook.responses import encoded
from storage import Store


class Grants:
    """Everything a visitor may wish for, by the wish's type; each within the scope of the visitor's key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ways: dict[type[Wish[Any]], Callable[[Visitor, Any], Awaitable[Any]]] = {
            Find: self._find,
            FindAll: self._find_all,
            Browse: self._browse,
            ReadWorkspace: self._read_workspace,
        }

    async def grant(self, visitor: Visitor, wish: Wish[Any]) -> Any:
        """What a wish that changes nothing is granted. Raises Refusal."""
        return await self._ways[type(wish)](visitor, wish)

    async def work(
        self, visitor: Visitor, endpoint: Endpoint, wish: Work, once: Once | None, now: datetime
    ) -> Answered:
        """Carry out work, and keep what it is answered in the same transaction. Raises Refusal."""
        by = await self._named(visitor, wish.by)
        say, rule = wish.say, wish.rule
        return await self._store.work_on(
            visitor.scope,
            wish.name,
            by=by,
            say_first=None if say is None else lambda ticket: say(ticket, by),
            rule=None if rule is None else lambda ticket, workspace: rule(ticket, workspace, by),
            once=once,
            now=now,
            answer=lambda case, workspace: _told(endpoint, case.ticket, workspace),
        )

    async def glance(self, source: str, wish: Glance) -> Case | None:
        """A ticket, for who has no key."""
        return await self._store.ticket_of_source(source, wish.name)

    async def _named(self, visitor: Visitor, person: Person) -> Person:
        if person.name != person.id:
            return person
        name = await self._store.name_of(visitor.scope, person.id)
        return replace(person, name=name) if name else person

    async def _find(self, visitor: Visitor, wish: Find) -> Case:
        return await self._store.case(visitor.scope, wish.name)

    async def _find_all(self, visitor: Visitor, wish: FindAll) -> tuple[Case, ...]:
        return await self._store.cases(visitor.scope, wish.names)

    async def _browse(self, visitor: Visitor, wish: Browse) -> Found:
        search = wish.search
        if wish.open_to is not None:
            hidden = visitor.workspace.departments_closed_to(wish.open_to)
            search = replace(search, hidden_departments=hidden)
        return await self._store.search(visitor.scope, search)

    async def _read_workspace(self, visitor: Visitor, wish: ReadWorkspace) -> Workspace:
        return visitor.workspace


def _told(endpoint: Endpoint, ticket: Ticket, workspace: Workspace) -> bytes:
    answer: Body | Page = endpoint.answer(Done(ticket=ticket, workspace=workspace))
    assert not isinstance(answer, Page)  # noqa: S101 - work is asked for by programs
    return encoded(answer)
