"""Read a request's body: bounded in bytes and seconds, inflated, as JSON in UTF-8 or in another codec."""

import asyncio
import zlib

from aiohttp import StreamReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.sources.contract import ApiError, Codec
from bot.webhook.errors import api_error
from bot.webhook.server.connection import limits_of
from bot.webhook.server.limits import ConnectionLimits

_BINARY_TYPES = ("application/octet-stream",)  # also of a body without Content-Type
_CODINGS = ("", "identity", "gzip", "deflate")  # of Content-Encoding

# Named one by one: some of Python's codecs take minutes, some are no text, and each name looked up is cached.
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be")},
}


class BodyTooLarge(Exception):
    """The body has more bytes than the limit, as sent or after inflation."""


class BodyBroken(Exception):
    """The body is damaged, or the client went away before its end."""


async def read_body(request: web.BaseRequest, codec: Codec | None = None) -> bytes:
    """The whole body, inflated; in UTF-8 if there is no codec, and so JSON is wanted. Raises ApiError."""
    if codec is None:
        body = await _read_inflated(request)
        # The usual header is not parsed each time.
        is_usual = request.headers.get(hdrs.CONTENT_TYPE) == "application/json"
        return body if is_usual else _to_utf8(body, request.charset)
    is_usual = request.headers.get(hdrs.CONTENT_TYPE) == codec.content_type
    if not is_usual and request.content_type not in (codec.content_type, *_BINARY_TYPES):
        raise ApiError(415, f"The body must be {codec.content_type}.")
    return await _read_inflated(request)


def decode_body(codec: Codec | None, body: bytes) -> bytes:
    """The JSON text of a body. Raises ApiError(400) for bytes that the codec cannot decode."""
    return body if codec is None else codec.decode(body)


def ensure_acceptable(request: web.BaseRequest, codec: Codec | None) -> None:
    """Raises ApiError(406) if the client does not accept the codec's responses. JSON is sent to every one."""
    if codec is None or request.headers.get(hdrs.ACCEPT) == codec.content_type:
        return
    ranges = ",".join(request.headers.getall(hdrs.ACCEPT, ())).lower().split(",")
    accepted = {one.partition(";")[0].strip() for one in ranges} - {""}
    if accepted and accepted.isdisjoint({codec.content_type, "application/*", "*/*"}):
        raise ApiError(406, f"The response is {codec.content_type}, which Accept does not name.")


async def _read_inflated(request: web.BaseRequest) -> bytes:
    """The whole body, inflated. Raises ApiError."""
    limits, headers = limits_of(request), request.headers
    if headers.get(hdrs.TRANSFER_ENCODING, "chunked").strip().lower() != "chunked":
        raise ApiError(400, "The body has a Transfer-Encoding besides chunked. Use Content-Encoding: gzip.")
    if (request.content_length or 0) > limits.body_bytes:
        raise api_error(413)
    coding = headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
    if coding not in _CODINGS:
        raise api_error(415)
    try:
        body = await _receive(request.content, limits)
        return _inflate(body, coding, limits.body_bytes) if coding in ("gzip", "deflate") and body else body
    except TimeoutError as error:
        raise api_error(408) from error
    except BodyTooLarge as error:
        raise api_error(413) from error
    except BodyBroken as error:
        raise ApiError(400, "The body is damaged or incomplete.") from error


def _to_utf8(body: bytes, charset: str | None) -> bytes:
    name = _CHARSETS.get((charset or "utf-8").lower().replace("_", "-"))
    if name is None:
        raise ApiError(400, "The body is in an unknown charset. Send UTF-8.")
    if name == "utf-8":
        return body  # parsing checks it
    try:
        return body.decode(name).encode()
    except ValueError as error:
        raise ApiError(400, "The body is not in the charset it names. Send UTF-8.") from error


async def _receive(content: StreamReader, limits: ConnectionLimits) -> bytes:
    """Return the whole body as sent. Raises BodyTooLarge, BodyBroken, and TimeoutError for a slow one."""
    try:
        # All of it came with the head, as nearly always.
        body = content.read_nowait() if content.is_eof() else await _read(content, limits)
    except TimeoutError:
        raise
    # HttpProcessingError: from the parser that aiohttp falls back to where it has no compiled one.
    except (OSError, web.RequestPayloadError, HttpProcessingError) as error:
        raise BodyBroken from error
    if len(body) > limits.body_bytes:
        raise BodyTooLarge
    return body


async def _read(content: StreamReader, limits: ConnectionLimits) -> bytes:
    body = bytearray()
    async with asyncio.timeout(limits.body_seconds):
        while len(body) <= limits.body_bytes and (part := await content.readany()):
            body += part
    return bytes(body)


def _inflate(packed: bytes, coding: str, limit: int) -> bytes:
    inflater = zlib.decompressobj(_window_bits(packed, coding))
    try:
        body = inflater.decompress(packed, limit + 1)
    except zlib.error as error:
        raise BodyBroken from error
    if len(body) > limit:
        raise BodyTooLarge
    if not inflater.eof or inflater.unused_data:
        raise BodyBroken
    return body


def _window_bits(packed: bytes, coding: str) -> int:
    """As zlib counts them; some clients send "deflate" without zlib's header, as browsers accept it."""
    if coding == "gzip":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if packed[0] & 0xF == 8 else -zlib.MAX_WBITS
