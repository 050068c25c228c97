"""Bodies that cannot be read, and everything else that gets no ticket: one refusal each, in plain words."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus

from aiohttp import hdrs, web

from bot.sources import ApiError
from bot.tickets.errors import (
    IdempotencyKeyReused,
    OpenTicketLimitReached,
    TicketError,
    UnknownCategory,
    UnknownTicket,
)
from bot.webhook.responses import ErrorFormatter, JsonResponse
from bot.webhook.server.body import CODINGS, BodyBroken, BodyTooLarge, receive_body
from bot.webhook.server.limits import LIMITS
from storage import Overloaded, StorageError

_log = logging.getLogger(__name__)

# Of a request: what its sender is told of its limit.
RATE_LIMIT_HEADERS = web.RequestKey("limit_headers", Mapping[str, str])
_RETRY_AFTER_SECONDS = 5  # seconds, when the database failed

# Named one by one: Python knows some that take minutes to decode, some that are no text, and remembers for
# ever every name that it was asked for.
_CHARSETS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1"), "latin-1"),
    **dict.fromkeys(("windows-1252", "cp1252"), "cp1252"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be")},
}

_MESSAGES = {
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
_DEFAULT_ERRORS: Mapping[type[TicketError], ApiError] = {
    UnknownTicket: ApiError(404, "Ticket not found"),
    IdempotencyKeyReused: ApiError(422, ""),
    UnknownCategory: ApiError(400, ""),
    OpenTicketLimitReached: ApiError(400, ""),
}
_FALLBACK_ERROR = ApiError(409, "")

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def api_error(status: int) -> ApiError:
    """The refusal for an HTTP status, when there is no more to say than that."""
    return ApiError(status, _MESSAGES.get(status) or f"{HTTPStatus(status).phrase}.")


def route_template(request: web.BaseRequest) -> str:
    """The path as the routes have it: what a sender puts into one may be a key, or words."""
    route = getattr(request, "match_info", None)
    resource = route.route.resource if route is not None else None
    return resource.canonical if resource is not None else "an unknown path"


def map_ticket_error(
    error: TicketError, error_maps: Iterable[Mapping[type[TicketError], ApiError]]
) -> ApiError:
    """A refusal as the first table that knows it puts it; an empty message stands for the refusal's own."""
    for table in (*error_maps, _DEFAULT_ERRORS):
        if type(error) in table:
            return _with_message(table[type(error)], error)
    return _with_message(_FALLBACK_ERROR, error)


def _with_message(template: ApiError, error: TicketError) -> ApiError:
    return ApiError(template.status, template.message or str(error), body=template.body)


def error_middleware(error_formatter: ErrorFormatter, handler: _Handler) -> _Handler:
    """`handler`, its refusals, its failures and those of aiohttp worn in the envelope of their path."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        told = await attempt(request)
        told.headers.update(request.get(RATE_LIMIT_HEADERS, {}))
        return told

    async def attempt(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as refused:
            return _error_response(error_formatter, request, refused)
        except web.HTTPException as error:
            answer = _error_response(error_formatter, request, api_error(error.status))
            if hdrs.ALLOW in error.headers:
                answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
            return answer
        except StorageError as error:
            _log.error("%s %s: %s", request.method, route_template(request), error)
            status = 503 if isinstance(error, Overloaded) else 500
            return _error_response(
                error_formatter,
                request,
                ApiError(status, _MESSAGES[status], retry_after=_RETRY_AFTER_SECONDS),
            )

    return answer


async def read_body(request: web.Request) -> bytes:
    """The whole body, inflated, in UTF-8. Raises Refused."""
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
    # What nearly everybody sends is not taken apart each time.
    usual = request.headers.get(hdrs.CONTENT_TYPE) == "application/json"
    return body if usual else _to_utf8(body, request.charset)


def _error_response(
    error_formatter: ErrorFormatter, request: web.BaseRequest, error: ApiError
) -> JsonResponse:
    answer = error_formatter.to_response(request.path, error)
    if error.status in (408, 413):
        answer.force_close()  # the rest of the body is not wanted
    return answer


def _to_utf8(body: bytes, charset: str | None) -> bytes:
    name = _CHARSETS.get((charset or "utf-8").lower().replace("_", "-"))
    if name is None:
        raise ApiError(400, "The body is in an unknown charset. Send UTF-8.")
    if name == "utf-8":
        return body  # as it is read, it is checked
    try:
        return body.decode(name).encode()
    except ValueError as error:
        raise ApiError(400, "The body is not in the charset it names. Send UTF-8.") from error
