"""The errors of the modl API: its error format, and what each ticket error is in its words.

The plugin shows `error` to the player, and can only read it as text. For a ticket that does not exist the
contract has other bodies than its error format.
"""

import math
from collections.abc import Mapping

from bot.sources.contract import ApiError, JsonObject
from bot.sources.requests import RateLimitState
from bot.tickets.errors import AlreadyLinked, OpenTicketLimitReached, TicketError, UnknownTicket

_RATE_LIMITED = "Rate limit exceeded"
_TICKET_NOT_FOUND = "Ticket not found"
_REPORT_NOT_FOUND = "Report not found"
_ALREADY_LINKED = "Ticket is already linked to a Minecraft account"

ErrorMap = Mapping[type[TicketError], ApiError]

ERRORS: ErrorMap = {
    UnknownTicket: ApiError(404, _TICKET_NOT_FOUND, body={"status": 404, "message": _TICKET_NOT_FOUND}),
    OpenTicketLimitReached: ApiError(
        400, "You have too many open tickets of this type. Wait until one of them is answered."
    ),
}
LINK_ERRORS: ErrorMap = {
    UnknownTicket: ApiError(
        404, _TICKET_NOT_FOUND, body={"status": 404, "success": False, "message": _TICKET_NOT_FOUND}
    ),
    AlreadyLinked: ApiError(
        409,
        _ALREADY_LINKED,
        code="ALREADY_LINKED",
        body={"status": 409, "success": False, "message": _ALREADY_LINKED},
    ),
}
REPORT_ERRORS: ErrorMap = {
    UnknownTicket: ApiError(404, _REPORT_NOT_FOUND, body={"status": 404, "message": _REPORT_NOT_FOUND}),
}


def format_error(api_error: ApiError) -> JsonObject:
    """The body of an error: `error` is text here."""
    if api_error.status == 429:
        return _failure(429, _RATE_LIMITED, _RATE_LIMITED) | {"retryAfterSeconds": api_error.retry_after or 1}
    error = "Unauthorized" if api_error.status == 401 else api_error.message
    return _failure(api_error.status, error, api_error.message)


def rate_limit_headers(state: RateLimitState) -> Mapping[str, str]:
    """Both spellings that the contract has for the remaining requests and for the time to wait."""
    remaining = str(state.remaining)
    headers = {"X-RateLimit-Remaining": remaining, "X-Rate-Limit-Remaining": remaining}
    if state.retry_after_seconds <= 0:
        return headers
    wait = str(max(1, math.ceil(state.retry_after_seconds)))
    return headers | {"X-RateLimit-Retry-After": wait, "X-Rate-Limit-Retry-After-Seconds": wait}


def _failure(status: int, error: str, message: str) -> dict[str, object]:
    return {"status": status, "success": False, "error": error, "message": message}
