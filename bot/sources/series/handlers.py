"""What a Series client asks for besides filing: each call, and the wish that it is."""

from bot.sources import ApiRequest
from bot.sources.requests import CheckApiKey, GetTicket, GetWorkspace, ListTickets, UpdateTicket
from bot.sources.series.bodies import (
    FollowUpBody,
    ListQuery,
    ReplyBody,
    StaffBody,
    StatusBody,
    TransferBody,
)
from bot.sources.series.fields import parse_body, parse_query_params
from bot.tickets.actions import CLAIM, UNCLAIM
from bot.tickets.message import Actor
from bot.tickets.queries import TicketQuery
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace

PER_PAGE = 10


def list_tickets(request: ApiRequest) -> ListTickets:
    """Raises Refused(400, ...)."""
    asked = parse_query_params(ListQuery, request.query)
    search = TicketQuery(
        limit=PER_PAGE,
        offset=(asked.page - 1) * PER_PAGE,
        statuses=[asked.status] if asked.status else None,
        departments=[asked.department] if asked.department else None,
        reporter_id=asked.author,
        text=asked.search,
    )
    return ListTickets(query=search, visible_to=None if asked.staffUserId is None else str(asked.staffUserId))


def get_ticket(request: ApiRequest) -> GetTicket:
    """By its TicketId or its _id."""
    return GetTicket(ticket_id=_ticket_id(request))


def get_config(request: ApiRequest) -> GetWorkspace:
    """The workspace is the key's."""
    return GetWorkspace()


def check_api_key(request: ApiRequest) -> CheckApiKey:
    """The key stands in the path."""
    return CheckApiKey(key=request.path_params["apiKey"])


def claim(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(StaffBody, request.body)
    return UpdateTicket(ticket_id=_ticket_id(request), actor=_actor(body.staffUserId), change=_claim)


def unclaim(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(StaffBody, request.body)
    return UpdateTicket(ticket_id=_ticket_id(request), actor=_actor(body.staffUserId), change=_unclaim)


def reply(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(ReplyBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.staffUserId),
        message=lambda ticket, staff: ticket.reply_as_claimer(staff, body.content),
    )


def reply_member(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(FollowUpBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.authorUserId),
        message=lambda ticket, author: ticket.follow_up(author.id, body.content),
    )


def change_status(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(StatusBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.staffUserId),
        change=lambda ticket, workspace, staff: _set_status(ticket, body.status),
    )


def transfer(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(TransferBody, request.body)
    return UpdateTicket(
        ticket_id=_ticket_id(request),
        actor=_actor(body.staffUserId),
        change=lambda ticket, workspace, staff: workspace.transfer(ticket, body.departmentId),
    )


def _ticket_id(request: ApiRequest) -> str:
    return request.path_params["ticketId"]


def _actor(user_id: int) -> Actor:
    """Whoever a user id stands for; no call says more of anyone."""
    return Actor(id=str(user_id), name=str(user_id), source="series")


def _claim(ticket: Ticket, workspace: Workspace, staff: Actor) -> Ticket:
    return CLAIM.rule(ticket, staff)


def _unclaim(ticket: Ticket, workspace: Workspace, staff: Actor) -> Ticket:
    return UNCLAIM.rule(ticket, staff)


def _set_status(ticket: Ticket, status: Status) -> Ticket:
    """The status it has already is no change, and no error."""
    return ticket if ticket.status is status else ticket.set_status(status)
