"""The HTTP server: binds an address and serves the application within limits, its failures in JSON."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from aiohttp import hdrs, web

from bot.webhook.errors import error_response, route_template
from bot.webhook.health import ResponseObserver
from bot.webhook.rate_limit import RATE_LIMIT_HEADERS
from bot.webhook.responses import ErrorFormatter
from bot.webhook.server.connection import LimitedConnection
from bot.webhook.server.descriptors import accept_failures_logged_once_a_minute, within_descriptors
from bot.webhook.server.limits import ConnectionLimits

_SHUTDOWN_TIMEOUT = 4.0  # seconds that requests in flight are given at the end
# Clients that wait to be accepted. asyncio accepts as many in one go, and each of them is a descriptor before
# `LimitedConnection` can turn it away. Where it is full, the client's system tries again after a second.
_BACKLOG = 100
_SLASHES = re.compile(r"//+")
_DEFAULT = ConnectionLimits()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRoute:
    """A route that is found by the exact target of a request, without the application's router."""

    method: str
    path: str
    source: str
    handler: Handler


# The direct routes of an application, by path. The application has them all as usual routes, too.
DIRECT_ROUTES = web.AppKey("direct_routes", Mapping[str, DirectRoute])


def _ignore(source: str, path: str, status: int, seconds: float) -> None:
    """Observe no response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundAddress:
    """Where requests are accepted."""

    host: str
    port: int  # the one that was found, where 0 was asked for

    @property
    def address(self) -> str:
        """As http://127.0.0.1:8080."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


@asynccontextmanager
async def serve(
    app: web.Application,
    error_formatter: ErrorFormatter,
    host: str,
    port: int,
    limits: ConnectionLimits = _DEFAULT,
    *,
    answered: ResponseObserver = _ignore,
) -> AsyncIterator[BoundAddress]:
    """Accept requests until the block ends, and answer those in flight. Raises OSError for a taken port."""
    limits = within_descriptors(limits)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_TIMEOUT)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 - setup made it
    direct_routes = app.get(DIRECT_ROUTES, {})
    server.request_handler = RequestAnswerer(
        error_formatter, server.request_handler, direct_routes, answered
    ).answer
    open_connections: dict[LimitedConnection, None] = {}
    try:
        with accept_failures_logged_once_a_minute():
            sockets = await asyncio.get_running_loop().create_server(
                lambda: LimitedConnection(server, limits, open_connections), host, port, backlog=_BACKLOG
            )
            try:
                yield BoundAddress(host=host, port=sockets.sockets[0].getsockname()[1])
            finally:
                sockets.close()
    finally:
        await runner.cleanup()


class RequestAnswerer:
    """Answers every request: by the direct route of its path, or else by the application.

    Failures become errors in the format of the path's source: aiohttp refuses some requests before any
    middleware of the application runs.
    """

    def __init__(
        self,
        error_formatter: ErrorFormatter,
        application: Handler,
        direct_routes: Mapping[str, DirectRoute],
        answered: ResponseObserver,
    ) -> None:
        self._error_formatter = error_formatter
        self._application = application
        self._direct_routes = direct_routes
        self._answered = answered

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, and report how long it took from the end of its head."""
        connection = cast(LimitedConnection, request.protocol)
        connection.is_handling = True  # so that it is not evicted for another
        begun = time.perf_counter()
        try:
            route = self._direct_routes.get(request.raw_path)
            if route is None or request.method != route.method or hdrs.EXPECT in request.headers:
                return await self._answer_by_application(request, begun)
            try:
                response = await route.handler(request)
            # Whatever fails is answered in the format of the path, and logged there.
            except Exception as error:
                response = error_response(self._error_formatter, request, route.path, error)
                _add_rate_limit_headers(request, response)
            self._answered(route.source, route.path, response.status, time.perf_counter() - begun)
            return response
        finally:
            connection.is_handling = False

    async def _answer_by_application(self, request: web.BaseRequest, begun: float) -> web.StreamResponse:
        try:
            request = with_one_spelling(self._error_formatter, request)
            response = await self._application(request)
        # Whatever fails is answered in the format of the path, and logged there.
        except Exception as error:
            response = error_response(self._error_formatter, request, route_template(request), error)
        _add_rate_limit_headers(request, response)
        source = self._error_formatter.source_name_for(request.path)
        self._answered(source, route_template(request), response.status, time.perf_counter() - begun)
        return response


def _add_rate_limit_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    limit = request.get(RATE_LIMIT_HEADERS)
    if limit is not None:
        response.headers.update(limit.fields)


def with_one_spelling(error_formatter: ErrorFormatter, request: web.BaseRequest) -> web.BaseRequest:
    """Accept doubled and trailing slashes in a source's paths; match every other path by its exact spelling.

    A proxy that keeps /metrics from the internet compares what was sent: `//metrics` and `/%6detrics`
    must not be the same path here.
    """
    url = request.rel_url
    path = url.raw_path
    if "//" not in path and "%" not in path and path[-1:] != "/":
        return request
    tidy = _SLASHES.sub("/", path).rstrip("/") or "/"
    in_source = url.with_path(tidy, encoded=True, keep_query=True)
    if error_formatter.source_name_for(in_source.path):
        return request.clone(rel_url=in_source)
    literal = path.replace("%", "%25")  # decoded again by the router
    return request.clone(rel_url=url.with_path(literal, encoded=True, keep_query=True))
