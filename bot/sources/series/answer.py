"""What the Series API answers to each call that succeeds."""

from datetime import timedelta

from bot.sources.requests import Done, KeyCheck
from bot.sources.series.handlers import PER_PAGE
from bot.sources.series.responses import (
    BadKey,
    CategoryShown,
    Config,
    DepartmentShown,
    GoodKey,
    KeyChecked,
    TicketFound,
    TicketKept,
    TicketList,
    WorkDone,
)
from bot.sources.series.serializers import iso, listed, number_of, opened, shown
from bot.tickets import Case, Category, Department, Found, Ticket, Workspace

_EVERY_RANK = (0, 255)  # nobody's rank in the group is asked for here


def kept(ticket: Ticket) -> TicketKept:
    """The answer to `POST /tickets/create` and `POST /tickets/create-game-report`."""
    return {"success": True, "data": shown(ticket)}


def ticket_list(found: Found) -> TicketList:
    """The answer to `GET /tickets/list`."""
    page = found.search.offset // PER_PAGE + 1
    pages = -(-found.total // PER_PAGE)
    return {
        "success": True,
        "data": {
            "Tickets": [listed(case.ticket) for case in found.cases],
            "Pagination": {
                "CurrentPage": page,
                "TotalPages": pages,
                "TotalCount": found.total,
                "TicketsPerPage": PER_PAGE,
                "HasNextPage": page < pages,
                "HasPreviousPage": page > 1,
            },
        },
    }


def ticket_found(case: Case) -> TicketFound:
    """The answer to `GET /tickets/get/{ticketId}`."""
    return {"success": True, "data": {"Ticket": opened(case)}}


def config(workspace: Workspace) -> Config:
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


def claimed(done: Done) -> WorkDone:
    """The answer to `POST /tickets/{ticketId}/claim`."""
    return _done("Ticket claimed successfully")


def unclaimed(done: Done) -> WorkDone:
    """The answer to `POST /tickets/{ticketId}/unclaim`."""
    return _done("Ticket unclaimed successfully")


def replied(done: Done) -> WorkDone:
    """The answer to `POST /tickets/{ticketId}/reply` and `POST /tickets/{ticketId}/reply-member`."""
    return _done("Reply sent successfully")


def moved(done: Done) -> WorkDone:
    """The answer to `POST /tickets/{ticketId}/status`."""
    return _done(f"Status changed to {done.ticket.status.value}")


def transferred(done: Done) -> WorkDone:
    """The answer to `POST /tickets/{ticketId}/transfer`."""
    return _done(f"Ticket transferred to {done.workspace.department(done.ticket.department).name}")


def key_checked(check: KeyCheck | None) -> KeyChecked:
    """The answer to `GET /basic/check-key/{apiKey}`."""
    return {"success": True, "data": _BAD_KEY if check is None else _good_key(check)}


_BAD_KEY: BadKey = {"valid": False, "status": "inactive", "message": "API key is inactive or invalid"}


def _good_key(check: KeyCheck) -> GoodKey:
    return {
        "valid": True,
        "status": "active",
        "workspaceId": check.workspace.id,
        "rateLimitRemaining": check.allowance.remaining,
        "rateLimitReset": iso(check.now + timedelta(seconds=check.allowance.reset_seconds)),
    }


def _done(message: str) -> WorkDone:
    return {"success": True, "data": {"message": message}}


def _category(category: Category) -> CategoryShown:
    return {
        "Name": category.name,
        "WorkspaceMembershipRequired": False,
        "MinAccessRank": 0,
        "MaxOpenTickets": category.max_open,
    }


def _department(department: Department) -> DepartmentShown:
    lowest, highest = _EVERY_RANK
    return {
        "Name": department.name,
        "Members": [number for member in department.members if (number := number_of(member))],
        "Categories": list(department.categories),
        "RankRange": {"FromRank": lowest, "ToRank": highest},
    }
