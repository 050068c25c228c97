"""Parse the requests of the Series API, besides those that create tickets, into typed requests."""

from bot.sources.contract import ApiRequest
from bot.sources.requests import GetTicket, GetWorkspace, ListTickets, UpdateTicket
from bot.sources.series.fields import parse_body, parse_query_params
from bot.sources.series.requests import (
    FollowUpBody,
    ListQuery,
    ReplyBody,
    StaffBody,
    StatusBody,
    TransferBody,
)
from bot.tickets.actions import CLAIM, STATUS, UNCLAIM, Given
from bot.tickets.message import Actor
from bot.tickets.queries import TicketQuery
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace

PER_PAGE = 10


def list_tickets(request: ApiRequest) -> ListTickets:
    """`GET /tickets/list`. Raises ApiError(400)."""
    params = parse_query_params(ListQuery, request.query)
    query = TicketQuery(
        limit=PER_PAGE,
        offset=(params.page - 1) * PER_PAGE,
        statuses=[params.status] if params.status else None,
        departments=[params.department] if params.department else None,
        reporter_id=params.author,
        text=params.search,
    )
    return ListTickets(
        query=query, visible_to=None if params.staffUserId is None else str(params.staffUserId)
    )


def get_ticket(request: ApiRequest) -> GetTicket:
    """`GET /tickets/get/{ticketId}`; the id is a TicketId or an _id."""
    return GetTicket(ticket_id=_ticket_id(request))


def get_config(request: ApiRequest) -> GetWorkspace:
    """`GET /tickets/config`."""
    return GetWorkspace()


def api_key_in_path(request: ApiRequest) -> str:
    """`GET /basic/check-key/{apiKey}`."""
    return request.path_params["apiKey"]


def claim(request: ApiRequest) -> UpdateTicket:
    """`POST /tickets/{ticketId}/claim`. Raises ApiError(400)."""
    body = parse_body(StaffBody, request.body)
    return UpdateTicket(ticket_id=_ticket_id(request), actor=_actor(body.staffUserId), change=_claim)


def unclaim(request: ApiRequest) -> UpdateTicket:
    """`POST /tickets/{ticketId}/unclaim`. Raises ApiError(400)."""
    body = parse_body(StaffBody, request.body)
    return UpdateTicket(ticket_id=_ticket_id(request), actor=_actor(body.staffUserId), change=_unclaim)


def reply(request: ApiRequest) -> UpdateTicket:
    """`POST /tickets/{ticketId}/reply`. Raises ApiError(400)."""
    body = parse_body(ReplyBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.staffUserId),
        messages=lambda ticket, staff: [ticket.reply_as_claimer(staff, body.content)],
    )


def reply_member(request: ApiRequest) -> UpdateTicket:
    """`POST /tickets/{ticketId}/reply-member`. Raises ApiError(400)."""
    body = parse_body(FollowUpBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.authorUserId),
        messages=lambda ticket, author: [ticket.follow_up(author.id, body.content)],
    )


def change_status(request: ApiRequest) -> UpdateTicket:
    """`POST /tickets/{ticketId}/status`. Raises ApiError(400)."""
    body = parse_body(StatusBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.staffUserId),
        change=lambda ticket, workspace, staff: _set_status(ticket, workspace, staff, body.status),
    )


def transfer(request: ApiRequest) -> UpdateTicket:
    """`POST /tickets/{ticketId}/transfer`. Raises ApiError(400)."""
    body = parse_body(TransferBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.staffUserId),
        change=lambda ticket, workspace, staff: workspace.transfer(ticket, body.departmentId),
    )


def _ticket_id(request: ApiRequest) -> str:
    return request.path_params["ticketId"]


def _actor(user_id: int) -> Actor:
    """A user known by id alone, which stands for the name too."""
    return Actor(id=str(user_id), name=str(user_id), source="series")


def _claim(ticket: Ticket, workspace: Workspace, staff: Actor) -> Ticket:
    return CLAIM.rule(ticket, workspace, Given(actor=staff))


def _unclaim(ticket: Ticket, workspace: Workspace, staff: Actor) -> Ticket:
    return UNCLAIM.rule(ticket, workspace, Given(actor=staff))


def _set_status(ticket: Ticket, workspace: Workspace, staff: Actor, status: Status) -> Ticket:
    """Set a status; the one it has already is no error."""
    if ticket.status is status:
        return ticket
    return STATUS.rule(ticket, workspace, Given(actor=staff, status=status))
