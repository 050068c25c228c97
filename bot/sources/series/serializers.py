"""Serialize responses of the Series API. Any stored ticket can be serialized."""

import re
import string
from datetime import UTC, datetime, timedelta

from bot.sources.requests import ApiKeyInfo, UpdateResult
from bot.sources.series.handlers import PER_PAGE
from bot.sources.series.requests import PLACE_LABEL, SERVER_LABEL
from bot.sources.series.responses import (
    ActiveApiKey,
    ApiKeyStatus,
    Author,
    CategoryOut,
    Claimer,
    ConfigResponse,
    DepartmentOut,
    GameData,
    GameDataField,
    InactiveApiKey,
    MessageId,
    MessageOut,
    MessageResponse,
    MessageType,
    PriorityValue,
    StatusValue,
    TicketCreated,
    TicketList,
    TicketOut,
    TicketResponse,
    TicketSummary,
    TicketWithMessages,
)
from bot.tickets.message import MessageKind
from bot.tickets.queries import TicketDetails, TicketPage
from bot.tickets.ticket import Player, Priority, Status, Ticket
from bot.tickets.workspace import Category, Department, Workspace

_NO_NUMERIC_ID = 0  # for ids that are not numbers
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_BASE36_DIGITS = string.digits + string.ascii_lowercase
_STATUS_OUT: dict[Status, StatusValue] = {
    Status.UNFINISHED: "open",  # no ticket of this API has it
    Status.OPEN: "open",
    Status.IN_PROGRESS: "in-progress",
    Status.RESOLVED: "resolved",
    Status.CLOSED: "closed",
}
_PRIORITY_OUT: dict[Priority, PriorityValue] = {
    Priority.LOW: "low",
    Priority.NORMAL: "medium",
    Priority.HIGH: "high",
    Priority.URGENT: "urgent",
}
_MESSAGE_TYPES: dict[MessageKind, MessageType] = {
    MessageKind.REPLY: "staff_message",
    MessageKind.FOLLOW_UP: "author_message",
    MessageKind.EVENT: "system_message",
}
_ALMOST_A_SECOND = timedelta(microseconds=999_999)  # rounds up
_ANY_RANK = (0, 255)  # ranks in the group are not checked


def ticket_created(ticket: Ticket) -> TicketCreated:
    """The response to `POST /tickets/create` and `POST /tickets/create-game-report`."""
    return {"success": True, "data": serialize_ticket(ticket)}


def ticket_list(result: TicketPage) -> TicketList:
    """The response to `GET /tickets/list`."""
    page = result.query.offset // PER_PAGE + 1
    pages = -(-result.total // PER_PAGE)
    return {
        "success": True,
        "data": {
            "Tickets": [serialize_ticket_summary(details) for details in result.items],
            "Pagination": {
                "CurrentPage": page,
                "TotalPages": pages,
                "TotalCount": result.total,
                "TicketsPerPage": PER_PAGE,
                "HasNextPage": page < pages,
                "HasPreviousPage": page > 1,
            },
        },
    }


def ticket_response(details: TicketDetails) -> TicketResponse:
    """The response to `GET /tickets/get/{ticketId}`."""
    return {"success": True, "data": {"Ticket": serialize_ticket_with_messages(details)}}


def config(workspace: Workspace) -> ConfigResponse:
    """The response to `GET /tickets/config`."""
    return {
        "success": True,
        "data": {
            "Enabled": workspace.tickets_enabled,
            "PublicUrl": False,
            "Categories": {one.id: _category(one) for one in workspace.categories},
            "Departments": {one.id: _department(one) for one in workspace.departments},
            "DiscordNotificationWebhookEnabled": True,
            "DiscordNotificationWebhookPing": "",
        },
    }


def claimed(result: UpdateResult) -> MessageResponse:
    """The response to `POST /tickets/{ticketId}/claim`."""
    return _message_response("Ticket claimed successfully")


def unclaimed(result: UpdateResult) -> MessageResponse:
    """The response to `POST /tickets/{ticketId}/unclaim`."""
    return _message_response("Ticket unclaimed successfully")


def replied(result: UpdateResult) -> MessageResponse:
    """The response to `POST /tickets/{ticketId}/reply` and `POST /tickets/{ticketId}/reply-member`."""
    return _message_response("Reply sent successfully")


def status_changed(result: UpdateResult) -> MessageResponse:
    """The response to `POST /tickets/{ticketId}/status`."""
    return _message_response(f"Status changed to {result.ticket.status.value}")


def transferred(result: UpdateResult) -> MessageResponse:
    """The response to `POST /tickets/{ticketId}/transfer`."""
    return _message_response(
        f"Ticket transferred to {result.workspace.department(result.ticket.department).name}"
    )


def api_key_status(info: ApiKeyInfo | None) -> ApiKeyStatus:
    """The response to `GET /basic/check-key/{apiKey}`."""
    return {"success": True, "data": _INACTIVE_KEY if info is None else _active_key(info)}


_INACTIVE_KEY: InactiveApiKey = {
    "valid": False,
    "status": "inactive",
    "message": "API key is inactive or invalid",
}


def _active_key(info: ApiKeyInfo) -> ActiveApiKey:
    """Its times are whole seconds, unlike those of tickets. At the reset the whole limit is available."""
    reset = info.now + timedelta(seconds=info.rate_limit.reset_seconds)
    return {
        "valid": True,
        "workspaceId": info.workspace.id,
        "workspaceName": info.workspace.name,
        "status": "active",
        "createdAt": _to_iso_seconds(info.key.created_at),
        "lastUsed": _to_iso_seconds(info.last_used_at) if info.last_used_at else None,
        "rateLimitRemaining": info.rate_limit.remaining,
        "rateLimitReset": _to_iso_seconds(reset + _ALMOST_A_SECOND),
    }


def _message_response(message: str) -> MessageResponse:
    return {"success": True, "data": {"message": message}}


def _category(category: Category) -> CategoryOut:
    return {
        "Name": category.name,
        "WorkspaceMembershipRequired": False,
        "MinAccessRank": 0,
        "MaxOpenTickets": category.max_open,
    }


def _department(department: Department) -> DepartmentOut:
    lowest, highest = _ANY_RANK
    return {
        "Name": department.name,
        "Members": [number for member in department.members if (number := numeric_id(member))],
        "Categories": list(department.categories),
        "RankRange": {"FromRank": lowest, "ToRank": highest},
    }


def serialize_ticket(ticket: Ticket) -> TicketOut:
    """The ticket without its messages."""
    game_data: GameDataField = {"GameData": _game_data(ticket)} if ticket.view_only else {}
    created_at = to_iso(ticket.created_at)
    updated_at = created_at if ticket.updated_at == ticket.created_at else to_iso(ticket.updated_at)
    return {
        "TicketId": ticket.public_id,
        "_id": ticket.uid,
        "WorkspaceId": ticket.workspace_id,
        "Subject": ticket.subject,
        "Category": ticket.category,
        "Department": ticket.department,
        "Status": _STATUS_OUT[ticket.status],
        "Priority": _PRIORITY_OUT[ticket.priority],
        "Author": _author(ticket.reporter),
        "GameReport": ticket.view_only,
        **game_data,
        "CreatedAt": created_at,
        "UpdatedAt": updated_at,
    }


def serialize_ticket_summary(details: TicketDetails) -> TicketSummary:
    """The ticket in a list. ClaimedByName is the claimer's display name."""
    claimer = _claimer(details)
    return {
        **serialize_ticket(details.ticket),
        "ClaimedBy": claimer["UserId"] if claimer else None,
        "ClaimedByName": claimer["DisplayName"] if claimer else None,
    }


def serialize_ticket_with_messages(details: TicketDetails) -> TicketWithMessages:
    """The ticket with its messages."""
    claimer = _claimer(details)
    return {
        **serialize_ticket(details.ticket),
        "Content": _messages(details),
        "ClaimedBy": claimer["UserId"] if claimer else None,
        "ClaimedByUser": claimer,
    }


def to_iso(time: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and Z, as on the pages."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_iso_seconds(time: datetime) -> str:
    """ISO 8601 in UTC, in whole seconds and with Z."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def numeric_id(value: str | None) -> int:
    """A person's id as a number; 0 for an id that is not one."""
    return int(value) if value and _INTEGER.fullmatch(value) else _NO_NUMERIC_ID


def _author(reporter: Player) -> Author:
    return {
        "UserId": numeric_id(reporter.id),
        "Username": reporter.name,
        "DisplayName": reporter.display_name,
        "AvatarUrl": reporter.avatar_url or "",
    }


def _claimer(details: TicketDetails) -> Claimer | None:
    """Who claimed the ticket. Where one name is known, it is both; a name that is not known is the id."""
    claimer = details.ticket.claimed_by
    if claimer is None:
        return None
    known = details.claimer or Player(name=claimer.name)
    return {
        "UserId": numeric_id(claimer.id),
        "DisplayName": known.display_name or known.name or claimer.name,
        "Username": known.name or known.display_name or claimer.name,
    }


def _game_data(ticket: Ticket) -> GameData:
    """The place is sent as text and returned as a number; 0 stands for an unknown one."""
    values = {field.label: field.value for field in ticket.fields}
    return {"PlaceId": numeric_id(values.get(PLACE_LABEL)), "ServerId": values.get(SERVER_LABEL)}


def _messages(details: TicketDetails) -> dict[MessageId, MessageOut]:
    ticket = details.ticket
    messages: dict[MessageId, MessageOut] = {
        _message_id(ticket.created_at, 0): {
            "Content": ticket.body,
            "Author": numeric_id(ticket.reporter.id),
            "Type": "author_message",
            "Timestamp": to_iso(ticket.created_at),
        }
    }
    for message in details.messages:  # notes stay in Discord
        messages[_message_id(message.created_at, message.id)] = {
            "Content": message.text,
            "Author": numeric_id(message.author.id),
            "Type": _MESSAGE_TYPES[message.kind],
            "Timestamp": to_iso(message.created_at),
        }
    return messages


def _message_id(time: datetime, number: int) -> MessageId:
    """`msj_<10 digits>_<6 letters or digits>`: the second, and our id; 0 for the ticket's own text.

    Their alphabetical order is the order of time.
    """
    code = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        code = _BASE36_DIGITS[digit] + code
    return f"msj_{int(time.timestamp()):010d}_{code}"
