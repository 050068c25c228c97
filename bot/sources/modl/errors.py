"""What the modl API says back to whoever files or works on a ticket, and both kinds of its refusals.

The plugin counts a ticket as filed if it reads `success` and `ticketId`; the other two are what the system it
was written for sends. It shows a refusal's `error` to the player, and can only read it as text. Where a
ticket asked for is not there, the contract has other words than its envelope.
"""

import math
from collections.abc import Callable, Mapping

from bot.sources import Body, Refused
from bot.sources.requests import Allowance, Done
from bot.tickets import (
    AlreadyLinked,
    Refusal,
    Ticket,
    TicketClosed,
    TooManyOpen,
    UnknownTicket,
)

_RATE_LIMITED = "Rate limit exceeded"
_NO_TICKET = "Ticket not found"
_NO_REPORT = "Report not found"
_NOT_YOURS = "Ticket is already linked to a Minecraft account"

Refusals = Mapping[type[Refusal], Refused]

REFUSALS: Refusals = {
    UnknownTicket: Refused(404, _NO_TICKET, body={"status": 404, "message": _NO_TICKET}),
    TooManyOpen: Refused(
        400, "You have too many open tickets of this type. Wait until one of them is answered."
    ),
}
LINK_REFUSALS: Refusals = {
    UnknownTicket: Refused(404, _NO_TICKET, body={"status": 404, "success": False, "message": _NO_TICKET}),
    AlreadyLinked: Refused(409, _NOT_YOURS, body={"status": 409, "success": False, "message": _NOT_YOURS}),
}
REPORT_REFUSALS: Refusals = {
    UnknownTicket: Refused(404, _NO_REPORT, body={"status": 404, "message": _NO_REPORT}),
    TicketClosed: Refused(409, "This report is closed, and can no longer be assigned."),
}


def kept(ticket: Ticket) -> Body:
    """The answer to `POST /v1/minecraft/tickets`."""
    return _success("Ticket created successfully", ticketId=ticket.public_id)


def kept_draft(ticket: Ticket) -> Body:
    """The answer to `POST /v1/minecraft/tickets/unfinished`."""
    return _success("Ticket draft created - complete the form on the panel", ticketId=ticket.public_id)


def linked(done: Done) -> Body:
    """The answer to `POST /v1/minecraft/tickets/{id}/claim`."""
    ticket = done.ticket
    message = "Ticket successfully linked to your account"
    return _success(message, ticketId=ticket.public_id, subject=ticket.subject)


def worked(message: str) -> Callable[[Done], Body]:
    """The answer to work on a report."""
    return lambda done: _success(message)


def refuse(refused: Refused) -> Body:
    """The error envelope: `error` is text here."""
    if refused.status == 429:
        return _failure(429, _RATE_LIMITED, _RATE_LIMITED) | {"retryAfterSeconds": refused.retry_after or 1}
    error = "Unauthorized" if refused.status == 401 else refused.message
    return _failure(refused.status, error, refused.message)


def limit_headers(allowance: Allowance) -> Mapping[str, str]:
    """Both spellings that this contract has for what is left, and for when to come back."""
    remaining = str(allowance.remaining)
    headers = {"X-RateLimit-Remaining": remaining, "X-Rate-Limit-Remaining": remaining}
    if allowance.wait_seconds <= 0:
        return headers
    wait = str(max(1, math.ceil(allowance.wait_seconds)))
    return headers | {"X-RateLimit-Retry-After": wait, "X-Rate-Limit-Retry-After-Seconds": wait}


def _success(message: str, **told: str) -> Body:
    return {"status": 200, "success": True, **told, "message": message}


def _failure(status: int, error: str, message: str) -> dict[str, object]:
    return {"status": status, "success": False, "error": error, "message": message}
