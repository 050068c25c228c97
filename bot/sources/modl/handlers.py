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

from bot.sources import Call
from bot.sources.modl.fields import Ids, Name, NeverNull, Uuid, uuid
from bot.sources.modl.requests import TYPE_WORDS, invalid, player_of, read_body
from bot.sources.modl.vocabulary import ANY, CALLED, OPEN, REPORTS, STATUSES, TYPES
from bot.sources.requests import Browse, Find, FindAll, Glance, Work
from bot.sources.validation import Payload, Query, Unfit, asked_number, one_of, read_query
from bot.tickets import AlreadyLinked, Person, Player, Search, Status, Ticket

SOURCE_NAME = "modl"
_NEWEST = 50  # tickets in a list, if nobody asks for another number
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_FILTERS = {word: (meaning,) for word, meaning in TYPES.items()} | {"all": tuple(CALLED)}
_STATUS_WORDS = "open, closed, all"
_STATUS = one_of(STATUSES, shown=_STATUS_WORDS, blank=ANY)
_OPEN_STATUS = one_of(STATUSES, shown=_STATUS_WORDS, blank=OPEN)
_TYPE = one_of(_FILTERS, shown=f"{TYPE_WORDS}, all", blank=_FILTERS["all"])


class ReportsQuery(Query):
    """The query of `GET /v1/minecraft/reports/player/{uuid}`: whatever their status."""

    status: Annotated[tuple[Status, ...], _STATUS, NeverNull()] = Field(
        default=ANY, json_schema_extra={"default": "all"}
    )
    limit: Annotated[int, asked_number(1, 100)] = _NEWEST


class OpenReportsQuery(ReportsQuery):
    """The query of `GET /v1/minecraft/reports`: the open ones unless others are asked for."""

    status: Annotated[tuple[Status, ...], _OPEN_STATUS, NeverNull()] = Field(
        default=OPEN, json_schema_extra={"default": "open"}
    )


class TicketsQuery(ReportsQuery):
    """The query of `GET /v1/minecraft/tickets`."""

    type: Annotated[tuple[str, ...], _TYPE, NeverNull()] = Field(
        default=_FILTERS["all"], json_schema_extra={"default": "all"}
    )


class IdsBody(Payload):
    """The body of `POST /v1/minecraft/tickets/by-ids`."""

    ids: Ids = ()


class LinkBody(Payload):
    """The body of `POST /v1/minecraft/tickets/{id}/claim`."""

    playerUuid: Uuid
    playerName: Name


_AnyQuery = TypeVar("_AnyQuery", bound=Query)


def tickets(call: Call) -> Browse:
    """Raises Refused(400, ...)."""
    query = _query(TicketsQuery, call)
    return Browse(search=_search(query, categories=query.type))


def tickets_of_player(call: Call) -> Browse:
    """The newest that this player filed. Raises Refused(400, ...)."""
    return Browse(search=Search(limit=_NEWEST, reporter_id=_uuid(call)))


def ticket(call: Call) -> Find:
    return Find(name=id_of(call))


def tickets_by_ids(call: Call) -> FindAll:
    """Raises Refused(400, ...)."""
    return FindAll(names=read_body(IdsBody, call.body).ids)


def glance(call: Call) -> Glance:
    return Glance(name=id_of(call))


def link(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = read_body(LinkBody, call.body)
    player = player_of(body.playerUuid, body.playerName) or Player()
    by = Person(id=body.playerUuid, name=body.playerName, source=SOURCE_NAME)
    return Work(name=id_of(call), by=by, rule=lambda ticket, workspace, by: _linked(ticket, player))


def _linked(ticket: Ticket, player: Player) -> Ticket:
    """Every ticket came with a player. That of an anticheat is nobody's, least of all the accused's."""
    if ticket.reporter.id is None:
        raise AlreadyLinked
    return ticket.link(player)


def reports(call: Call) -> Browse:
    """Raises Refused(400, ...)."""
    return Browse(search=_search(_query(OpenReportsQuery, call), categories=REPORTS))


def reports_on_player(call: Call) -> Browse:
    """Those that report this player. Raises Refused(400, ...)."""
    search = _search(_query(ReportsQuery, call), categories=REPORTS)
    return Browse(search=replace(search, reported_id=_uuid(call)))


def id_of(call: Call) -> str:
    """The id in the path. What can be none, such as half a character, becomes "", which no ticket has."""
    name = call.path["id"]
    return name if _ID.fullmatch(name) else ""


def _search(query: ReportsQuery, *, categories: Sequence[str]) -> Search:
    return Search(limit=query.limit, statuses=query.status, categories=categories)


def _query(model: type[_AnyQuery], call: Call) -> _AnyQuery:
    try:
        return read_query(model, call.query)
    except Unfit as problem:
        raise invalid(problem) from problem


def _uuid(call: Call) -> str:
    try:
        return uuid(call.path["uuid"])
    except PydanticCustomError as error:
        raise invalid(Unfit("uuid", error.message())) from error
