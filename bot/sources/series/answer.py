"""What the Series API says back: its success and its error envelope."""

from datetime import UTC, datetime

from bot.sources import Body, Refused
from bot.sources.reading import read
from bot.sources.series.payload import GameReportBody, TicketBody
from bot.tickets import Priority, Ticket

_PRIORITIES = {
    Priority.LOW: "low",
    Priority.NORMAL: "medium",
    Priority.HIGH: "high",
    Priority.URGENT: "urgent",
}


def kept(ticket: Ticket) -> Body:
    """The answer to `POST /tickets/create`."""
    body = read(TicketBody, ticket.raw.encode())
    return {"success": True, "data": _head(ticket, body) | _dates(ticket)}


def kept_game_report(ticket: Ticket) -> Body:
    """The answer to `POST /tickets/create-game-report`: the place comes as text and goes back as a number."""
    body = read(GameReportBody, ticket.raw.encode())
    game = {"GameData": {"PlaceId": body.placeId, "ServerId": body.serverId}}
    return {"success": True, "data": _head(ticket, body) | game | _dates(ticket)}


def refuse(refused: Refused) -> Body:
    """The error envelope: `error` is an object here."""
    return {"success": False, "error": {"code": refused.status, "message": refused.message}}


def _head(ticket: Ticket, body: TicketBody) -> dict[str, object]:
    return {
        "TicketId": ticket.public_id,
        "_id": ticket.uid,
        "WorkspaceId": ticket.workspace_id,
        "Subject": ticket.subject,
        "Category": ticket.category,
        "Department": ticket.department,
        "Status": ticket.status.value,
        "Priority": _PRIORITIES[ticket.priority],
        "Author": {
            "UserId": body.authorUserId,
            "Username": body.authorUsername,
            "DisplayName": body.authorDisplayName,
            "AvatarUrl": body.authorAvatarUrl,
        },
        "GameReport": ticket.view_only,
    }


def _dates(ticket: Ticket) -> dict[str, object]:
    return {"CreatedAt": _iso(ticket.created_at), "UpdatedAt": _iso(ticket.updated_at)}


def _iso(moment: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and Z, as on the page."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
