"""Read and inflate a request's body, bounded in bytes and seconds."""

import asyncio
import zlib

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.webhook.server.limits import ConnectionLimits

CODINGS = ("", "identity", "gzip", "deflate")  # of Content-Encoding


class BodyTooLarge(Exception):
    """The body has more bytes than the limit, as sent or after inflation."""


class BodyBroken(Exception):
    """The body is damaged, or the client went away before its end."""


async def receive_body(content: StreamReader, coding: str, limits: ConnectionLimits) -> bytes:
    """Return the whole body, inflated. Raises BodyTooLarge, BodyBroken, and TimeoutError for a slow one."""
    try:
        body = await _read(content, limits)
    except TimeoutError:
        raise
    # HttpProcessingError: from the parser that aiohttp falls back to where it has no compiled one.
    except (OSError, web.RequestPayloadError, HttpProcessingError) as error:
        raise BodyBroken from error
    return _inflate(body, coding, limits.body_bytes) if coding in ("gzip", "deflate") and body else body


async def _read(content: StreamReader, limits: ConnectionLimits) -> bytes:
    if content.is_eof():  # all of it came with the head, as nearly always
        body = bytearray(content.read_nowait())
    else:
        body = bytearray()
        async with asyncio.timeout(limits.body_seconds):
            while len(body) <= limits.body_bytes and (part := await content.readany()):
                body += part
    if len(body) > limits.body_bytes:
        raise BodyTooLarge
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
