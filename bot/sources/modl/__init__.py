"""The modl API: tickets from Minecraft servers."""

from bot.sources.contract import Endpoint, HtmlPage, IntakeEndpoint, RateLimit, Source
from bot.sources.modl import errors as answer
from bot.sources.modl import examples, reports
from bot.sources.modl import handlers as asking
from bot.sources.modl import requests as payload
from bot.sources.modl import responses as shapes
from bot.sources.modl import serializers as tickets
from bot.sources.modl import status_page as page
from bot.sources.modl.fields import PathUuid
from bot.sources.modl.vocabulary import TYPE_LABELS
from bot.tickets.public_ids import numeric_ids

_TICKETS_PATH = "/v1/minecraft/tickets"
_REPORTS_PATH = "/v1/minecraft/reports"
_ID_PREFIXES = {
    "bug": "BUG",
    "player": "PLAYER",
    "chat": "CHAT",
    "appeal": "APPEAL",
    "staff": "STAFF",
    "support": "SUPPORT",
}

_INTAKE_ENDPOINTS = (
    IntakeEndpoint(
        path=_TICKETS_PATH,
        summary="File a ticket for a player",
        parse=payload.parse_ticket,
        serialize=answer.ticket_created,
        body=payload.TicketBody,
        response=shapes.TicketCreated,
        id_pointer="/ticketId",
        example=examples.TICKET,
    ),
    IntakeEndpoint(
        path=f"{_TICKETS_PATH}/unfinished",
        summary="File a ticket whose form is not filled in yet",
        parse=payload.parse_draft,
        serialize=answer.draft_created,
        body=payload.DraftBody,
        response=shapes.TicketCreated,
        id_pointer="/ticketId",
    ),
)
_TICKET_ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_TICKETS_PATH,
        parse=asking.list_tickets,
        serialize=tickets.ticket_list,
        summary="The newest tickets",
        query=asking.TicketListQuery,
        response=shapes.TicketList,
    ),
    Endpoint(
        method="GET",
        path=f"{_TICKETS_PATH}/{{id}}",
        parse=asking.get_ticket,
        serialize=tickets.ticket_detail,
        summary="One ticket with everything that was said on it",
        response=shapes.TicketDetailResponse,
    ),
    Endpoint(
        method="GET",
        path=f"{_TICKETS_PATH}/player/{{uuid}}",
        parse=asking.list_player_tickets,
        serialize=tickets.player_ticket_list,
        summary="The newest 50 tickets that one player filed",
        path_params={"uuid": PathUuid},
        response=shapes.PlayerTicketList,
    ),
    Endpoint(
        method="POST",
        path=f"{_TICKETS_PATH}/by-ids",
        parse=asking.get_tickets_by_ids,
        serialize=tickets.tickets_by_ids,
        summary="Those of up to 100 tickets that there are",
        body=asking.IdsBody,
        response=shapes.TicketLookupList,
    ),
    Endpoint(
        method="POST",
        path=f"{_TICKETS_PATH}/{{id}}/claim",
        parse=asking.link_player,
        serialize=answer.player_linked,
        summary="Link a ticket to the player who filed it, and to nobody else",
        body=asking.LinkBody,
        response=shapes.PlayerLinked,
        errors=answer.LINK_ERRORS,
    ),
)
_REPORT_ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_REPORTS_PATH,
        parse=asking.list_reports,
        serialize=tickets.report_list,
        summary="The newest reports of players and of chat, the open ones unless others are asked for",
        query=asking.OpenReportsQuery,
        response=shapes.ReportList,
    ),
    Endpoint(
        method="GET",
        path=f"{_REPORTS_PATH}/player/{{uuid}}",
        parse=asking.list_reports_on_player,
        serialize=tickets.report_list,
        summary="The newest reports in which one player is reported",
        path_params={"uuid": PathUuid},
        query=asking.ReportsQuery,
        response=shapes.ReportList,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS_PATH}/{{id}}/assign",
        parse=reports.assign,
        serialize=answer.report_updated("Report assigned"),
        summary="Say who is to work on a report",
        body=reports.AssignBody,
        response=shapes.ReportUpdated,
        errors=answer.REPORT_ERRORS,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS_PATH}/{{id}}/resolve",
        parse=reports.resolve,
        serialize=answer.report_updated("Report resolved"),
        summary="Tell the reporter that action was taken, and resolve the report",
        body=reports.ResolveBody,
        response=shapes.ReportUpdated,
        errors=answer.REPORT_ERRORS,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS_PATH}/{{id}}/dismiss",
        parse=reports.dismiss,
        serialize=answer.report_updated("Report dismissed"),
        summary="Tell the reporter that no action was taken, and close the report",
        body=reports.DismissBody,
        response=shapes.ReportUpdated,
        errors=answer.REPORT_ERRORS,
    ),
)

SOURCE = Source(
    name="modl",
    summary="Tickets from Minecraft servers, in the words of the modl API.",
    # The plugin calls all but the last, which is the link it shows to a player. What it calls and is not
    # served here must still be refused in words it can read.
    path_prefixes=("/v1", "/v2", "/v3", "/api/public", "/ticket"),
    key_headers=("X-API-Key",),
    rate_limit=RateLimit(requests=1000, seconds=60, per="address", headers=answer.rate_limit_headers),
    intake_endpoints=_INTAKE_ENDPOINTS,
    endpoints=(*_TICKET_ENDPOINTS, *_REPORT_ENDPOINTS),
    public_endpoints=(
        Endpoint(
            method="GET",
            path="/ticket/{id}",
            parse=asking.public_status,
            serialize=page.render_status_page,
            summary="How far a ticket is: a page for its player",
            response=HtmlPage,
        ),
    ),
    new_public_ids=lambda new, now: numeric_ids(_ID_PREFIXES[new.category]),
    format_error=answer.format_error,
    errors=answer.ERRORS,
    categories=frozenset(TYPE_LABELS),
)
