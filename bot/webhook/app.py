"""The webhook server: routes for every source, and what each does with a request.

A request is authenticated and rate-limited before its body is read. The response depends on the store alone.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import hdrs, web

from bot.i18n.translations import accepted_locales, use_language
from bot.sources.contract import (
    AnswerEndpoint,
    ApiError,
    ApiRequest,
    ConversationEndpoint,
    Endpoint,
    FileEndpoint,
    Operation,
    PageEndpoint,
    PublicEndpoint,
    ResultT,
    Source,
)
from bot.sources.requests import ApiKeyInfo, UpdateTicket
from bot.tickets.errors import TicketError
from bot.webhook.auth import Authenticator, RequestContext
from bot.webhook.body import decode_body, ensure_acceptable, read_body
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.conversations import ConversationPages
from bot.webhook.erasure_requests import ErasureRequests
from bot.webhook.errors import api_error
from bot.webhook.events import EVENT_OPERATIONS, MAX_WAITING, EventFeed
from bot.webhook.health import HealthRoutes, NoObservability, Observability
from bot.webhook.idempotency import IdempotencyPolicy, from_header, from_header_or_body
from bot.webhook.intake import IntakeHandler
from bot.webhook.links import LINK_OPERATIONS, LinkRoutes
from bot.webhook.openapi.docs_page import docs_routes
from bot.webhook.page_links import PageLinks
from bot.webhook.rate_limit import SourceRateLimit
from bot.webhook.rejected_requests import RejectedRequests
from bot.webhook.request_handlers import RequestHandlers
from bot.webhook.responses import (
    ErrorFormatter,
    JsonResponse,
    content_type_of,
    encode_body,
    stored_to_response,
)
from bot.webhook.server.server import DIRECT_ROUTES, BoundAddress, DirectRoute, serve
from storage import Store

_log = logging.getLogger(__name__)


class WebhookServer:
    """Serves the paths of every source, the health checks and the API's documentation over HTTP."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        proxies: TrustedProxies | None = None,
        public_url: str | None = None,
        idempotency_policy: IdempotencyPolicy | None = None,
        observability: Observability | None = None,
        now: Callable[[], datetime] | None = None,
        clock: Callable[[], float] = time.monotonic,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """`max_waiting` is how many requests may wait for events at once."""
        self._store = store
        self._sources = sources
        self._proxies = proxies = proxies or TrustedProxies()
        self._idempotency_policy = idempotency_policy or IdempotencyPolicy()
        self._observability = observability or NoObservability()
        self._now = now = now or store.now
        self._error_formatter = ErrorFormatter(
            sources.values(), {one.path for one in (*EVENT_OPERATIONS, *LINK_OPERATIONS)}
        )
        self._rate_limits = {
            source.name: SourceRateLimit(source.rate_limit, clock) for source in sources.values()
        }
        self._authenticator = Authenticator(store, proxies, self._rate_limits, clock)
        self._rejected = RejectedRequests(store, now)
        links = PageLinks(store, public_url=public_url)
        self._intake = IntakeHandler(
            store,
            self._authenticator,
            self._rejected,
            links=links,
            proxies=proxies,
            idempotency_policy=self._idempotency_policy,
            now=now,
        )
        self._conversations = ConversationPages(
            store, links, self._authenticator, proxies, now=now, clock=clock
        )
        self._request_handlers = RequestHandlers(store, public_url=public_url, now=now)
        self._logged_as_unserved: set[str] = set()
        self._events = EventFeed(store, sources, self._authenticator, now, max_waiting)
        self._links = LinkRoutes(store, sources, self._authenticator, now)
        self._erasures = ErasureRequests(store, self._authenticator, now)
        self._health_routes = HealthRoutes(store, proxies, self._observability)

    def build_app(self) -> web.Application:
        app = web.Application()
        app.add_routes(self._health_routes.routes())
        app.add_routes(docs_routes(self._sources))
        app.add_routes(self._events.routes())
        app.add_routes(self._links.routes())
        for source in self._sources.values():
            for intake in source.intake_endpoints:
                app.router.add_post(intake.path, partial(self._intake.handle, source, intake))
            for endpoint in source.endpoints:
                for method in _methods(endpoint):
                    handler = partial(self._handle_endpoint, source, endpoint)
                    app.router.add_route(method, endpoint.path, handler)
            for public in source.public_endpoints:
                for method in _methods(public):
                    app.router.add_route(method, public.path, partial(self._handle_public, source, public))
            webhook = source.erasure_webhook
            if webhook is not None:
                app.router.add_post(webhook.path, partial(self._erasures.handle, source, webhook))
        for path, methods in _api_paths(self._sources).items():
            app.router.add_route("*", path, partial(_method_not_allowed, methods))
        for path in _page_paths(self._sources):
            app.router.add_route("*", path, _not_found)
        for source in self._sources.values():
            for prefix in source.unserved_prefixes:
                for path in (prefix, f"{prefix}/{{rest:.*}}"):
                    app.router.add_route("*", path, partial(self._not_served, prefix))
        app[DIRECT_ROUTES] = self._intake_routes()
        return app

    def _intake_routes(self) -> dict[str, DirectRoute]:
        return {
            intake.path: DirectRoute(
                method=intake.method,
                path=intake.path,
                source=source.name,
                handler=partial(self._intake.handle, source, intake),
            )
            for source in self._sources.values()
            for intake in source.intake_endpoints
        }

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[BoundAddress]:
        """Accept requests until the block ends. Port 0 finds a free one; a taken port raises OSError."""
        app, answered = self.build_app(), self._observability.on_response
        async with serve(app, self._error_formatter, host, port, answered=answered) as at:
            yield at

    async def _handle_endpoint(
        self, source: Source, endpoint: Endpoint[ResultT], request: web.Request
    ) -> web.StreamResponse:
        now = self._now()
        context = await self._authenticator.authenticate(request, source, now)
        ensure_acceptable(request, endpoint.codec)
        raw = body = b"" if endpoint.body is None else await read_body(request, endpoint.codec)
        try:
            body = decode_body(endpoint.codec, raw)
            parsed = endpoint.parse(self._build_request(request, body))
            if isinstance(parsed, UpdateTicket):
                return await self._update(endpoint, parsed, context, request, raw, now)
            result = await self._request_handlers.query(context, parsed)
            encoded = encode_body(endpoint, endpoint.serialize(result))
            if request.method == "GET":
                await self._request_handlers.record_fetched(context, result, now)
            return JsonResponse(encoded, content_type=content_type_of(endpoint))
        except (TicketError, ApiError) as error:
            raise await self._rejected.to_api_error(
                source, endpoint, context, request, body, error
            ) from error

    async def _update(
        self,
        endpoint: Endpoint[Any],
        update: UpdateTicket,
        context: RequestContext,
        request: web.Request,
        body: bytes,
        now: datetime,
    ) -> web.StreamResponse:
        idempotency_key = from_header_or_body if update.only_adds_messages else from_header
        stored = await self._request_handlers.update(
            context,
            update,
            lambda result: encode_body(endpoint, endpoint.serialize(result)),
            idempotency_key(request, context.key, body, now, self._idempotency_policy),
            now,
        )
        return stored_to_response(request, endpoint, stored)

    async def _handle_public(
        self, source: Source, endpoint: PublicEndpoint, request: web.Request
    ) -> JsonResponse:
        if isinstance(endpoint, PageEndpoint):
            with use_language(*accepted_locales(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))):
                return await self._handle_page(source, endpoint, request)
        self._authenticator.limit_address(request, source)
        if isinstance(endpoint, FileEndpoint):
            return JsonResponse.text_response(endpoint.content())
        parsed = endpoint.parse(self._build_request(request, b""))
        return JsonResponse(endpoint.serialize(await self._check_api_key(source, request, parsed)))

    async def _handle_page(
        self, source: Source, endpoint: PageEndpoint, request: web.Request
    ) -> JsonResponse:
        public_id = endpoint.parse(self._build_request(request, b""))
        if isinstance(endpoint, AnswerEndpoint):
            return await self._conversations.answer(source, endpoint, public_id, request)
        self._authenticator.limit_address(request, source)
        details = await self._store.tickets.find_public(source.name, public_id)
        if isinstance(endpoint, ConversationEndpoint):
            return JsonResponse.html_response(await self._conversations.show(endpoint, details, request))
        return JsonResponse.html_response(endpoint.render(details))

    def _build_request(self, request: web.Request, body: bytes) -> ApiRequest:
        """Raises ApiError(400) for half a surrogate pair in the address, which no database takes."""
        try:
            "".join([*request.match_info.values(), *request.query, *request.query.values()]).encode()
        except UnicodeEncodeError as error:
            raise api_error(400) from error
        return ApiRequest(
            path_params=request.match_info,
            query=request.query,
            body=body,
            base_url=self._proxies.requested_url(request),
        )

    async def _not_served(self, prefix: str, request: web.Request) -> JsonResponse:
        if prefix not in self._logged_as_unserved:
            self._logged_as_unserved.add(prefix)
            _log.info(
                "A game server asked for something below %s that ticketbridge does not serve. It was "
                "answered with 404; this is logged once.",
                prefix,
                extra={"path": prefix, "status": 404},
            )
        raise web.HTTPNotFound

    async def _check_api_key(self, source: Source, request: web.Request, key: str) -> ApiKeyInfo | None:
        now = self._now()
        context = await self._authenticator.check_key(key, request, source, now)
        if context is None:
            return None
        state = self._rate_limits[source.name].hit(context.key.prefix)
        return ApiKeyInfo(
            key=context.key,
            workspace=context.workspace,
            last_used_at=context.last_used_at,
            rate_limit=state,
            now=now,
        )


def _methods(operation: Operation) -> tuple[str, ...]:
    """The methods that an operation serves: HEAD wherever it is a GET."""
    return ("GET", "HEAD") if operation.method == "GET" else (operation.method,)


def _api_paths(sources: Mapping[str, Source]) -> dict[str, set[str]]:
    """The methods of every path: with another one it must not match a parameter or prefix of another path."""
    methods: dict[str, set[str]] = {}
    for source in sources.values():
        for route in source.operations:
            if not isinstance(route, PageEndpoint):
                methods.setdefault(route.path, set()).update(_methods(route))
    return methods


async def _method_not_allowed(methods: set[str], request: web.Request) -> JsonResponse:
    raise web.HTTPMethodNotAllowed(request.method, methods)


def _page_paths(sources: Mapping[str, Source]) -> set[str]:
    return {
        endpoint.path
        for source in sources.values()
        for endpoint in source.public_endpoints
        if isinstance(endpoint, PageEndpoint)
    }


async def _not_found(request: web.Request) -> JsonResponse:
    raise web.HTTPNotFound
