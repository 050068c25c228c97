"""The modl API: tickets from Minecraft servers."""

from typing import Any

from bot.sources.contract import (
    AnswerEndpoint,
    ConversationEndpoint,
    Endpoint,
    ErrorCodec,
    IntakeEndpoint,
    PageEndpoint,
    RateLimit,
    Source,
)
from bot.sources.modl import (
    conversation_page,
    errors,
    examples,
    handlers,
    plugin,
    requests,
    responses,
    serializers,
    status_page,
)
from bot.sources.modl.fields import PathUuid, normalize_uuid
from bot.sources.modl.protobuf.endpoints import CONTENT_TYPE, PATH_PREFIX, PROTO_FILE, with_protobuf
from bot.sources.modl.protobuf.errors import encode_error
from bot.sources.modl.vocabulary import TYPE_LABELS
from bot.sources.requests import GetTicket, GetTickets, ListTickets, UpdateTicket
from bot.tickets.public_ids import numeric_ids

_TICKETS_PATH = "/v1/minecraft/tickets"
_REPORTS_PATH = "/v1/minecraft/reports"
_PLAYERS_PATH = "/v1/minecraft/players"
_PAGE_PATH = "/ticket/{id}"
_ID_PREFIXES = {
    "bug": "BUG",
    "player": "PLAYER",
    "chat": "CHAT",
    "appeal": "APPEAL",
    "application": "STAFF",
    "support": "SUPPORT",
}

_INTAKE_ENDPOINTS = (
    IntakeEndpoint(
        path=_TICKETS_PATH,
        summary="Create a ticket for a player",
        parse=requests.parse_ticket,
        serialize=serializers.ticket_created,
        page_path=_PAGE_PATH,
        serialize_page_url=serializers.page_url,
        body=requests.TicketBody,
        response=responses.TicketCreated,
        example=examples.TICKET,
    ),
    IntakeEndpoint(
        path=f"{_TICKETS_PATH}/unfinished",
        summary="Create a ticket whose form is not filled in yet",
        parse=requests.parse_draft,
        serialize=serializers.draft_created,
        page_path=_PAGE_PATH,
        serialize_page_url=serializers.page_url,
        body=requests.DraftBody,
        response=responses.TicketCreated,
    ),
)
_TICKET_ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_TICKETS_PATH,
        request=ListTickets,
        parse=handlers.list_tickets,
        serialize=serializers.ticket_list,
        summary="The newest tickets, those for support, bugs and appeals by default",
        query=requests.TicketListQuery,
        response=responses.TicketList,
    ),
    Endpoint(
        method="GET",
        path=f"{_TICKETS_PATH}/{{id}}",
        request=GetTicket,
        parse=handlers.get_ticket,
        serialize=serializers.ticket_detail,
        summary="One ticket with its messages",
        response=responses.TicketDetailResponse,
    ),
    Endpoint(
        method="GET",
        path=f"{_TICKETS_PATH}/player/{{uuid}}",
        request=ListTickets,
        parse=handlers.list_player_tickets,
        serialize=serializers.player_ticket_list,
        summary="The newest 50 tickets that one player created",
        path_params={"uuid": PathUuid},
        response=responses.PlayerTicketList,
    ),
    Endpoint(
        method="POST",
        path=f"{_TICKETS_PATH}/by-ids",
        request=GetTickets,
        parse=handlers.get_tickets_by_ids,
        serialize=serializers.tickets_by_ids,
        summary="Those of up to 100 tickets that exist",
        body=requests.IdsBody,
        response=responses.TicketLookupList,
    ),
    Endpoint(
        method="POST",
        path=f"{_TICKETS_PATH}/{{id}}/claim",
        request=UpdateTicket,
        parse=handlers.link_player,
        serialize=serializers.player_linked,
        summary="Link a ticket to the player who created it, and to no other",
        body=requests.LinkBody,
        response=responses.PlayerLinked,
        errors=errors.LINK_ERRORS,
    ),
)
_REPORT_ENDPOINTS = (
    Endpoint(
        method="GET",
        path=_REPORTS_PATH,
        request=ListTickets,
        parse=handlers.list_reports,
        serialize=serializers.report_list,
        summary="The newest reports of players and of chat, open ones by default",
        query=requests.OpenReportsQuery,
        response=responses.ReportList,
    ),
    Endpoint(
        method="GET",
        path=f"{_REPORTS_PATH}/player/{{uuid}}",
        request=ListTickets,
        parse=handlers.list_reports_on_player,
        serialize=serializers.report_list,
        summary="The newest reports in which one player is reported",
        path_params={"uuid": PathUuid},
        query=requests.ReportsQuery,
        response=responses.ReportList,
    ),
    Endpoint(
        method="GET",
        path=f"{_PLAYERS_PATH}/{{uuid}}/reports",
        request=ListTickets,
        parse=handlers.list_player_reports,
        serialize=serializers.player_report_list,
        summary="The newest 50 reports in which one player is reported, in short",
        path_params={"uuid": PathUuid},
        response=responses.PlayerReportList,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS_PATH}/{{id}}/assign",
        request=UpdateTicket,
        parse=handlers.assign,
        serialize=serializers.report_updated("Report assigned"),
        summary="Assign a report to a member of staff",
        body=requests.AssignBody,
        response=responses.ReportUpdated,
        errors=errors.REPORT_ERRORS,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS_PATH}/{{id}}/resolve",
        request=UpdateTicket,
        parse=handlers.resolve,
        serialize=serializers.report_updated("Report resolved"),
        summary="Tell the reporter that action was taken, and resolve the report",
        body=requests.ResolveBody,
        response=responses.ReportUpdated,
        errors=errors.REPORT_ERRORS,
    ),
    Endpoint(
        method="POST",
        path=f"{_REPORTS_PATH}/{{id}}/dismiss",
        request=UpdateTicket,
        parse=handlers.dismiss,
        serialize=serializers.report_updated("Report dismissed"),
        summary="Tell the reporter that no action was taken, and close the report",
        body=requests.DismissBody,
        response=responses.ReportUpdated,
        errors=errors.REPORT_ERRORS,
    ),
)
_ENDPOINTS: tuple[Endpoint[Any], ...] = (*_TICKET_ENDPOINTS, *_REPORT_ENDPOINTS, *plugin.ENDPOINTS)

SOURCE = Source(
    name="modl",
    summary="Tickets from Minecraft servers, in the words of the modl API.",
    # The plugin calls them all. For what is not served here it needs an error that it can read, too.
    path_prefixes=("/v1", "/v2", "/v3", "/api/public"),
    key_headers=("X-API-Key",),
    rate_limit=RateLimit(requests=1000, seconds=60, per="address", headers=errors.rate_limit_headers),
    intake_endpoints=with_protobuf(_INTAKE_ENDPOINTS),
    endpoints=(
        *with_protobuf(_ENDPOINTS),
        *plugin.JSON_ENDPOINTS,
    ),
    public_endpoints=(
        ConversationEndpoint(
            path=_PAGE_PATH,
            parse=handlers.ticket_id,
            render=status_page.render_status_page,
            render_conversation=conversation_page.render_conversation_page,
            query=requests.PageQuery,
            summary="A page for a ticket's player: its status, and with its token the conversation",
        ),
        AnswerEndpoint(
            path=_PAGE_PATH,
            parse=handlers.ticket_id,
            render=status_page.render_status_page,
            render_conversation=conversation_page.render_conversation_page,
            query=requests.PageQuery,
            summary="The form of that page: adds what the player typed to the ticket",
        ),
        PageEndpoint(
            path="/panel/tickets/{id}",
            parse=handlers.ticket_id,
            render=status_page.render_status_page,
            summary="A page for staff in the game: the status of a ticket",
        ),
        PROTO_FILE,
    ),
    new_public_ids=lambda new, now: numeric_ids(_ID_PREFIXES[new.category]),
    format_error=errors.format_error,
    unserved_prefixes=plugin.UNSERVED_PREFIXES,
    error_codecs={PATH_PREFIX: ErrorCodec(content_type=CONTENT_TYPE, encode=encode_error)},
    errors=errors.ERRORS,
    normalize_player_id=normalize_uuid,
    categories=frozenset(TYPE_LABELS),
)
