"""The errors of the Series API: its error format, and what each ticket error is in its words."""

from bot.sources.contract import ApiError, JsonObject
from bot.tickets.errors import (
    AlreadyClaimed,
    NotClaimed,
    NotClaimedByYou,
    NotReporter,
    OpenTicketLimitReached,
    TicketClosed,
    TicketError,
    UnknownCategory,
    UnknownDepartment,
    UnknownTicket,
    ViewOnly,
    WrongDepartment,
)
from bot.tickets.workspace import Plan, Workspace

_Errors = dict[type[TicketError], ApiError]

_NOT_FOUND: _Errors = {UnknownTicket: ApiError(404, "Ticket not found")}
_REPLY_FORBIDDEN: _Errors = {
    ViewOnly: ApiError(403, "Cannot reply to game reports"),
    TicketClosed: ApiError(403, "Cannot reply to closed or resolved tickets"),
}

# By operation.
CREATE_ERRORS: _Errors = {
    UnknownCategory: ApiError(400, "Validation error: Category does not exist in this workspace"),
    OpenTicketLimitReached: ApiError(400, "Maximum number of open tickets in this category reached"),
}
GET_ERRORS = _NOT_FOUND
CLAIM_ERRORS = _NOT_FOUND | {
    AlreadyClaimed: ApiError(400, "Ticket already claimed"),
    TicketClosed: ApiError(400, "Cannot claim closed or resolved tickets"),
}
UNCLAIM_ERRORS = _NOT_FOUND | {NotClaimed: ApiError(400, "Ticket is not claimed")}
REPLY_ERRORS = (
    _NOT_FOUND
    | _REPLY_FORBIDDEN
    | {NotClaimedByYou: ApiError(400, "You must claim this ticket before replying")}
)
FOLLOW_UP_ERRORS = (
    _NOT_FOUND | _REPLY_FORBIDDEN | {NotReporter: ApiError(403, "You can only reply to your own tickets")}
)
STATUS_ERRORS = _NOT_FOUND
TRANSFER_ERRORS = _NOT_FOUND | {
    UnknownDepartment: ApiError(404, "Department not found"),
    WrongDepartment: ApiError(400, "Department does not handle this ticket's category"),
}


def authorize(workspace: Workspace) -> None:
    """Raises ApiError(403) if the workspace has no tickets module."""
    if workspace.plan is Plan.FREE:
        raise ApiError(403, "Tickets module requires a Premium or Enterprise subscription")
    if not workspace.tickets_enabled:
        raise ApiError(403, "Tickets module is not enabled for this workspace")


def format_error(error: ApiError) -> JsonObject:
    """The body of an error: `error` is an object here."""
    return {"success": False, "error": {"code": error.status, "message": error.message}}
