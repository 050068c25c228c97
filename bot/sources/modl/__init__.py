"""The modl API: tickets from Minecraft servers."""

from bot.sources import Endpoint, Intake, Limit, Page, Source
from bot.sources.modl import errors as answer
from bot.sources.modl import examples, reports
from bot.sources.modl import handlers as asking
from bot.sources.modl import requests as payload
from bot.sources.modl import responses as shapes
from bot.sources.modl import serializers as tickets
from bot.sources.modl import status_page as page
from bot.sources.modl.fields import UuidInPath
from bot.sources.modl.vocabulary import CALLED
from bot.tickets import numbered_ids

_TICKETS = "/v1/minecraft/tickets"
_REPORTS = "/v1/minecraft/reports"
_ID_PREFIXES = {
    "bug": "BUG",
    "player": "PLAYER",
    "chat": "CHAT",
    "appeal": "APPEAL",
    "staff": "STAFF",
    "support": "SUPPORT",
}

_INTAKES = (
    Intake(
        path=_TICKETS,
        summary="File a ticket for a player",
        parse=payload.parse,
        answer=answer.kept,
        body=payload.TicketBody,
        says=shapes.Kept,
        id_at="/ticketId",
        example=examples.TICKET,
    ),
    Intake(
        path=f"{_TICKETS}/unfinished",
        summary="File a ticket whose form is not filled in yet",
        parse=payload.parse_draft,
        answer=answer.kept_draft,
        body=payload.DraftBody,
        says=shapes.Kept,
        id_at="/ticketId",
    ),
)
_TICKET_ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_TICKETS,
        read=asking.tickets,
        answer=tickets.listed,
        summary="The newest tickets",
        query=asking.TicketsQuery,
        says=shapes.TicketList,
    ),
    Endpoint(
        method="GET",
        path=f"{_TICKETS}/{{id}}",
        read=asking.ticket,
        answer=tickets.whole,
        summary="One ticket with everything that was said on it",
        says=shapes.OneTicket,
    ),
    Endpoint(
        method="GET",
        path=f"{_TICKETS}/player/{{uuid}}",
        read=asking.tickets_of_player,
        answer=tickets.listed_for_player,
        summary="The newest 50 tickets that one player filed",
        names={"uuid": UuidInPath},
        says=shapes.PlayerTicketList,
    ),
    Endpoint(
        method="POST",
        path=f"{_TICKETS}/by-ids",
        read=asking.tickets_by_ids,
        answer=tickets.listed_by_ids,
        summary="Those of up to 100 tickets that there are",
        body=asking.IdsBody,
        says=shapes.FoundTicketList,
    ),
    Endpoint(
        method="POST",
        path=f"{_TICKETS}/{{id}}/claim",
        read=asking.link,
        answer=answer.linked,
        summary="Link a ticket to the player who filed it, and to nobody else",
        body=asking.LinkBody,
        says=shapes.Linked,
        refusals=answer.LINK_REFUSALS,
    ),
)
_REPORT_ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_REPORTS,
        read=asking.reports,
        answer=tickets.reports,
        summary="The newest reports of players and of chat, the open ones unless others are asked for",
        query=asking.OpenReportsQuery,
        says=shapes.ReportList,
    ),
    Endpoint(
        method="GET",
        path=f"{_REPORTS}/player/{{uuid}}",
        read=asking.reports_on_player,
        answer=tickets.reports,
        summary="The newest reports in which one player is reported",
        names={"uuid": UuidInPath},
        query=asking.ReportsQuery,
        says=shapes.ReportList,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS}/{{id}}/assign",
        read=reports.assign,
        answer=answer.worked("Report assigned"),
        summary="Say who is to work on a report",
        body=reports.AssignBody,
        says=shapes.Worked,
        refusals=answer.REPORT_REFUSALS,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS}/{{id}}/resolve",
        read=reports.resolve,
        answer=answer.worked("Report resolved"),
        summary="Tell the reporter that action was taken, and resolve the report",
        body=reports.ResolveBody,
        says=shapes.Worked,
        refusals=answer.REPORT_REFUSALS,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS}/{{id}}/dismiss",
        read=reports.dismiss,
        answer=answer.worked("Report dismissed"),
        summary="Tell the reporter that no action was taken, and close the report",
        body=reports.DismissBody,
        says=shapes.Worked,
        refusals=answer.REPORT_REFUSALS,
    ),
)

SOURCE = Source(
    name="modl",
    summary="Tickets from Minecraft servers, in the words of the modl API.",
    # The plugin calls all but the last, which is the link it shows to a player. What it calls and is not
    # served here must still be refused in words it can read.
    prefixes=("/v1", "/v2", "/v3", "/api/public", "/ticket"),
    key_headers=("X-API-Key",),
    limit=Limit(requests=1000, seconds=60, per="address", headers=answer.limit_headers),
    intakes=_INTAKES,
    endpoints=(*_TICKET_ENDPOINTS, *_REPORT_ENDPOINTS),
    open_endpoints=(
        Endpoint(
            method="GET",
            path="/ticket/{id}",
            read=asking.glance,
            answer=page.page,
            summary="How far a ticket is: a page for its player",
            says=Page,
        ),
    ),
    ids=lambda new, now: numbered_ids(_ID_PREFIXES[new.category]),
    refuse=answer.refuse,
    refusals=answer.REFUSALS,
    categories=frozenset(CALLED),
)
