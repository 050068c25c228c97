"""Create tickets from requests: the way of an accepted ticket, from its key to its response."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from aiohttp import web

from bot.sources.contract import ApiError, IntakeEndpoint, JsonObject, Source
from bot.tickets.errors import TicketError
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.ticket import Ticket
from bot.webhook.auth import Authenticator, RequestContext
from bot.webhook.body import decode_body, ensure_acceptable, read_body
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.idempotency import IdempotencyPolicy, from_header_or_body
from bot.webhook.page_links import PageLinks
from bot.webhook.rejected_requests import RejectedRequests
from bot.webhook.responses import encode_body, stored_to_response
from storage import Store

_log = logging.getLogger(__name__)


class IntakeHandler:
    """Handles the requests of every source that create a ticket."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        rejected: RejectedRequests,
        *,
        links: PageLinks,
        proxies: TrustedProxies,
        idempotency_policy: IdempotencyPolicy,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._rejected = rejected
        self._links = links
        self._proxies = proxies
        self._idempotency_policy = idempotency_policy
        self._now = now
        self._created_log = CreatedLog()

    async def handle(
        self, source: Source, intake: IntakeEndpoint, request: web.BaseRequest
    ) -> web.StreamResponse:
        """Answer a request that creates a ticket. Raises ApiError, StorageError."""
        now = self._now()
        context = await self._authenticator.authenticate(request, source, now)
        ensure_acceptable(request, intake.codec)
        body = await read_body(request, intake.codec)
        key = from_header_or_body(request, context.key, body, now, self._idempotency_policy)
        try:
            body = decode_body(intake.codec, body)
            serialize = await self._serializer(intake, request)
            stored = await self._create_ticket(source, intake, context, body, key, now, serialize)
        except (TicketError, ApiError) as error:
            raise await self._rejected.to_api_error(source, intake, context, request, body, error) from error
        return stored_to_response(request, intake, stored)

    async def _serializer(
        self, intake: IntakeEndpoint, request: web.BaseRequest
    ) -> Callable[[Ticket], JsonObject]:
        """What makes the body of HTTP 200, for a client that sent this request."""
        serialize, serialize_page_url = intake.serialize, intake.serialize_page_url
        if serialize_page_url is None:
            return serialize
        await self._links.load_key()
        base_url = self._links.public_url or self._proxies.requested_url(request)
        return lambda ticket: {
            **serialize(ticket),
            **serialize_page_url(self._links.url(ticket, base_url=base_url, path=intake.page_path)),
        }

    async def _create_ticket(
        self,
        source: Source,
        intake: IntakeEndpoint,
        context: RequestContext,
        body: bytes,
        idempotency_key: IdempotencyKey | None,
        now: datetime,
        serialize_ticket: Callable[[Ticket], JsonObject],
    ) -> StoredResponse:
        """Store a ticket, unless the same request already has a response. Raises TicketError, ApiError."""
        try:
            new = intake.parse(body)
            if source.categories is None:
                context.workspace.ensure_category_allowed(new.category)
        except (TicketError, ApiError):
            stored = await self._stored_response(idempotency_key, now)
            if stored is None:
                raise
            return stored
        created: list[Ticket] = []

        def serialize(ticket: Ticket) -> bytes:
            created[:] = [ticket]  # called again if the transaction is, even if that finds a stored response
            return encode_body(intake, serialize_ticket(ticket))

        ids = source.new_public_ids(new, now)
        stored = await self._store.intake.create_ticket(
            context.workspace.id, new, ids, now, idempotency_key=idempotency_key, serialize_response=serialize
        )
        if not stored.replayed:
            self._created_log.add(created[0], context.key.prefix)
        return stored

    async def _stored_response(self, key: IdempotencyKey | None, now: datetime) -> StoredResponse | None:
        """The response an Idempotency-Key has already: it holds, whatever is forbidden since."""
        if key is None or not key.header_value:
            return None
        return await self._store.intake.stored_response(key, now)


class CreatedLog:
    """Logs the tickets that were created: one line for those that were committed together.

    They are answered in one turn of the event loop, and the line is written in the next one, after their
    responses: the game servers need not wait for it.
    """

    def __init__(self) -> None:
        self._groups: dict[str, list[Ticket]] = {}  # by the prefix of the API key they came with

    def add(self, ticket: Ticket, key_prefix: str) -> None:
        if not self._groups:
            asyncio.get_running_loop().call_soon(self._write)
        self._groups.setdefault(key_prefix, []).append(ticket)

    def _write(self) -> None:
        groups, self._groups = self._groups, {}
        for key_prefix, tickets in groups.items():
            _log_created(tickets, key_prefix)


def _log_created(tickets: Sequence[Ticket], key_prefix: str) -> None:
    """Log tickets that came with one API key, which is one workspace's and one source's."""
    first = tickets[0]
    ids = {"workspace_id": first.workspace_id, "source": first.source, "key_prefix": key_prefix}
    if len(tickets) == 1:
        _log.info("Ticket %s created", first.public_id, extra={"ticket_id": first.id, **ids})
        return
    public_ids = ", ".join(ticket.public_id for ticket in tickets)
    _log.info(
        "Tickets %s created", public_ids, extra={"ticket_ids": [ticket.id for ticket in tickets], **ids}
    )
