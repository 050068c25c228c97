"""What the modl API says back: its success and its error envelope.

The plugin counts a ticket as filed if it reads `success` and `ticketId`; the other two are what the system it
was written for sends. It shows a refusal's `error` to the player, and can only read it as text.
"""

from bot.sources import Body, Refused
from bot.tickets import Ticket

_RATE_LIMITED = "Rate limit exceeded"


def kept(ticket: Ticket) -> Body:
    """The answer to `POST /v1/minecraft/tickets`."""
    return _success(ticket, "Ticket created successfully")


def kept_draft(ticket: Ticket) -> Body:
    """The answer to `POST /v1/minecraft/tickets/unfinished`."""
    return _success(ticket, "Ticket draft created - complete the form on the panel")


def refuse(refused: Refused) -> Body:
    """The error envelope: `error` is text here."""
    if refused.status == 429:
        return _failure(429, _RATE_LIMITED, _RATE_LIMITED) | {"retryAfterSeconds": refused.retry_after or 1}
    error = "Unauthorized" if refused.status == 401 else refused.message
    return _failure(refused.status, error, refused.message)


def _success(ticket: Ticket, message: str) -> Body:
    return {"status": 200, "success": True, "ticketId": ticket.public_id, "message": message}


def _failure(status: int, error: str, message: str) -> dict[str, object]:
    return {"status": status, "success": False, "error": error, "message": message}
