"""Read a request's body: bounded in size, inflated, in UTF-8."""

from aiohttp import hdrs, web

from bot.sources.contract import ApiError
from bot.webhook.errors import api_error
from bot.webhook.server.body import CODINGS, BodyBroken, BodyTooLarge, receive_body
from bot.webhook.server.limits import LIMITS

# Named one by one: some of Python's codecs take minutes, some are no text, and each name looked up is cached.
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be")},
}


async def read_body(request: web.Request) -> bytes:
    """The whole body, inflated, in UTF-8. Raises ApiError."""
    limits = request.app[LIMITS]
    if (request.content_length or 0) > limits.body_bytes:
        raise api_error(413)
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
    if coding not in CODINGS:
        raise api_error(415)
    try:
        body = await receive_body(request.content, coding, limits)
    except TimeoutError as error:
        raise api_error(408) from error
    except BodyTooLarge as error:
        raise api_error(413) from error
    except BodyBroken as error:
        raise ApiError(400, "The body is damaged or incomplete.") from error
    # The usual header is not parsed each time.
    is_json = request.headers.get(hdrs.CONTENT_TYPE) == "application/json"
    return body if is_json else _to_utf8(body, request.charset)


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
