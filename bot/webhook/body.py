"""Read a request's body: bounded in size, inflated, in UTF-8."""

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from bot.sources.contract import ApiError
from bot.webhook.errors import api_error
from bot.webhook.guard import LIMITS

_CONTENT_ENCODINGS = ("", "identity", "gzip", "deflate")  # those that games send; aiohttp inflates them

# Named one by one: some of Python's codecs take minutes, some are no text, and each name looked up is cached.
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be")},
}


async def read_body(request: web.Request) -> bytes:
    """The whole body, inflated, in UTF-8. Raises ApiError."""
    limit = request.app[LIMITS].body_bytes
    if (request.content_length or 0) > limit:
        raise api_error(413)
    if request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower() not in _CONTENT_ENCODINGS:
        raise api_error(415)
    try:
        body = await _read_all(request.content, limit)
    except TimeoutError as error:
        raise api_error(408) from error
    # HttpProcessingError: from the parser that aiohttp falls back to where it has no compiled one.
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise ApiError(400, "The body is damaged or incomplete.") from error
    # The usual header is not parsed each time.
    is_json = request.headers.get(hdrs.CONTENT_TYPE) == "application/json"
    return body if is_json else _to_utf8(body, request.charset)


async def _read_all(content: StreamReader, limit: int) -> bytes:
    """Most bodies arrive in one part."""
    first = await content.readany()
    if content.at_eof() and len(first) <= limit:
        return first
    body = bytearray(first)
    while len(body) <= limit and (part := await content.readany()):
        body += part
    if len(body) > limit:
        raise api_error(413)
    return bytes(body)


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
