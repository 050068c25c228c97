"""Execute a source's typed requests against the store, within the workspace and source of the API key."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.sources.requests import (
    ConfirmEvents,
    GetNotifications,
    GetPublicUrl,
    GetTicket,
    GetTickets,
    GetWorkspace,
    Ignore,
    ListTickets,
    Request,
    ResultT,
    UpdateResult,
    UpdateTicket,
)
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.message import Actor, MessageKind
from bot.tickets.queries import TicketDetails, TicketPage
from bot.tickets.workspace import Workspace
from bot.webhook.auth import RequestContext
from bot.webhook.events import receiver_name
from bot.webhook.notifications import NotificationHandler
from storage import StorageError, Store

_log = logging.getLogger(__name__)


class RequestHandlers:
    """One handler per type of request."""

    def __init__(self, store: Store, *, public_url: str | None, now: Callable[[], datetime]) -> None:
        self._store = store
        self._public_url = public_url
        notifications = NotificationHandler(store, public_url=public_url, now=now)
        self._by_type: dict[type[Request[Any]], Callable[[RequestContext, Any], Awaitable[Any]]] = {
            GetTicket: self._get_ticket,
            GetTickets: self._get_tickets,
            ListTickets: self._list_tickets,
            GetWorkspace: self._get_workspace,
            GetPublicUrl: self._get_public_url,
            GetNotifications: notifications.get,
            ConfirmEvents: notifications.confirm,
            Ignore: self._ignore,
        }

    async def query(self, context: RequestContext, request: Request[ResultT]) -> ResultT:
        """Return the result of a request that changes no ticket. Raises TicketError."""
        result: ResultT = await self._by_type[type(request)](context, request)
        return result

    async def record_fetched(self, context: RequestContext, result: object, now: datetime) -> None:
        """Record that a game server is sent replies, if the result is a ticket that has any."""
        if not isinstance(result, TicketDetails):
            return
        replies = [message.id for message in result.messages if message.kind is MessageKind.REPLY]
        if not replies:
            return
        try:
            await self._store.events.confirm_fetched(
                context.scope, result.ticket.id, replies, receiver_name(context), now
            )
        except StorageError as error:  # it is answered all the same
            _log.warning(
                "That a game server has replies was not stored: %s",
                error,
                extra={"ticket_id": result.ticket.id, "key_prefix": context.key.prefix},
            )

    async def update(
        self,
        context: RequestContext,
        request: UpdateTicket,
        serialize: Callable[[UpdateResult], bytes],
        idempotency_key: IdempotencyKey | None,
        now: datetime,
    ) -> StoredResponse:
        """Update a ticket, and store the response in the same transaction. Raises TicketError."""
        actor = await self._with_known_name(context, request.actor)
        messages, change = request.messages, request.change
        return await self._store.intake.update_ticket(
            context.scope,
            request.ticket_id,
            actor=actor,
            messages=None if messages is None else lambda ticket: messages(ticket, actor),
            change=None if change is None else lambda ticket, workspace: change(ticket, workspace, actor),
            assignees=request.assignees,
            idempotency_key=idempotency_key,
            now=now,
            serialize_response=lambda details, workspace: serialize(
                UpdateResult(ticket=details.ticket, workspace=workspace)
            ),
        )

    async def _with_known_name(self, context: RequestContext, actor: Actor) -> Actor:
        if actor.name != actor.id:
            return actor
        name = await self._store.tickets.last_known_name(context.scope, actor.id)
        return replace(actor, name=name) if name else actor

    async def _get_ticket(self, context: RequestContext, request: GetTicket) -> TicketDetails:
        return await self._store.tickets.get_details(context.scope, request.ticket_id)

    async def _get_tickets(self, context: RequestContext, request: GetTickets) -> tuple[TicketDetails, ...]:
        return await self._store.tickets.list_details(context.scope, request.ticket_ids)

    async def _list_tickets(self, context: RequestContext, request: ListTickets) -> TicketPage:
        query = request.query
        if request.visible_to is not None:
            hidden = context.workspace.departments_hidden_from(request.visible_to)
            query = replace(query, hidden_departments=hidden)
        return await self._store.tickets.search(context.scope, query)

    async def _get_workspace(self, context: RequestContext, request: GetWorkspace) -> Workspace:
        return context.workspace

    async def _get_public_url(self, context: RequestContext, request: GetPublicUrl) -> str:
        return self._public_url or request.base_url

    async def _ignore(self, context: RequestContext, request: Ignore) -> None:
        return None
