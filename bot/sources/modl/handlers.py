"""Parse the requests of the modl API, besides those that create tickets, into typed requests.

Where the documentation leaves it open:
- Ids are those of the response to a created ticket ("PLAYER-123456").
- To claim a ticket is to link it to the player who created it: staff claim it in Discord.
- Reports are the tickets of type player and chat. Those of any type can be assigned, resolved and dismissed.
- A ticket is assigned to one name, to several between commas, or to "none". The first becomes its claimer,
  and the others are assigned besides. Claims in Discord change the claimer alone.
- A closed ticket that is assigned stays closed. One that is resolved or dismissed again stays as it was, and
  its reporter gets no other reply; the reason or resolution is kept as another note.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic_core import PydanticCustomError

from bot.sources.contract import ApiRequest, FieldViolation
from bot.sources.modl.fields import parse_body, parse_query_params, parse_uuid, validation_error
from bot.sources.modl.requests import (
    DEFAULT_LIMIT,
    DISMISSED_REPLY,
    RESOLVED_REPLY,
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
from bot.tickets.actions import DISMISS, NOTE, REPLY, RESOLVE, Given, TicketAction
from bot.tickets.errors import AlreadyLinked
from bot.tickets.message import Actor, NewMessage
from bot.tickets.queries import TicketQuery
from bot.tickets.ticket import Player, Ticket
from bot.tickets.workspace import Workspace

_SOURCE_NAME = "modl"
_TICKET_ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,64}")


def list_tickets(request: ApiRequest) -> ListTickets:
    """`GET /v1/minecraft/tickets`. Raises ApiError(400)."""
    query = parse_query_params(TicketListQuery, request.query)
    return ListTickets(query=_ticket_query(query, categories=query.type))


def list_player_tickets(request: ApiRequest) -> ListTickets:
    """`GET /v1/minecraft/tickets/player/{uuid}`. Raises ApiError(400)."""
    return ListTickets(query=TicketQuery(limit=DEFAULT_LIMIT, reporter_id=_player_uuid(request)))


def get_ticket(request: ApiRequest) -> GetTicket:
    """`GET /v1/minecraft/tickets/{id}`."""
    return GetTicket(ticket_id=ticket_id(request))


def get_tickets_by_ids(request: ApiRequest) -> GetTickets:
    """`POST /v1/minecraft/tickets/by-ids`. Raises ApiError(400)."""
    return GetTickets(ticket_ids=parse_body(IdsBody, request.body).ids)


def link_player(request: ApiRequest) -> UpdateTicket:
    """`POST /v1/minecraft/tickets/{id}/claim`. Raises ApiError(400)."""
    body = parse_body(LinkBody, request.body)
    player = build_player(body.playerUuid, body.playerName) or Player()
    return UpdateTicket(
        ticket_id=ticket_id(request),
        actor=Actor(id=body.playerUuid, name=body.playerName, source=_SOURCE_NAME),
        change=lambda ticket, workspace, actor: _link_ticket(ticket, player),
    )


def _link_ticket(ticket: Ticket, player: Player) -> Ticket:
    """Link a ticket to its player. One by an anticheat has none, and must not be linked to the accused."""
    if ticket.reporter.id is None:
        raise AlreadyLinked
    return ticket.link(player)


def list_reports(request: ApiRequest) -> ListTickets:
    """`GET /v1/minecraft/reports`. Raises ApiError(400)."""
    return ListTickets(
        query=_ticket_query(parse_query_params(OpenReportsQuery, request.query), categories=REPORT_TYPES)
    )


def list_reports_on_player(request: ApiRequest) -> ListTickets:
    """`GET /v1/minecraft/reports/player/{uuid}`. Raises ApiError(400)."""
    query = _ticket_query(parse_query_params(ReportsQuery, request.query), categories=REPORT_TYPES)
    return ListTickets(query=replace(query, reported_id=_player_uuid(request)))


def list_player_reports(request: ApiRequest) -> ListTickets:
    """`GET /v1/minecraft/players/{uuid}/reports`. Raises ApiError(400)."""
    return ListTickets(
        query=TicketQuery(limit=DEFAULT_LIMIT, categories=REPORT_TYPES, reported_id=_player_uuid(request))
    )


def assign(request: ApiRequest) -> UpdateTicket:
    """`POST /v1/minecraft/reports/{id}/assign`. Raises ApiError(400)."""
    staff = [_staff_actor(name) for name in parse_body(AssignBody, request.body).assignee]
    return UpdateTicket(
        ticket_id=ticket_id(request),
        actor=_staff_actor(None),
        change=lambda ticket, workspace, actor: _set_claimer(ticket, staff[:1]),
        assignees=staff[1:],
    )


def _set_claimer(ticket: Ticket, claimer: Sequence[Actor]) -> Ticket:
    if claimer:
        return ticket.assign(claimer[0])
    return ticket.unclaim() if ticket.claimed_by else ticket


def resolve(request: ApiRequest) -> UpdateTicket:
    """`POST /v1/minecraft/reports/{id}/resolve`. Raises ApiError(400)."""
    body = parse_body(ResolveBody, request.body)
    reason = body.resolution or ""
    return _close_report(
        request, body.resolvedBy, RESOLVE, reply=RESOLVED_REPLY, note=body.note_text, reason=reason
    )


def dismiss(request: ApiRequest) -> UpdateTicket:
    """`POST /v1/minecraft/reports/{id}/dismiss`. Raises ApiError(400)."""
    body = parse_body(DismissBody, request.body)
    reason = body.reason or ""
    return _close_report(
        request, body.dismissedBy, DISMISS, reply=DISMISSED_REPLY, note=body.note_text, reason=reason
    )


def ticket_id(request: ApiRequest) -> str:
    """The id in the path; "" for what cannot be one, such as half a surrogate pair."""
    value = request.path_params["id"]
    return value if _TICKET_ID_PATTERN.fullmatch(value) else ""


def _ticket_query(query: ReportsQuery, *, categories: Sequence[str]) -> TicketQuery:
    return TicketQuery(limit=query.limit, statuses=query.status, categories=categories)


def _player_uuid(request: ApiRequest) -> str:
    try:
        return parse_uuid(request.path_params["uuid"])
    except PydanticCustomError as error:
        raise validation_error([FieldViolation(field="uuid", reason=error.message())]) from error


def _close_report(
    request: ApiRequest, name: str | None, action: TicketAction, *, reply: str, note: str, reason: str
) -> UpdateTicket:
    """Close a ticket with a reply to its reporter, and a note and a reason that only staff read."""

    def compose(ticket: Ticket, actor: Actor) -> list[NewMessage]:
        replies = [] if ticket.status.is_closed else [REPLY.compose(ticket, actor, reply)]
        return [*replies, NOTE.compose(ticket, actor, note)] if note else replies

    def close(ticket: Ticket, workspace: Workspace, actor: Actor) -> Ticket:
        given = Given(actor=actor, reason=reason)
        return ticket if ticket.status.is_closed else action.rule(ticket, workspace, given)

    return UpdateTicket(
        ticket_id=ticket_id(request), actor=_staff_actor(name), messages=compose, change=close
    )


def _staff_actor(name: str | None) -> Actor:
    """A member of staff that the game server knows by name alone."""
    known_as = name or "Staff"
    return Actor(id=known_as, name=known_as, source=_SOURCE_NAME)
