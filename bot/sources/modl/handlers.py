"""What a Minecraft server asks for besides filing a ticket. Models live here and die here.

How they are read where the documentation is silent:
- A status filter knows two groups. Our open and in-progress are "open"; our resolved and closed are "closed".
  A filter for drafts finds nothing: a draft is an open ticket here.
- A UUID in a path comes in every form in which it may come in a body, but for braces.
- Ids are those that were answered to whoever filed the ticket ("PLAYER-123456").
- To claim a ticket is to link it to the player who filed it: staff who work on it claim it in Discord.
A report is a ticket of type player or chat; any other ticket is no report, and not found as one. How they are
read where the documentation is silent:
- What is resolved or dismissed again stays as it was, and nobody is told again.
- Who does it without giving a name is called "Staff".
- The reason, the resolution and the punishment's id are part of what the reporter is told.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic_core import PydanticCustomError

from bot.sources.contract import ApiRequest
from bot.sources.modl.fields import parse_body, parse_query_params, parse_uuid, validation_error
from bot.sources.modl.requests import (
    DEFAULT_LIMIT,
    AssignBody,
    DismissBody,
    IdsBody,
    LinkBody,
    OpenReportsQuery,
    ReportsQuery,
    ResolveBody,
    TicketListQuery,
    build_player,
)
from bot.sources.modl.vocabulary import REPORT_TYPES
from bot.sources.requests import GetTicket, GetTickets, ListTickets, UpdateTicket
from bot.sources.validation import FieldError
from bot.tickets.errors import AlreadyLinked, UnknownTicket
from bot.tickets.message import Actor, Words
from bot.tickets.queries import TicketQuery
from bot.tickets.ticket import Player, Status, Ticket
from bot.tickets.workspace import Workspace

_SOURCE_NAME = "modl"
_TICKET_ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,64}")


def list_tickets(request: ApiRequest) -> ListTickets:
    """Raises Refused(400, ...)."""
    query = parse_query_params(TicketListQuery, request.query)
    return ListTickets(query=_ticket_query(query, categories=query.type))


def list_player_tickets(request: ApiRequest) -> ListTickets:
    """The newest that this player filed. Raises Refused(400, ...)."""
    return ListTickets(query=TicketQuery(limit=DEFAULT_LIMIT, reporter_id=_player_uuid(request)))


def get_ticket(request: ApiRequest) -> GetTicket:
    return GetTicket(ticket_id=ticket_id(request))


def get_tickets_by_ids(request: ApiRequest) -> GetTickets:
    """Raises Refused(400, ...)."""
    return GetTickets(ticket_ids=parse_body(IdsBody, request.body).ids)


def link_player(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(LinkBody, request.body)
    player = build_player(body.playerUuid, body.playerName) or Player()
    by = Actor(id=body.playerUuid, name=body.playerName, source=_SOURCE_NAME)
    return UpdateTicket(
        ticket_id=ticket_id(request),
        actor=by,
        change=lambda ticket, workspace, by: _link_ticket(ticket, player),
    )


def _link_ticket(ticket: Ticket, player: Player) -> Ticket:
    """Every ticket came with a player. That of an anticheat is nobody's, least of all the accused's."""
    if ticket.reporter.id is None:
        raise AlreadyLinked
    return ticket.link(player)


def list_reports(request: ApiRequest) -> ListTickets:
    """Raises Refused(400, ...)."""
    return ListTickets(
        query=_ticket_query(parse_query_params(OpenReportsQuery, request.query), categories=REPORT_TYPES)
    )


def list_reports_on_player(request: ApiRequest) -> ListTickets:
    """Those that report this player. Raises Refused(400, ...)."""
    query = _ticket_query(parse_query_params(ReportsQuery, request.query), categories=REPORT_TYPES)
    return ListTickets(query=replace(query, reported_id=_player_uuid(request)))


def assign(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    assignee = _staff_actor(parse_body(AssignBody, request.body).assignee)
    return UpdateTicket(
        ticket_id=ticket_id(request),
        actor=_staff_actor(None),
        change=lambda ticket, workspace, by: _ensure_report(ticket).assign(assignee),
    )


def resolve(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(ResolveBody, request.body)
    return _close_report(request, body.resolvedBy, body.reply_text, Status.RESOLVED)


def dismiss(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(DismissBody, request.body)
    return _close_report(request, body.dismissedBy, body.reply_text, Status.CLOSED)


def ticket_id(request: ApiRequest) -> str:
    """The id in the path. What can be none, such as half a character, becomes "", which no ticket has."""
    name = request.path_params["id"]
    return name if _TICKET_ID_PATTERN.fullmatch(name) else ""


def _ticket_query(query: ReportsQuery, *, categories: Sequence[str]) -> TicketQuery:
    return TicketQuery(limit=query.limit, statuses=query.status, categories=categories)


def _player_uuid(request: ApiRequest) -> str:
    try:
        return parse_uuid(request.path_params["uuid"])
    except PydanticCustomError as error:
        raise validation_error(FieldError("uuid", error.message())) from error


def _close_report(request: ApiRequest, name: str | None, text: str, status: Status) -> UpdateTicket:
    def say(ticket: Ticket, by: Actor) -> Words | None:
        return None if _ensure_report(ticket).status.is_closed else ticket.reply(by, text)

    def rule(ticket: Ticket, workspace: Workspace, by: Actor) -> Ticket:
        return ticket if ticket.status.is_closed else ticket.set_status(status)

    return UpdateTicket(ticket_id=ticket_id(request), actor=_staff_actor(name), message=say, change=rule)


def _staff_actor(name: str | None) -> Actor:
    """Somebody whom the game server knows by name alone."""
    called = name or "Staff"
    return Actor(id=called, name=called, source=_SOURCE_NAME)


def _ensure_report(ticket: Ticket) -> Ticket:
    if ticket.category not in REPORT_TYPES:
        raise UnknownTicket
    return ticket
