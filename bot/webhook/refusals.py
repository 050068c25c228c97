"""Bodies that cannot be read, and everything else that gets no ticket: one refusal each, in plain words."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus

from aiohttp import hdrs, web

from bot.sources import Refused
from bot.tickets import DifferentRequest, Refusal, TooManyOpen, UnknownCategory, UnknownTicket
from bot.webhook.answers import Answer, Envelopes
from bot.webhook.server.body import CODINGS, BodyBroken, BodyTooLarge, receive_body
from bot.webhook.server.limits import LIMITS
from storage import Overloaded, StorageError

_log = logging.getLogger(__name__)

# Of a request: what its sender is told of its limit.
LIMIT_HEADERS = web.RequestKey("limit_headers", Mapping[str, str])
_RETRY_AFTER = 5  # seconds, when the database failed

# Named one by one: Python knows some that take minutes to decode, some that are no text, and remembers for
# ever every name that it was asked for.
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be")},
}

_SENTENCES = {
    400: "The request cannot be read.",
    401: "The API key is missing or not valid.",
    404: "There is nothing at this path.",
    405: "This path does not take that method.",
    408: "The request did not arrive in time.",
    413: "The body is too large: 1 MiB at most.",
    415: "The body's Content-Encoding is not known here. Send it as it is, or as gzip.",
    417: "That expectation cannot be met.",
    429: "Too many requests. Wait a moment, then try again.",
    500: "Something failed on our side. Try again in a moment.",
    503: "Too much at once. Try again in a moment.",
}

# What a ticket's or a workspace's no is, where no contract has a word for it.
_USUAL: Mapping[type[Refusal], Refused] = {
    UnknownTicket: Refused(404, "Ticket not found"),
    DifferentRequest: Refused(422, ""),
    UnknownCategory: Refused(400, ""),
    TooManyOpen: Refused(400, ""),
}
_OTHERWISE = Refused(409, "")

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def refusal(status: int) -> Refused:
    """The refusal for an HTTP status, when there is no more to say than that."""
    return Refused(status, _SENTENCES.get(status) or f"{HTTPStatus(status).phrase}.")


def asked_path(request: web.BaseRequest) -> str:
    """The path as the routes have it: what a sender puts into one may be a key, or words."""
    route = getattr(request, "match_info", None)
    resource = route.route.resource if route is not None else None
    return resource.canonical if resource is not None else "an unknown path"


def refused_as(refusal: Refusal, tables: Iterable[Mapping[type[Refusal], Refused]]) -> Refused:
    """A refusal as the first table that knows it puts it; an empty message stands for the refusal's own."""
    for table in (*tables, _USUAL):
        if type(refusal) in table:
            return _worded(table[type(refusal)], refusal)
    return _worded(_OTHERWISE, refusal)


def _worded(meant: Refused, refusal: Refusal) -> Refused:
    return Refused(meant.status, meant.message or str(refusal), body=meant.body)


def refusing(envelopes: Envelopes, handler: _Handler) -> _Handler:
    """`handler`, its refusals, its failures and those of aiohttp worn in the envelope of their path."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        told = await attempt(request)
        told.headers.update(request.get(LIMIT_HEADERS, {}))
        return told

    async def attempt(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return _worn(envelopes, request, refused)
        except web.HTTPException as error:
            answer = _worn(envelopes, request, refusal(error.status))
            if hdrs.ALLOW in error.headers:
                answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
            return answer
        except StorageError as error:
            _log.error("%s %s: %s", request.method, asked_path(request), error)
            status = 503 if isinstance(error, Overloaded) else 500
            return _worn(envelopes, request, Refused(status, _SENTENCES[status], retry_after=_RETRY_AFTER))

    return answer


async def body_of(request: web.Request) -> bytes:
    """The whole body, inflated, in UTF-8. Raises Refused."""
    limits = request.app[LIMITS]
    if (request.content_length or 0) > limits.body_bytes:
        raise refusal(413)
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
    if coding not in CODINGS:
        raise refusal(415)
    try:
        body = await receive_body(request.content, coding, limits)
    except TimeoutError as error:
        raise refusal(408) from error
    except BodyTooLarge as error:
        raise refusal(413) from error
    except BodyBroken as error:
        raise Refused(400, "The body is damaged or incomplete.") from error
    # What nearly everybody sends is not taken apart each time.
    usual = request.headers.get(hdrs.CONTENT_TYPE) == "application/json"
    return body if usual else _in_utf_8(body, request.charset)


def _worn(envelopes: Envelopes, request: web.BaseRequest, refused: Refused) -> Answer:
    answer = envelopes.refuse(request.path, refused)
    if refused.status in (408, 413):
        answer.force_close()  # the rest of the body is not wanted
    return answer


def _in_utf_8(body: bytes, charset: str | None) -> bytes:
    name = _CHARSETS.get((charset or "utf-8").lower().replace("_", "-"))
    if name is None:
        raise Refused(400, "The body is in an unknown charset. Send UTF-8.")
    if name == "utf-8":
        return body  # as it is read, it is checked
    try:
        return body.decode(name).encode()
    except ValueError as error:
        raise Refused(400, "The body is not in the charset it names. Send UTF-8.") from error
