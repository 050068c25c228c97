"""The listening socket: where requests are accepted, and what is done to them before the application."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import ERROR

from bot.webhook.answers import Envelopes
from bot.webhook.health import Answered
from bot.webhook.refusals import asked_path, refusing
from bot.webhook.server.connection import Connection
from bot.webhook.server.limits import LIMITS, Limits

_FAREWELL = 4.0  # seconds that requests in flight are given at the end
_BACKLOG = 1024  # clients that wait to be let in; whoever finds it full hangs, and hears nothing
_SLASHES = re.compile(r"//+")
_DEFAULT = Limits()

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where requests are accepted."""

    host: str
    port: int  # the one that was found, where 0 was asked for

    @property
    def address(self) -> str:
        """As http://127.0.0.1:8080."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class TidyRequests:
    """Makes requests as `server` does, their paths without doubled or trailing slashes.

    What is no HTTP has the path it seems to have asked for, so that it is refused by that path's owner.
    """

    def __init__(self, server: web.Server) -> None:
        self._make = server.request_factory

    def __call__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if message is ERROR and isinstance(protocol, Connection):
            message = _guessed(protocol.target)
        path = message.url.raw_path
        if "//" in path or path[-1:] == "/":
            tidy = _SLASHES.sub("/", path).rstrip("/") or "/"
            url = message.url.with_path(tidy, encoded=True, keep_query=True)
            message = message._replace(path=str(url), url=url)
        return self._make(message, payload, protocol, writer, task)


@asynccontextmanager
async def listen(
    app: web.Application,
    envelopes: Envelopes,
    host: str,
    port: int,
    limits: Limits = _DEFAULT,
    *,
    answered: Answered | None = None,
) -> AsyncIterator[Listening]:
    """Accept requests until the block ends, and answer those in flight. Raises OSError for a taken port."""
    app[LIMITS] = limits
    runner = web.AppRunner(app, shutdown_timeout=_FAREWELL)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 - setup made it
    server.request_factory = TidyRequests(server)
    # Around the application and not a middleware in it: aiohttp refuses some requests before any middleware.
    server.request_handler = refusing(envelopes, server.request_handler)
    if answered is not None:
        server.request_handler = _counting(envelopes, server.request_handler, answered)
    try:
        sockets = await asyncio.get_running_loop().create_server(
            lambda: Connection(server, envelopes, limits), host, port, backlog=_BACKLOG
        )
        try:
            yield Listening(host=host, port=sockets.sockets[0].getsockname()[1])
        finally:
            sockets.close()
    finally:
        await runner.cleanup()


def _counting(envelopes: Envelopes, handler: _Handler, answered: Answered) -> _Handler:
    """`handler`, and each of its answers told with the time it took from the head of its request on."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        begun, status = time.perf_counter(), 500  # what a request gets whose handler fails
        try:
            told = await handler(request)
            status = told.status
            return told
        finally:
            seconds = time.perf_counter() - begun
            answered(envelopes.owner_of(request.path), asked_path(request), status, seconds)

    return answer


def _guessed(target: bytes) -> RawRequestMessage:
    """aiohttp's stand-in for a request that cannot be parsed, at the path of `target` if it names one."""
    path = target.partition(b"?")[0].partition(b"#")[0].decode("utf-8", "surrogateescape")
    if not path.startswith("/"):
        return ERROR
    return ERROR._replace(path=path, url=ERROR.url.with_path(path, encoded=True))
