"""What a Minecraft server asks for besides filing a ticket. Models live here and die here.

How they are read where the documentation is silent:
- A status filter knows two groups. Our open and in-progress are "open"; our resolved and closed are "closed".
  A filter for drafts finds nothing: a draft is an open ticket here.
- A UUID in a path comes in every form in which it may come in a body, but for braces.
- Ids are those that were answered to whoever filed the ticket ("PLAYER-123456").
- To claim a ticket is to link it to the player who filed it: staff who work on it claim it in Discord.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import Field
from pydantic_core import PydanticCustomError

from bot.sources.contract import ApiRequest
from bot.sources.modl.fields import Ids, Name, NotNull, Uuid, parse_uuid
from bot.sources.modl.requests import TYPE_NAMES, build_player, parse_body, validation_error
from bot.sources.modl.vocabulary import ALL, OPEN, REPORT_TYPES, STATUS_FILTERS, TYPE_LABELS, TYPES
from bot.sources.requests import GetPublicTicket, GetTicket, GetTickets, ListTickets, UpdateTicket
from bot.sources.validation import FieldError, Payload, Query, choice, parse_query, query_int
from bot.tickets.errors import AlreadyLinked
from bot.tickets.message import Actor
from bot.tickets.queries import TicketQuery
from bot.tickets.ticket import Player, Status, Ticket

SOURCE_NAME = "modl"
_DEFAULT_LIMIT = 50  # tickets in a list, if nobody asks for another number
_TICKET_ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,64}")
_TYPES_BY_FILTER = {word: (meaning,) for word, meaning in TYPES.items()} | {"all": tuple(TYPE_LABELS)}
_STATUS_NAMES = "open, closed, all"
_STATUS_FILTER = choice(STATUS_FILTERS, allowed_text=_STATUS_NAMES, blank=ALL)
_OPEN_STATUS_FILTER = choice(STATUS_FILTERS, allowed_text=_STATUS_NAMES, blank=OPEN)
_TYPE_FILTER = choice(_TYPES_BY_FILTER, allowed_text=f"{TYPE_NAMES}, all", blank=_TYPES_BY_FILTER["all"])


class ReportsQuery(Query):
    """The query of `GET /v1/minecraft/reports/player/{uuid}`: whatever their status."""

    status: Annotated[tuple[Status, ...], _STATUS_FILTER, NotNull()] = Field(
        default=ALL, json_schema_extra={"default": "all"}
    )
    limit: Annotated[int, query_int(1, 100)] = _DEFAULT_LIMIT


class OpenReportsQuery(ReportsQuery):
    """The query of `GET /v1/minecraft/reports`: the open ones unless others are asked for."""

    status: Annotated[tuple[Status, ...], _OPEN_STATUS_FILTER, NotNull()] = Field(
        default=OPEN, json_schema_extra={"default": "open"}
    )


class TicketListQuery(ReportsQuery):
    """The query of `GET /v1/minecraft/tickets`."""

    type: Annotated[tuple[str, ...], _TYPE_FILTER, NotNull()] = Field(
        default=_TYPES_BY_FILTER["all"], json_schema_extra={"default": "all"}
    )


class IdsBody(Payload):
    """The body of `POST /v1/minecraft/tickets/by-ids`."""

    ids: Ids = ()


class LinkBody(Payload):
    """The body of `POST /v1/minecraft/tickets/{id}/claim`."""

    playerUuid: Uuid
    playerName: Name


_QueryT = TypeVar("_QueryT", bound=Query)


def list_tickets(request: ApiRequest) -> ListTickets:
    """Raises Refused(400, ...)."""
    query = _parse_query(TicketListQuery, request)
    return ListTickets(query=_ticket_query(query, categories=query.type))


def list_player_tickets(request: ApiRequest) -> ListTickets:
    """The newest that this player filed. Raises Refused(400, ...)."""
    return ListTickets(query=TicketQuery(limit=_DEFAULT_LIMIT, reporter_id=_player_uuid(request)))


def get_ticket(request: ApiRequest) -> GetTicket:
    return GetTicket(ticket_id=ticket_id(request))


def get_tickets_by_ids(request: ApiRequest) -> GetTickets:
    """Raises Refused(400, ...)."""
    return GetTickets(ticket_ids=parse_body(IdsBody, request.body).ids)


def public_status(request: ApiRequest) -> GetPublicTicket:
    return GetPublicTicket(ticket_id=ticket_id(request))


def link_player(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(LinkBody, request.body)
    player = build_player(body.playerUuid, body.playerName) or Player()
    by = Actor(id=body.playerUuid, name=body.playerName, source=SOURCE_NAME)
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
    return ListTickets(query=_ticket_query(_parse_query(OpenReportsQuery, request), categories=REPORT_TYPES))


def list_reports_on_player(request: ApiRequest) -> ListTickets:
    """Those that report this player. Raises Refused(400, ...)."""
    search = _ticket_query(_parse_query(ReportsQuery, request), categories=REPORT_TYPES)
    return ListTickets(query=replace(search, reported_id=_player_uuid(request)))


def ticket_id(request: ApiRequest) -> str:
    """The id in the path. What can be none, such as half a character, becomes "", which no ticket has."""
    name = request.path_params["id"]
    return name if _TICKET_ID_PATTERN.fullmatch(name) else ""


def _ticket_query(query: ReportsQuery, *, categories: Sequence[str]) -> TicketQuery:
    return TicketQuery(limit=query.limit, statuses=query.status, categories=categories)


def _parse_query(model: type[_QueryT], request: ApiRequest) -> _QueryT:
    try:
        return parse_query(model, request.query)
    except FieldError as problem:
        raise validation_error(problem) from problem


def _player_uuid(request: ApiRequest) -> str:
    try:
        return parse_uuid(request.path_params["uuid"])
    except PydanticCustomError as error:
        raise validation_error(FieldError("uuid", error.message())) from error
