"""Map every failure to an HTTP error: its status, its sentence, and the error format of the path."""

import logging
import traceback
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from aiohttp import hdrs, web

from bot.sources.contract import ApiError
from bot.tickets.errors import (
    IdempotencyKeyReused,
    OpenTicketLimitReached,
    TicketError,
    UnknownCategory,
    UnknownTicket,
)
from bot.webhook.responses import ErrorFormatter, JsonResponse
from storage import Overloaded, StorageError

_log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 5  # seconds, when the database failed

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

# For errors that a contract does not map. An empty message stands for the error's own sentence.
_DEFAULT_ERRORS: Mapping[type[TicketError], ApiError] = {
    UnknownTicket: ApiError(404, "Ticket not found"),
    IdempotencyKeyReused: ApiError(422, ""),
    UnknownCategory: ApiError(400, ""),
    OpenTicketLimitReached: ApiError(400, ""),
}
_FALLBACK_ERROR = ApiError(409, "")

_EXPECTED = (ApiError, web.HTTPException, StorageError)


def api_error(status: int) -> ApiError:
    """The error for an HTTP status, when there is no more to say."""
    return ApiError(status, _MESSAGES.get(status) or f"{HTTPStatus(status).phrase}.")


def route_template(request: web.BaseRequest) -> str:
    """The path with its parameters' names, for logs and metrics: their values may be keys, or words."""
    route = getattr(request, "match_info", None)
    resource = route.route.resource if route is not None else None
    return resource.canonical if resource is not None else "an unknown path"


def map_ticket_error(
    error: TicketError, error_maps: Iterable[Mapping[type[TicketError], ApiError]]
) -> ApiError:
    """Map a ticket's error by the first table that has it; else to 409 with its own sentence."""
    for table in (*error_maps, _DEFAULT_ERRORS):
        if type(error) in table:
            return _with_message(table[type(error)], error)
    return _with_message(_FALLBACK_ERROR, error)


def _with_message(template: ApiError, error: TicketError) -> ApiError:
    message = template.message or str(error)
    return ApiError(template.status, message, code=template.code, body=template.body)


def error_response(
    error_formatter: ErrorFormatter, request: web.BaseRequest, path: str, error: Exception
) -> JsonResponse:
    """Turn an exception into a response in the error format of the request's path, and log failures of ours.

    `path` is that of the route, for the log.
    """
    response = error_formatter.to_response(request.path, _to_api_error(request, path, error))
    if isinstance(error, web.HTTPException) and hdrs.ALLOW in error.headers:
        response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    if response.status in (408, 413) or not isinstance(error, _EXPECTED):
        response.force_close()  # the rest of the body is not wanted
    return response


def _to_api_error(request: web.BaseRequest, path: str, error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, web.HTTPException):
        return api_error(error.status)
    if isinstance(error, StorageError):
        status = 503 if isinstance(error, Overloaded) else 500
        _log.error("%s failed: %s", request.method, error, extra={"path": path, "status": status})
        return ApiError(status, _MESSAGES[status], retry_after=_RETRY_AFTER_SECONDS)
    # A bug: the sender is to get an answer all the same.
    _log.error("%s %s failed: %s", request.method, path, _error_location(error))
    return api_error(500)


def _error_location(error: BaseException) -> str:
    """What went wrong and in which lines, without the error's words: they may be a player's."""
    frames = traceback.extract_tb(error.__traceback__)
    places = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:])
    return f"{type(error).__name__} at {places}"
