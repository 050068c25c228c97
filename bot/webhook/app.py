"""The webhook: every source's paths, each asking who sends, how much, and what, before anything is done."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import web

from bot.sources import (
    ApiError,
    ApiRequest,
    Endpoint,
    HtmlPage,
    IntakeEndpoint,
    JsonObject,
    Operation,
    Source,
)
from bot.sources.requests import ApiKeyInfo, CheckApiKey, GetPublicTicket, UpdateTicket
from bot.tickets.errors import TicketError
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.ticket import Ticket
from bot.webhook import idempotency as repeats
from bot.webhook.auth import Authenticator, RequestContext
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.errors import RATE_LIMIT_HEADERS, api_error, map_ticket_error, read_body
from bot.webhook.health import HealthRoutes, Observability
from bot.webhook.idempotency import IdempotencyPolicy
from bot.webhook.openapi import docs_routes
from bot.webhook.rate_limit import SlidingWindowLimiter, rate_limit_headers, rate_limited_error
from bot.webhook.request_handlers import RequestHandlers
from bot.webhook.responses import ErrorFormatter, JsonResponse, dump_json
from bot.webhook.server.server import BoundAddress, serve
from storage import StorageError, Store

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WebhookServer:
    """Takes tickets over HTTP, and does what else their contracts know.

    What it answers depends on the store alone.
    """

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        proxies: TrustedProxies | None = None,
        idempotency_policy: IdempotencyPolicy | None = None,
        observability: Observability | None = None,
        now: Callable[[], datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._proxies = proxies or TrustedProxies()
        self._idempotency_policy = idempotency_policy or IdempotencyPolicy()
        self._observability = observability or Observability()
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
            for endpoint in source.public_endpoints:
                for method in _methods(endpoint):
                    handler = partial(self._handle_public, source, endpoint)
                    app.router.add_route(method, endpoint.path, handler)
        for path, methods in _static_paths(self._sources).items():
            app.router.add_route("*", path, partial(_method_not_allowed, methods))
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
        visitor = await self._authenticate(source, request, now)
        body = await read_body(request)
        once = repeats.from_header_or_body(request, visitor.key, body, now, self._idempotency_policy)
        try:
            return _stored_to_response(await self._create_ticket(source, intake, visitor, body, once, now))
        except (TicketError, ApiError) as no:
            raise await self._to_api_error(source, intake, visitor, request, body, no) from no

    async def _create_ticket(
        self,
        source: Source,
        intake: IntakeEndpoint,
        context: RequestContext,
        body: bytes,
        idempotency_key: IdempotencyKey | None,
        now: datetime,
    ) -> StoredResponse:
        """Keep a ticket, unless the same request was answered before. Raises Refusal, Refused."""
        try:
            new = intake.parse(body)
            if source.categories is None:
                context.workspace.ensure_category_allowed(new.category)
        except (TicketError, ApiError):
            # What was answered once holds, whatever is forbidden since.
            earlier = (
                await self._store.stored_response(idempotency_key, now)
                if idempotency_key is not None and idempotency_key.header_value
                else None
            )
            if earlier is None:
                raise
            return earlier
        kept: list[Ticket] = []

        def answer(ticket: Ticket) -> bytes:
            kept[:] = [ticket]  # it may be asked again, if what was written with it had to be taken back
            return dump_json(intake.serialize(ticket))

        ids = source.new_public_ids(new, now)
        answered = await self._store.create_ticket(
            context.workspace.id, new, ids, now, idempotency_key=idempotency_key, serialize_response=answer
        )
        for ticket in kept:
            # Once the answer is on its way: the game server need not wait for it.
            asyncio.get_running_loop().call_soon(_log_created, ticket)
        return answered

    async def _handle_endpoint(
        self, source: Source, endpoint: Endpoint, request: web.Request
    ) -> JsonResponse:
        now = self._now()
        visitor = await self._authenticate(source, request, now)
        body = b"" if endpoint.body is None else await read_body(request)
        try:
            wish = endpoint.parse(_build_request(request, body))
            if isinstance(wish, UpdateTicket):
                only_says = wish.message is not None and wish.change is None
                same = repeats.from_header_or_body if only_says else repeats.from_header
                once = same(request, visitor.key, body, now, self._idempotency_policy)
                return _stored_to_response(
                    await self._request_handlers.update(visitor, endpoint, wish, once, now)
                )
            return _to_response(endpoint.serialize(await self._request_handlers.query(visitor, wish)))
        except (TicketError, ApiError) as no:
            raise await self._to_api_error(source, endpoint, visitor, request, body, no) from no

    async def _handle_public(self, source: Source, endpoint: Endpoint, request: web.Request) -> JsonResponse:
        if source.rate_limit.per == "address":
            self._apply_rate_limit(source, request, self._proxies.client_ip(request))
        wish = endpoint.parse(_build_request(request, b""))
        granted: Any
        if isinstance(wish, CheckApiKey):
            granted = await self._check_api_key(source, request, wish)
        else:
            assert isinstance(wish, GetPublicTicket)  # noqa: S101 - nothing else is for everyone
            granted = await self._request_handlers.public_ticket(source.name, wish)
        return _to_response(endpoint.serialize(granted))

    async def _check_api_key(
        self, source: Source, request: web.Request, check: CheckApiKey
    ) -> ApiKeyInfo | None:
        now = self._now()
        visitor = await self._authenticator.check_key(check.key, request, source, now)
        if visitor is None:
            return None
        window = self._limiters[source.name]
        allowance = window.hit(visitor.key.prefix)
        return ApiKeyInfo(workspace=visitor.workspace, rate_limit=allowance, now=now)

    async def _authenticate(self, source: Source, request: web.Request, now: datetime) -> RequestContext:
        """Who sends, and whether they may now. Raises Refused, before any of the body is read."""
        if source.rate_limit.per == "address":
            self._apply_rate_limit(source, request, self._proxies.client_ip(request))
        visitor = await self._authenticator.authenticate(request, source, now)
        if source.rate_limit.per == "key":
            self._apply_rate_limit(source, request, visitor.key.prefix)
        source.authorize(visitor.workspace)
        return visitor

    def _apply_rate_limit(self, source: Source, request: web.Request, client: str) -> None:
        """Count a request, and have its sender told what is left. Raises Refused(429)."""
        allowance = self._limiters[source.name].hit(client)
        request[RATE_LIMIT_HEADERS] = rate_limit_headers(source.rate_limit, allowance)
        if allowance.retry_after_seconds:
            raise rate_limited_error(allowance)

    async def _to_api_error(
        self,
        source: Source,
        route: Operation,
        context: RequestContext,
        request: web.Request,
        body: bytes,
        error: TicketError | ApiError,
    ) -> ApiError:
        """A ticket's no, in its contract's words; and what makes no sense is kept for the operator."""
        if isinstance(error, TicketError):
            return map_ticket_error(error, (route.errors, source.errors))
        if error.status == 400 and body:
            await self._store_rejected_request(context, request.path, error.message, body)
        return error

    async def _store_rejected_request(
        self, context: RequestContext, path: str, reason: str, body: bytes
    ) -> None:
        try:
            await self._store.save_rejected_request(context.key, path, reason, body, self._now())
        except StorageError as error:  # its sender is to be told what is wrong with it all the same
            _log.warning("a refused request of key %s is not kept: %s", context.key.prefix, error)


def _methods(route: IntakeEndpoint | Endpoint) -> tuple[str, ...]:
    """The methods a route answers: HEAD wherever it answers GET."""
    return ("GET", "HEAD") if route.method == "GET" else (route.method,)


def _static_paths(sources: Mapping[str, Source]) -> dict[str, set[str]]:
    """The methods of every path without {names}, which is never what another one's {name} stands for."""
    methods: dict[str, set[str]] = {}
    for source in sources.values():
        for route in source.operations:
            if "{" not in route.path:
                methods.setdefault(route.path, set()).update(_methods(route))
    return methods


async def _method_not_allowed(methods: set[str], request: web.Request) -> JsonResponse:
    raise web.HTTPMethodNotAllowed(request.method, methods)


def _build_request(request: web.Request, body: bytes) -> ApiRequest:
    """Raises Refused for half a character in the address, which no database takes."""
    try:
        "".join([*request.match_info.values(), *request.query, *request.query.values()]).encode()
    except UnicodeEncodeError as error:
        raise api_error(400) from error
    return ApiRequest(path_params=request.match_info, query=request.query, body=body)


def _log_created(ticket: Ticket) -> None:
    known = {"ticket": ticket.id, "public_id": ticket.public_id}
    _log.info("kept %s for workspace %s", ticket.public_id, ticket.workspace_id, extra=known)


def _stored_to_response(stored: StoredResponse) -> JsonResponse:
    return JsonResponse(stored.body, headers={"Idempotent-Replayed": "true"} if stored.replayed else None)


def _to_response(result: JsonObject | HtmlPage) -> JsonResponse:
    return JsonResponse.html_response(result) if isinstance(result, HtmlPage) else JsonResponse(result)
