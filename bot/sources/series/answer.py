"""What the Series API answers to each call that succeeds."""

from datetime import timedelta

from bot.sources.requests import ApiKeyInfo, UpdateResult
from bot.sources.series.handlers import PER_PAGE
from bot.sources.series.responses import (
    ActiveApiKey,
    ApiKeyStatus,
    CategoryOut,
    ConfigResponse,
    DepartmentOut,
    InactiveApiKey,
    MessageResponse,
    TicketCreated,
    TicketList,
    TicketResponse,
)
from bot.sources.series.serializers import (
    numeric_id,
    serialize_ticket,
    serialize_ticket_summary,
    serialize_ticket_with_messages,
    to_iso,
)
from bot.tickets.queries import TicketDetails, TicketPage
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Category, Department, Workspace

_ANY_RANK = (0, 255)  # nobody's rank in the group is asked for here


def ticket_created(ticket: Ticket) -> TicketCreated:
    """The answer to `POST /tickets/create` and `POST /tickets/create-game-report`."""
    return {"success": True, "data": serialize_ticket(ticket)}


def ticket_list(result: TicketPage) -> TicketList:
    """The answer to `GET /tickets/list`."""
    page = result.query.offset // PER_PAGE + 1
    pages = -(-result.total // PER_PAGE)
    return {
        "success": True,
        "data": {
            "Tickets": [serialize_ticket_summary(case.ticket) for case in result.items],
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
    """The answer to `GET /tickets/get/{ticketId}`."""
    return {"success": True, "data": {"Ticket": serialize_ticket_with_messages(details)}}


def config(workspace: Workspace) -> ConfigResponse:
    """The answer to `GET /tickets/config`."""
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
    """The answer to `POST /tickets/{ticketId}/claim`."""
    return _message_response("Ticket claimed successfully")


def unclaimed(result: UpdateResult) -> MessageResponse:
    """The answer to `POST /tickets/{ticketId}/unclaim`."""
    return _message_response("Ticket unclaimed successfully")


def replied(result: UpdateResult) -> MessageResponse:
    """The answer to `POST /tickets/{ticketId}/reply` and `POST /tickets/{ticketId}/reply-member`."""
    return _message_response("Reply sent successfully")


def status_changed(result: UpdateResult) -> MessageResponse:
    """The answer to `POST /tickets/{ticketId}/status`."""
    return _message_response(f"Status changed to {result.ticket.status.value}")


def transferred(result: UpdateResult) -> MessageResponse:
    """The answer to `POST /tickets/{ticketId}/transfer`."""
    return _message_response(
        f"Ticket transferred to {result.workspace.department(result.ticket.department).name}"
    )


def api_key_status(info: ApiKeyInfo | None) -> ApiKeyStatus:
    """The answer to `GET /basic/check-key/{apiKey}`."""
    return {"success": True, "data": _INACTIVE_KEY if info is None else _active_key(info)}


_INACTIVE_KEY: InactiveApiKey = {
    "valid": False,
    "status": "inactive",
    "message": "API key is inactive or invalid",
}


def _active_key(info: ApiKeyInfo) -> ActiveApiKey:
    return {
        "valid": True,
        "status": "active",
        "workspaceId": info.workspace.id,
        "rateLimitRemaining": info.rate_limit.remaining,
        "rateLimitReset": to_iso(info.now + timedelta(seconds=info.rate_limit.reset_seconds)),
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
