"""The bytes of one connection on their way to the parser: how far they are, how late, and what is wrong."""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any

from aiohttp.helpers import set_exception
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import BadStatusLine, HttpProcessingError
from aiohttp.http_parser import HttpParser
from aiohttp.streams import StreamReader
from aiohttp.web import RequestPayloadError

from bot.webhook.server.limits import Deadline, Limits

_Parsed = tuple[Sequence[tuple[RawRequestMessage, StreamReader]], bool, bytes]
_NOTHING: _Parsed = ((), False, b"")
_VERSIONS = (HttpVersion10, HttpVersion11)


class _At(Enum):
    """Where in the client's sentence the next byte belongs."""

    BETWEEN = auto()  # two requests, or before the first
    HEAD = auto()
    BODY = auto()
    END = auto()  # nothing more is read


class Wire:
    """Stands where aiohttp expects its parser, and hands everything on to it.

    A head that does not end in time is told so by way of `wake`, as if the parser had found it wrong. A head
    that begins in the very segment in which the request before it ends is seen with its next byte only: until
    then it has the time of an idle connection.
    """

    def __init__(
        self,
        parser: HttpParser[Any],
        limits: Limits,
        *,
        loop: asyncio.AbstractEventLoop,
        wake: Callable[[], None],
        silent: Callable[[], None],
        begun: Callable[[], None],
    ) -> None:
        self._parser: Any = parser  # compiled, and without types
        self._limits = limits
        self._wake = wake  # calls feed_data(b"") and answers what it raises
        self._silent = silent  # a new client that said nothing at all
        self._begun = begun  # a head began that is not complete yet
        self._deadline = Deadline(loop)
        self._at = _At.BETWEEN
        self._start = b""  # of the segment or the head in which the parser may find a fault
        self._payload: StreamReader | None = None  # the latest body
        self._too_late = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is read: something was wrong, or nobody wants the rest."""
        return self._at is _At.END

    @property
    def in_the_middle(self) -> bool:
        """Whether a request has begun that has not come to its end."""
        return self._at in (_At.HEAD, _At.BODY)

    @property
    def in_a_body(self) -> bool:
        """Whether a request is there whose body is not."""
        return self._at is _At.BODY

    @property
    def target(self) -> bytes:
        """The target of the request that was refused, b"" if none can be made out."""
        words = self._start.lstrip(b"\r\n").partition(b"\n")[0].split(b" ")
        return words[1].rstrip(b"\r") if len(words) > 1 and words[0].isalpha() else b""

    def open(self) -> None:
        """A connection is there: its first request is waited for no longer than for the rest of it."""
        self._deadline.arm(self._limits.head_seconds, self._silent)

    def end(self) -> None:
        """Read nothing more; whoever waits for the rest of a body is not told."""
        self._at = _At.END
        self._deadline.disarm()

    def feed_data(self, data: bytes) -> _Parsed:
        """As the parser's own. Raises HttpProcessingError, once, for what is wrong before any body."""
        if self._at is _At.END:
            return _NOTHING
        if self._at is not _At.HEAD:
            data = _with_host(data) if self._at is _At.BETWEEN else data
            self._start = data
        elif b"\n" not in self._start and len(self._start) < self._limits.target_bytes:
            self._start += data
        try:
            if self._too_late:
                raise HttpProcessingError(code=408)
            messages, upgraded, tail = self._parser.feed_data(data)
            if any(message.version not in _VERSIONS for message, _ in messages):
                raise BadStatusLine
        except HttpProcessingError as error:
            return self._fault(error)
        self._follow(data, messages)
        return messages, upgraded, tail

    def _fault(self, error: HttpProcessingError) -> _Parsed:
        if self._at is _At.BODY:
            if self._unfinished():
                self._spoil(RequestPayloadError("the body is broken"))
                return _NOTHING
            self._start = b""  # the segment begins with a body, so that its first line is no request line
        self.end()
        raise error

    def _follow(self, data: bytes, messages: Sequence[tuple[RawRequestMessage, StreamReader]]) -> None:
        """Where the parser is now, and how long it may stay there."""
        if messages:
            self._payload = messages[-1][1]
        if self._unfinished():
            if messages:
                self._at = _At.BODY
                self._deadline.arm(self._limits.body_seconds, self._body_is_late)
        elif messages or self._at is _At.BODY:
            self._at = _At.BETWEEN
            self._deadline.disarm()
        elif data and self._at is _At.BETWEEN:
            self._at = _At.HEAD
            self._deadline.arm(self._limits.head_seconds, self._head_is_late)
            self._begun()
        if self._at is not _At.HEAD:
            self._start = b""

    def _unfinished(self) -> bool:
        return self._payload is not None and not self._payload.is_eof()

    def _head_is_late(self) -> None:
        self._too_late = True
        self._wake()

    def _body_is_late(self) -> None:
        self._spoil(TimeoutError())

    def _spoil(self, error: Exception) -> None:
        """Tell whoever reads the body, now or later, that it will not come: aiohttp does not."""
        self.end()
        if self._payload is not None:
            set_exception(self._payload, error)

    # The rest of what aiohttp asks of its parser.

    def feed_eof(self) -> None:
        self._parser.feed_eof()

    def pause_reading(self) -> None:
        self._parser.pause_reading()

    def message_consumed(self) -> None:
        self._parser.message_consumed()

    def set_upgraded(self, upgraded: bool) -> None:
        self._parser.set_upgraded(upgraded)


def _with_host(data: bytes) -> bytes:
    """A request that begins here, with an empty Host if it has none.

    Some game servers leave the header out where the address is an IP; the parser would refuse that, and no
    path here depends on it. Seen only where the whole head comes in one segment.
    """
    if data.find(b"\r\nHost: ", 0, data.find(b"\r\n\r\n")) > 0:  # as nearly everybody spells it
        return data
    line, found, rest = data.partition(b"\r\n")
    head, ends, _ = rest.partition(b"\r\n\r\n")
    if not found or not ends or not line.endswith(b" HTTP/1.1"):
        return data
    if b"\r\nhost:" in b"\r\n" + head.lower():
        return data
    return line + b"\r\nHost:\r\n" + rest
