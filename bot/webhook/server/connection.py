"""Limits on a client's connection: time to send a request's head, time to take a response, how many are open.

aiohttp does the rest by its settings: sizes of a head, idle time between requests, lingering after an error.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.webhook.errors import api_error
from bot.webhook.responses import JsonResponse, default_error_body
from bot.webhook.server.aiohttp_private import is_waiting_for_request
from bot.webhook.server.limits import ConnectionLimits, Timer

_log = logging.getLogger(__name__)


def _raw_response(status: int, reason: str, message: str) -> bytes:
    """A response for a client without a request: no path says whose error format it expects."""
    body = json.dumps({"success": False, "error": {"code": status, "message": message}}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Retry-After: 5\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_SLOW = _raw_response(408, "Request Timeout", "The request did not arrive in time.")
_TOO_MANY = _raw_response(503, "Service Unavailable", "Too many connections. Try again in a moment.")


class LimitedConnection(web.RequestHandler):
    """aiohttp's connection, held to `ConnectionLimits`."""

    __slots__ = (
        "_client",
        "_head_timer",
        "_is_known",
        "_open",
        "_response_timer",
        "is_handling",
        "limits",
    )

    def __init__(
        self, server: web.Server, limits: ConnectionLimits, open_connections: "dict[LimitedConnection, None]"
    ) -> None:
        """`open_connections`, the oldest first, are those of the whole server; it adds and removes itself."""
        loop = asyncio.get_running_loop()
        # Made here and not by the server, which drops every setting in silence if one is misspelt.
        super().__init__(
            server,
            loop=loop,
            logger=_log,
            keepalive_timeout=limits.idle_seconds,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own word for "off"
            max_line_size=limits.target_bytes,
            max_headers=limits.headers,
            max_field_size=limits.header_bytes,
            read_bufsize=limits.unread_bytes,
            lingering_time=limits.lingering_seconds,
            auto_decompress=False,  # or what is thrown away would be inflated: see body.py
        )
        self.limits = limits
        self._open = open_connections
        self._client: asyncio.Transport | None = None  # kept until it is closed; aiohttp's own is not
        self._head_timer = Timer(loop)
        self._response_timer = Timer(loop)
        self._is_known = False  # has sent a whole head
        self.is_handling = False  # a handler is at work on a request of it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the client; with 503 if all connections are busy."""
        client = cast(asyncio.Transport, transport)
        if len(self._open) >= self.limits.connections and not _evict_one(self._open):
            client.write(_TOO_MANY)
            client.close()
            return
        client.set_write_buffer_limits(high=0)  # writing is paused while the client has anything to take
        self._client = client
        self._open[self] = None
        super().connection_made(transport)
        self._head_timer.start(self.limits.head_seconds, self._end_slow_head)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not is_waiting_for_request(self):
            self._is_known = True
            self._head_timer.cancel()
        elif data and not self._head_timer.is_running:
            self._head_timer.start(self.limits.head_seconds, self._end_slow_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_timer.cancel()
        self._response_timer.cancel()
        self._open.pop(self, None)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._response_timer.start(self.limits.answer_seconds, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._response_timer.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, and log nothing: anyone may send it.

        aiohttp would repeat the line that it cannot read, and name itself and Python.
        """
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        response = JsonResponse(default_error_body(api_error(400)), 400)
        response.force_close()
        return response

    def eviction_rank(self) -> tuple[bool, bool]:
        """Less for what is less of a loss."""
        return self._is_known, not is_waiting_for_request(self)

    def evict(self) -> None:
        self.force_close()
        self._abort()  # or it would stay open until the client has taken what was sent

    def _end_slow_head(self) -> None:
        if self.transport is not None:
            self.transport.write(_TOO_SLOW)
            self.force_close()

    def _abort(self) -> None:
        if self._client is not None:
            self._client.abort()


def limits_of(request: web.BaseRequest) -> ConnectionLimits:
    """The limits of the connection that a request came by."""
    return cast(LimitedConnection, request.protocol).limits


def _evict_one(connections: Iterable[LimitedConnection]) -> bool:
    """Close the oldest connection that no handler works for. Return whether there was one.

    First those that never sent a request, then those that wait for one, then those that are slow to take a
    response or to end a refused request. Without this, as many silent clients as there may be connections
    would keep everyone else out.
    """
    unused = [one for one in connections if one.connected and not one.is_handling]
    leaving = min(unused, key=LimitedConnection.eviction_rank, default=None)
    if leaving is None:
        return False
    leaving.evict()
    return True
