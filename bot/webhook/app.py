"""The webhook server: routes for every source, and what each does with a request.

A request is authenticated and rate-limited before its body is read. The response depends on the store alone.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from bot.clock import utc_now
from bot.sources.contract import (
    ApiError,
    ApiRequest,
    Endpoint,
    IntakeEndpoint,
    Operation,
    PageEndpoint,
    PublicEndpoint,
    ResultT,
    Source,
)
from bot.sources.requests import ApiKeyInfo, UpdateTicket
from bot.tickets.errors import TicketError
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.ticket import Ticket
from bot.webhook.auth import Authenticator, RequestContext
from bot.webhook.body import read_body
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.errors import RATE_LIMIT_HEADERS, api_error, map_ticket_error
from bot.webhook.health import HealthRoutes, NoObservability, Observability
from bot.webhook.idempotency import IdempotencyPolicy, from_header, from_header_or_body
from bot.webhook.openapi.docs_page import docs_routes
from bot.webhook.rate_limit import SlidingWindowLimiter, rate_limit_headers, rate_limited_error
from bot.webhook.request_handlers import RequestHandlers
from bot.webhook.responses import ErrorFormatter, JsonResponse, dump_json
from bot.webhook.server.server import BoundAddress, serve
from storage import StorageError, Store

_log = logging.getLogger(__name__)


class WebhookServer:
    """Serves the paths of every source, the health checks and the API's documentation over HTTP."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        proxies: TrustedProxies | None = None,
        idempotency_policy: IdempotencyPolicy | None = None,
        observability: Observability | None = None,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._proxies = proxies or TrustedProxies()
        self._idempotency_policy = idempotency_policy or IdempotencyPolicy()
        self._observability = observability or NoObservability()
        self._now = now
        self._error_formatter = ErrorFormatter(sources.values())
        self._limiters = {
            source.name: SlidingWindowLimiter(source.rate_limit, clock) for source in sources.values()
        }
        self._authenticator = Authenticator(store, self._proxies, clock)
        self._request_handlers = RequestHandlers(store)
        self._health_routes = HealthRoutes(store, self._proxies, self._observability)

    def build_app(self) -> web.Application:
        app = web.Application()
        app.add_routes(self._health_routes.routes())
        app.add_routes(docs_routes(self._sources))
        for source in self._sources.values():
            for intake in source.intake_endpoints:
                app.router.add_post(intake.path, partial(self._handle_intake, source, intake))
            for endpoint in source.endpoints:
                for method in _methods(endpoint):
                    handler = partial(self._handle_endpoint, source, endpoint)
                    app.router.add_route(method, endpoint.path, handler)
            for public in source.public_endpoints:
                for method in _methods(public):
                    handler = partial(self._handle_public, source, public)
                    app.router.add_route(method, public.path, handler)
        for path, methods in _static_paths(self._sources).items():
            app.router.add_route("*", path, partial(_method_not_allowed, methods))
        for path in _page_paths(self._sources):
            app.router.add_route("*", path, _not_found)
        return app

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[BoundAddress]:
        """Accept requests until the block ends. Port 0 finds a free one; a taken port raises OSError."""
        app, answered = self.build_app(), self._observability.on_response
        async with serve(app, self._error_formatter, host, port, answered=answered) as at:
            yield at

    async def _handle_intake(
        self, source: Source, intake: IntakeEndpoint, request: web.Request
    ) -> JsonResponse:
        now = self._now()
        context = await self._authenticate(source, request, now)
        body = await read_body(request)
        key = from_header_or_body(request, context.key, body, now, self._idempotency_policy)
        try:
            return _stored_to_response(await self._create_ticket(source, intake, context, body, key, now))
        except (TicketError, ApiError) as error:
            raise await self._to_api_error(source, intake, context, request, body, error) from error

    async def _create_ticket(
        self,
        source: Source,
        intake: IntakeEndpoint,
        context: RequestContext,
        body: bytes,
        idempotency_key: IdempotencyKey | None,
        now: datetime,
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
            created[:] = [ticket]  # called again if the transaction is
            return dump_json(intake.serialize(ticket))

        ids = source.new_public_ids(new, now)
        stored = await self._store.intake.create_ticket(
            context.workspace.id, new, ids, now, idempotency_key=idempotency_key, serialize_response=serialize
        )
        for ticket in created:
            # After the response is sent: the game server need not wait for it.
            asyncio.get_running_loop().call_soon(_log_created, ticket, context)
        return stored

    async def _stored_response(self, key: IdempotencyKey | None, now: datetime) -> StoredResponse | None:
        """The response an Idempotency-Key has already: it holds, whatever is forbidden since."""
        if key is None or not key.header_value:
            return None
        return await self._store.intake.stored_response(key, now)

    async def _handle_endpoint(
        self, source: Source, endpoint: Endpoint[ResultT], request: web.Request
    ) -> JsonResponse:
        now = self._now()
        context = await self._authenticate(source, request, now)
        body = b"" if endpoint.body is None else await read_body(request)
        try:
            parsed = endpoint.parse(_build_request(request, body))
            if isinstance(parsed, UpdateTicket):
                return await self._update(endpoint, parsed, context, request, body, now)
            return JsonResponse(endpoint.serialize(await self._request_handlers.query(context, parsed)))
        except (TicketError, ApiError) as error:
            raise await self._to_api_error(source, endpoint, context, request, body, error) from error

    async def _update(
        self,
        endpoint: Endpoint[Any],
        update: UpdateTicket,
        context: RequestContext,
        request: web.Request,
        body: bytes,
        now: datetime,
    ) -> JsonResponse:
        only_adds_message = update.message is not None and update.change is None
        idempotency_key = from_header_or_body if only_adds_message else from_header
        stored = await self._request_handlers.update(
            context,
            update,
            lambda result: dump_json(endpoint.serialize(result)),
            idempotency_key(request, context.key, body, now, self._idempotency_policy),
            now,
        )
        return _stored_to_response(stored)

    async def _handle_public(
        self, source: Source, endpoint: PublicEndpoint, request: web.Request
    ) -> JsonResponse:
        if source.rate_limit.per == "address":
            self._apply_rate_limit(source, request, self._proxies.client_ip(request))
        parsed = endpoint.parse(_build_request(request, b""))
        if isinstance(endpoint, PageEndpoint):
            details = await self._store.tickets.find_public(source.name, parsed)
            return JsonResponse.html_response(endpoint.render(details))
        return JsonResponse(endpoint.serialize(await self._check_api_key(source, request, parsed)))

    async def _check_api_key(self, source: Source, request: web.Request, key: str) -> ApiKeyInfo | None:
        now = self._now()
        context = await self._authenticator.check_key(key, request, source, now)
        if context is None:
            return None
        state = self._limiters[source.name].hit(context.key.prefix)
        return ApiKeyInfo(workspace=context.workspace, rate_limit=state, now=now)

    async def _authenticate(self, source: Source, request: web.Request, now: datetime) -> RequestContext:
        """Return the key of a request and its workspace. Raises ApiError, before the body is read."""
        if source.rate_limit.per == "address":
            self._apply_rate_limit(source, request, self._proxies.client_ip(request))
        context = await self._authenticator.authenticate(request, source, now)
        if source.rate_limit.per == "key":
            self._apply_rate_limit(source, request, context.key.prefix)
        source.authorize(context.workspace)
        return context

    def _apply_rate_limit(self, source: Source, request: web.Request, client: str) -> None:
        """Count a request, and set the rate limit headers of its response. Raises ApiError(429)."""
        state = self._limiters[source.name].hit(client)
        request[RATE_LIMIT_HEADERS] = rate_limit_headers(source.rate_limit, state)
        if state.retry_after_seconds:
            raise rate_limited_error(state)

    async def _to_api_error(
        self,
        source: Source,
        operation: Operation,
        context: RequestContext,
        request: web.Request,
        body: bytes,
        error: TicketError | ApiError,
    ) -> ApiError:
        """Map an error to its contract's words, and store a body that cannot be parsed for the operator."""
        if isinstance(error, TicketError):
            return map_ticket_error(error, (operation.errors, source.errors))
        if error.status == 400 and body:
            await self._store_rejected_request(context, request.path, error.message, body)
        return error

    async def _store_rejected_request(
        self, context: RequestContext, path: str, reason: str, body: bytes
    ) -> None:
        try:
            await self._store.rejected_requests.save(context.key, path, reason, body, self._now())
        except StorageError as error:  # the response says what is wrong with the request all the same
            _log.warning(
                "A rejected request was not stored: %s",
                error,
                extra={"key_prefix": context.key.prefix, "path": path},
            )


def _methods(operation: Operation) -> tuple[str, ...]:
    """The methods that an operation serves: HEAD wherever it is a GET."""
    return ("GET", "HEAD") if operation.method == "GET" else (operation.method,)


def _static_paths(sources: Mapping[str, Source]) -> dict[str, set[str]]:
    """The methods of every path without parameters, which must not match another path's parameter."""
    methods: dict[str, set[str]] = {}
    for source in sources.values():
        for route in source.operations:
            if "{" not in route.path:
                methods.setdefault(route.path, set()).update(_methods(route))
    return methods


async def _method_not_allowed(methods: set[str], request: web.Request) -> JsonResponse:
    raise web.HTTPMethodNotAllowed(request.method, methods)


def _page_paths(sources: Mapping[str, Source]) -> list[str]:
    return [
        endpoint.path
        for source in sources.values()
        for endpoint in source.public_endpoints
        if isinstance(endpoint, PageEndpoint)
    ]


async def _not_found(request: web.Request) -> JsonResponse:
    raise web.HTTPNotFound


def _build_request(request: web.Request, body: bytes) -> ApiRequest:
    """Raises ApiError(400) for half a surrogate pair in the address, which no database takes."""
    try:
        "".join([*request.match_info.values(), *request.query, *request.query.values()]).encode()
    except UnicodeEncodeError as error:
        raise api_error(400) from error
    return ApiRequest(path_params=request.match_info, query=request.query, body=body)


def _log_created(ticket: Ticket, context: RequestContext) -> None:
    ids = {
        "ticket_id": ticket.id,
        "workspace_id": ticket.workspace_id,
        "source": ticket.source,
        "key_prefix": context.key.prefix,
    }
    _log.info("Ticket %s created", ticket.public_id, extra=ids)


def _stored_to_response(stored: StoredResponse) -> JsonResponse:
    return JsonResponse(stored.body, headers={"Idempotent-Replayed": "true"} if stored.replayed else None)
