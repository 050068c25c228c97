"""The listening socket: what happens to a request before the application has it, and when all else failed."""

import asyncio
import logging
import re
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from bot.webhook.answers import Envelopes
from bot.webhook.refusals import refusal, refusing

_log = logging.getLogger(__name__)

_KEEPALIVE = 15.0  # seconds an idle connection stays open
_FAREWELL = 4.0  # seconds that requests in flight are given at the end
_SLASHES = re.compile(r"//+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where requests are accepted."""

    host: str
    port: int  # the one that was found, where 0 was asked for

    @property
    def address(self) -> str:
        """As http://127.0.0.1:8080."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_envelopes",)

    def __init__(self, server: web.Server, envelopes: Envelopes) -> None:
        # Made here and not by the server, which drops every setting in silence if one is misspelt.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=_KEEPALIVE,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own word for "off"
        )
        self._envelopes = envelopes

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and what nobody foresaw. `message` quotes the client, and goes nowhere."""
        if status >= 500 and not isinstance(exc, ConnectionError):
            _log.error("%s %s failed: %s", request.method, request.path, _where(exc))
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer is sent already")
        answer = self._envelopes.refuse(request.path, refusal(min(status, 500)))
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kwargs: object) -> None:
        """What fails after the answer was sent. That the rest of a bad body cannot be read is no news."""
        error = kwargs.get("exc_info")
        if isinstance(error, BaseException) and not isinstance(error, web.RequestPayloadError):
            _log.error("a connection failed: %s", _where(error))


class TidyRequests:
    """Makes requests as `server` does, their paths without doubled or trailing slashes."""

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
        path = message.url.raw_path
        tidy = _SLASHES.sub("/", path).rstrip("/") or "/"
        if tidy != path:
            url = message.url.with_path(tidy, encoded=True, keep_query=True)
            message = message._replace(path=str(url), url=url)
        return self._make(message, payload, protocol, writer, task)


@asynccontextmanager
async def listen(
    app: web.Application, envelopes: Envelopes, host: str, port: int
) -> AsyncIterator[Listening]:
    """Accept requests until the block ends, and answer those in flight. Raises OSError for a taken port."""
    runner = web.AppRunner(app, shutdown_timeout=_FAREWELL)
    await runner.setup()
    server = runner.server
    assert server is not None  # noqa: S101 - setup made it
    server.request_factory = TidyRequests(server)
    # Around the application and not a middleware in it: aiohttp refuses some requests before any middleware.
    server.request_handler = refusing(envelopes, server.request_handler)
    try:
        sockets = await asyncio.get_running_loop().create_server(
            lambda: Connection(server, envelopes), host, port
        )
        try:
            yield Listening(host=host, port=sockets.sockets[0].getsockname()[1])
        finally:
            sockets.close()
    finally:
        await runner.cleanup()


def _where(error: BaseException | None) -> str:
    """What went wrong and in which line, without the error's words: they may be a player's."""
    if error is None:
        return "no answer in time"
    frames = traceback.extract_tb(error.__traceback__)
    places = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:])
    return f"{type(error).__name__} at {places}"
