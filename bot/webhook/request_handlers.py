"""Wishes granted: what a source has read from a request, asked of the store."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.sources.contract import Endpoint, HtmlPage, JsonObject
from bot.sources.requests import (
    GetPublicTicket,
    GetTicket,
    GetTickets,
    GetWorkspace,
    ListTickets,
    Request,
    UpdateResult,
    UpdateTicket,
)
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.message import Actor
from bot.tickets.queries import TicketDetails, TicketPage
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from bot.webhook.auth import RequestContext
from bot.webhook.responses import dump_json
from storage import Store


class RequestHandlers:
    """Everything a visitor may wish for, by the wish's type; each within the scope of the visitor's key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_type: dict[type[Request[Any]], Callable[[RequestContext, Any], Awaitable[Any]]] = {
            GetTicket: self._get_ticket,
            GetTickets: self._get_tickets,
            ListTickets: self._list_tickets,
            GetWorkspace: self._get_workspace,
        }

    async def query(self, context: RequestContext, request: Request[Any]) -> Any:
        """What a wish that changes nothing is granted. Raises Refusal."""
        return await self._by_type[type(request)](context, request)

    async def update(
        self,
        context: RequestContext,
        endpoint: Endpoint,
        request: UpdateTicket,
        idempotency_key: IdempotencyKey | None,
        now: datetime,
    ) -> StoredResponse:
        """Carry out work, and keep what it is answered in the same transaction. Raises Refusal."""
        by = await self._with_known_name(context, request.actor)
        say, rule = request.message, request.change
        return await self._store.update_ticket(
            context.scope,
            request.ticket_id,
            actor=by,
            message=None if say is None else lambda ticket: say(ticket, by),
            change=None if rule is None else lambda ticket, workspace: rule(ticket, workspace, by),
            idempotency_key=idempotency_key,
            now=now,
            serialize_response=lambda case, workspace: _serialize_result(endpoint, case.ticket, workspace),
        )

    async def public_ticket(self, source: str, request: GetPublicTicket) -> TicketDetails | None:
        """A ticket, for who has no key."""
        return await self._store.get_public_ticket(source, request.ticket_id)

    async def _with_known_name(self, context: RequestContext, actor: Actor) -> Actor:
        if actor.name != actor.id:
            return actor
        name = await self._store.last_known_name(context.scope, actor.id)
        return replace(actor, name=name) if name else actor

    async def _get_ticket(self, context: RequestContext, request: GetTicket) -> TicketDetails:
        return await self._store.get_ticket_details(context.scope, request.ticket_id)

    async def _get_tickets(self, context: RequestContext, request: GetTickets) -> tuple[TicketDetails, ...]:
        return await self._store.list_ticket_details(context.scope, request.ticket_ids)

    async def _list_tickets(self, context: RequestContext, request: ListTickets) -> TicketPage:
        search = request.query
        if request.visible_to is not None:
            hidden = context.workspace.departments_hidden_from(request.visible_to)
            search = replace(search, hidden_departments=hidden)
        return await self._store.search_tickets(context.scope, search)

    async def _get_workspace(self, context: RequestContext, request: GetWorkspace) -> Workspace:
        return context.workspace


def _serialize_result(endpoint: Endpoint, ticket: Ticket, workspace: Workspace) -> bytes:
    answer: JsonObject | HtmlPage = endpoint.serialize(UpdateResult(ticket=ticket, workspace=workspace))
    assert not isinstance(answer, HtmlPage)  # noqa: S101 - work is asked for by programs
    return dump_json(answer)
