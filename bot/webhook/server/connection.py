"""One client's connection: bounded in time, size and number, and answered even if it speaks no HTTP."""

import asyncio
import logging
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import cast

from aiohttp import hdrs, web
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from bot.sources import Refused
from bot.webhook.answers import Answer, Envelopes
from bot.webhook.refusals import asked_path, refusal
from bot.webhook.server.limits import Deadline, Limits
from bot.webhook.server.parser import Wire

_log = logging.getLogger(__name__)

_CROWDED = Refused(503, "Too many connections. Try again in a moment.", retry_after=5)


class Connection(web.RequestHandler):
    """aiohttp's connection, held to `Limits`."""

    __slots__ = (
        "_envelopes",
        "_finished",
        "_gone",
        "_has_served",
        "_limits",
        "_parting",
        "_unsent",
        "_way_out",
        "_wire",
    )

    def __init__(self, server: web.Server, envelopes: Envelopes, limits: Limits) -> None:
        # Made here and not by the server, which drops every setting in silence if one is misspelt.
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_seconds,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own word for "off"
            max_line_size=limits.target_bytes,
            max_headers=limits.headers,
            max_field_size=limits.header_bytes,
            read_bufsize=limits.unread_bytes,
            lingering_time=0.0,  # aiohttp would inflate what it throws away: see _part
        )
        self._envelopes = envelopes
        self._limits = limits
        self._unsent = Deadline(loop)
        self._gone: asyncio.Future[None] = loop.create_future()
        # Kept until it is closed; aiohttp's own is let go before.
        self._way_out: asyncio.Transport | None = None
        self._finished = False  # the client says that it will send nothing more
        self._has_served = False
        self._parting = False
        assert self._parser is not None  # noqa: S101 - made a moment ago
        self._wire = Wire(
            self._parser,
            limits,
            loop=loop,
            wake=lambda: self.data_received(b""),
            silent=self.force_close,
            begun=self._is_not_idle,
        )
        self._parser = self._wire  # type: ignore[assignment]  # all of it that a connection calls

    @property
    def is_idle(self) -> bool:
        """Whether nothing is owed to it: no answer to a request, nor to one whose body is on its way."""
        if self.transport is None:
            return False  # it is closing already
        answering = self._current_request is not None or bool(self._messages) or self._wire.in_a_body
        return self._parting or not answering

    @property
    def is_known(self) -> bool:
        """Whether it has ever sent a whole request."""
        return self._has_served and not self._parting

    @property
    def target(self) -> bytes:
        """What the latest request that is no HTTP seems to have asked for; b"" if that cannot be told."""
        return self._wire.target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, or turn it away if the house is full."""
        assert self._manager is not None  # noqa: S101 - until the connection is lost
        crowd = self._manager.connections
        if len(crowd) >= self._limits.connections and not _make_room(crowd):
            door = cast(asyncio.Transport, transport)
            door.write(_written(self._envelopes.refuse("/", _CROWDED)))
            door.close()
            return
        self._way_out = cast(asyncio.Transport, transport)
        super().connection_made(transport)
        self._wire.open()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._wire.end()
        self._unsent.disarm()
        if not self._gone.done():
            self._gone.set_result(None)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's contract, which aiohttp narrows
        """Whether to stay: for the answers to whole requests, and not for one that stops in the middle."""
        self._finished = True
        idle = self._waiter is not None and not self._messages
        return not (idle or self._wire.in_the_middle or self._wire.ended)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp asks for it with every part of a body that is read, and would parse nothing once more."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent.arm(self._limits.answer_seconds, self._cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unsent.disarm()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; part after it, if the rest of the request cannot be read or is not wanted."""
        unread = not request.content.is_eof()
        parting = unread or (self._wire.ended and not self._messages)
        if parting or (self._finished and not self._messages):
            resp.force_close()
        answered = await super().finish_response(request, resp, start_time)
        self._has_served = True
        if self._way_out is not None and self._way_out.get_write_buffer_size():
            self._unsent.arm(self._limits.answer_seconds, self._cut)
        if parting:
            await self._part()
        return answered

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and what nobody foresaw. `message` quotes the client, and goes nowhere."""
        if status >= 500 and not isinstance(exc, ConnectionError):
            _log.error("%s %s failed: %s", request.method, asked_path(request), _where(exc))
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer is sent already")
        if isinstance(exc, ContentEncodingError):
            status = 415  # aiohttp knows it, and has nothing to inflate it with
        elif isinstance(exc, HttpProcessingError):
            status = exc.code
        answer = self._envelopes.refuse(request.path, refusal(min(status, 500)))
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **kwargs: object) -> None:
        """What fails after the answer was sent. That the rest of a bad body cannot be read is no news."""
        error = kwargs.get("exc_info")
        if isinstance(error, BaseException) and not isinstance(error, web.RequestPayloadError):
            _log.error("a connection failed: %s", _where(error))

    def _is_not_idle(self) -> None:
        """A request has begun, which has its own time: the one for idle connections is put off."""
        self._next_keepalive_close_time = self._loop.time() + self._limits.head_seconds + 1

    async def _part(self) -> None:
        """Hang up, but hear the client out for a moment.

        To close while it still sends would make the kernel take back the answer. What it sends is thrown away
        as it comes: parsing and inflating it would keep everyone else waiting.
        """
        self._wire.end()
        self._parting = True
        transport = self.transport
        if transport is not None:
            with suppress(OSError):  # it is gone already
                transport.write_eof()
            transport.resume_reading()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.parting_seconds):
                    await self._gone
        self.force_close()

    def _cut(self) -> None:
        """Whoever does not take its answers has no more of our time. What the kernel took is sent."""
        if self._way_out is not None and self._way_out.get_write_buffer_size():
            self._way_out.abort()


def _make_room(crowd: Iterable[web.RequestHandler]) -> bool:
    """Let go of one connection that only waits: or a few hundred silent clients could keep all others out."""
    idle = [one for one in crowd if isinstance(one, Connection) and one.is_idle]  # the oldest first
    leaving = next((one for one in idle if not one.is_known), None) or next(iter(idle), None)
    if leaving is None:
        return False
    leaving.force_close()
    return True


def _written(answer: Answer) -> bytes:
    """An answer as bytes, for a client that has no request yet."""
    assert isinstance(answer.body, bytes)  # noqa: S101 - JSON, encoded when it was made
    answer.headers[hdrs.CONNECTION] = "close"
    answer.headers[hdrs.CONTENT_LENGTH] = str(len(answer.body))
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{k}: {v}" for k, v in answer.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + answer.body


def _where(error: BaseException | None) -> str:
    """What went wrong and in which line, without the error's words: they may be a player's."""
    if error is None:
        return "no answer in time"
    frames = traceback.extract_tb(error.__traceback__)
    places = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:])
    return f"{type(error).__name__} at {places}"
