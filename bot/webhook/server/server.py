"""The HTTP server: binds an address and serves the application within limits, its failures in JSON."""

import asyncio
import logging
import re
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from bot.webhook.errors import api_error, error_middleware, route_template
from bot.webhook.health import ResponseObserver
from bot.webhook.responses import ErrorFormatter
from bot.webhook.server.connection import LimitedConnection
from bot.webhook.server.descriptors import accept_failures_logged_once_a_second, within_descriptors
from bot.webhook.server.limits import ConnectionLimits

_log = logging.getLogger(__name__)

_SHUTDOWN_TIMEOUT = 4.0  # seconds that requests in flight are given at the end
# Clients that wait to be accepted. asyncio accepts as many in one go, and each of them is a descriptor before
# `LimitedConnection` can turn it away. Where it is full, the client's system tries again after a second.
_BACKLOG = 128
_SLASHES = re.compile(r"//+")
_DEFAULT = ConnectionLimits()

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


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
    answered: ResponseObserver | None = None,
) -> AsyncIterator[BoundAddress]:
    """Accept requests until the block ends, and answer those in flight. Raises OSError for a taken port."""
    limits = within_descriptors(limits)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_TIMEOUT)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 - setup made it
    server.request_handler = _middlewares(error_formatter, server.request_handler, answered)
    open_connections: dict[LimitedConnection, None] = {}
    try:
        with accept_failures_logged_once_a_second():
            sockets = await asyncio.get_running_loop().create_server(
                lambda: LimitedConnection(server, limits, open_connections), host, port, backlog=_BACKLOG
            )
            try:
                yield BoundAddress(host=host, port=sockets.sockets[0].getsockname()[1])
            finally:
                sockets.close()
    finally:
        await runner.cleanup()


def _middlewares(
    error_formatter: ErrorFormatter, handler: _Handler, answered: ResponseObserver | None
) -> _Handler:
    """`handler`, which is the application: aiohttp refuses some requests before any middleware in it runs."""
    handler = _failure_middleware(error_formatter, error_middleware(error_formatter, handler))
    if answered is not None:
        handler = _timing_middleware(error_formatter, handler, answered)
    return _busy_middleware(_path_middleware(error_formatter, handler))


def _busy_middleware(handler: _Handler) -> _Handler:
    """Mark the connection while a handler works on its request, so that it is not evicted for another."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        connection = cast(LimitedConnection, request.protocol)
        connection.is_handling = True
        try:
            return await handler(request)
        finally:
            connection.is_handling = False

    return answer


def _failure_middleware(error_formatter: ErrorFormatter, handler: _Handler) -> _Handler:
    """Answer 500 in the error format of the path for an exception that nothing else handled."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:  # a bug: the sender is to get an answer all the same
            _log.error("%s %s failed: %s", request.method, route_template(request), _error_location(error))
            response = error_formatter.to_response(request.path, api_error(500))
            response.force_close()
            return response

    return answer


def _timing_middleware(
    error_formatter: ErrorFormatter, handler: _Handler, answered: ResponseObserver
) -> _Handler:
    """Report each response, and the time it took from the head of its request on."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        begun = time.perf_counter()
        response = await handler(request)
        seconds = time.perf_counter() - begun
        answered(
            error_formatter.source_name_for(request.path), route_template(request), response.status, seconds
        )
        return response

    return answer


def _path_middleware(error_formatter: ErrorFormatter, handler: _Handler) -> _Handler:
    """Accept doubled and trailing slashes in a source's paths; match every other path by its exact spelling.

    A proxy that keeps /metrics from the internet compares what was sent: `//metrics` and `/%6detrics`
    must not be the same path here.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if "//" in path or "%" in path or path[-1:] == "/":
            request = _with_one_spelling(error_formatter, request)
        return await handler(request)

    return answer


def _with_one_spelling(error_formatter: ErrorFormatter, request: web.BaseRequest) -> web.BaseRequest:
    url = request.rel_url
    tidy = _SLASHES.sub("/", url.raw_path).rstrip("/") or "/"
    in_source = url.with_path(tidy, encoded=True, keep_query=True)
    if error_formatter.source_name_for(in_source.path):
        return request.clone(rel_url=in_source)
    literal = url.raw_path.replace("%", "%25")  # decoded again by the router
    return request.clone(rel_url=url.with_path(literal, encoded=True, keep_query=True))


def _error_location(error: BaseException) -> str:
    """What went wrong and in which lines, without the error's words: they may be a player's."""
    frames = traceback.extract_tb(error.__traceback__)
    places = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:])
    return f"{type(error).__name__} at {places}"
