"""Where the Series API says no, and in which words."""

from bot.sources import Body, Refused
from bot.tickets import (
    AlreadyClaimed,
    ClaimFirst,
    NotClaimed,
    NotYours,
    Plan,
    Refusal,
    TicketClosed,
    TooManyOpen,
    UnknownCategory,
    UnknownDepartment,
    UnknownTicket,
    ViewOnly,
    Workspace,
    WrongDepartment,
)

_Errors = dict[type[Refusal], Refused]

_NOT_FOUND: _Errors = {UnknownTicket: Refused(404, "Ticket not found")}
_NO_REPLIES: _Errors = {
    ViewOnly: Refused(403, "Cannot reply to game reports"),
    TicketClosed: Refused(403, "Cannot reply to closed or resolved tickets"),
}

# By what a client asks for.
FILING: _Errors = {
    UnknownCategory: Refused(400, "Validation error: Category does not exist in this workspace"),
    TooManyOpen: Refused(400, "Maximum number of open tickets in this category reached"),
}
READING = _NOT_FOUND
CLAIMING = _NOT_FOUND | {
    AlreadyClaimed: Refused(400, "Ticket already claimed"),
    TicketClosed: Refused(400, "Cannot claim closed or resolved tickets"),
}
UNCLAIMING = _NOT_FOUND | {NotClaimed: Refused(400, "Ticket is not claimed")}
REPLYING = _NOT_FOUND | _NO_REPLIES | {ClaimFirst: Refused(400, "You must claim this ticket before replying")}
ADDING = _NOT_FOUND | _NO_REPLIES | {NotYours: Refused(403, "You can only reply to your own tickets")}
MOVING = _NOT_FOUND
TRANSFERRING = _NOT_FOUND | {
    UnknownDepartment: Refused(404, "Department not found"),
    WrongDepartment: Refused(400, "Department does not handle this ticket's category"),
}


def gate(workspace: Workspace) -> None:
    """Raises Refused(403, ...) where the workspace has no tickets."""
    if workspace.plan is Plan.FREE:
        raise Refused(403, "Tickets module requires a Premium or Enterprise subscription")
    if not workspace.tickets_enabled:
        raise Refused(403, "Tickets module is not enabled for this workspace")


def refuse(refused: Refused) -> Body:
    """The error envelope: `error` is an object here."""
    return {"success": False, "error": {"code": refused.status, "message": refused.message}}
