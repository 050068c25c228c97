"""The Series API: tickets and game reports from Roblox game servers."""

from bot.sources.contract import Endpoint, IntakeEndpoint, RateLimit, Source
from bot.sources.series import answer, bodies, examples
from bot.sources.series import errors as refusals
from bot.sources.series import handlers as calls
from bot.sources.series import responses as says
from bot.sources.series.requests import GameReportBody, TicketBody, parse_game_report, parse_ticket
from bot.tickets.public_ids import timestamp_ids

_TICKET_PATH = "/tickets/{ticketId}"

SOURCE = Source(
    name="series",
    summary="The Series API, for Roblox game servers",
    path_prefixes=("/tickets", "/basic"),
    key_headers=("apikey", "x-api-key"),
    rate_limit=RateLimit(requests=25, seconds=1, per="key"),
    intake_endpoints=(
        IntakeEndpoint(
            path="/tickets/create-game-report",
            summary="Report a player from within a game",
            parse=parse_game_report,
            serialize=answer.ticket_created,
            id_pointer="/data/TicketId",
            body=GameReportBody,
            response=says.TicketCreated,
            errors=refusals.CREATE_ERRORS,
            example=examples.GAME_REPORT,
        ),
        IntakeEndpoint(
            path="/tickets/create",
            summary="File a ticket",
            parse=parse_ticket,
            serialize=answer.ticket_created,
            id_pointer="/data/TicketId",
            body=TicketBody,
            response=says.TicketCreated,
            errors=refusals.CREATE_ERRORS,
            example=examples.TICKET,
        ),
    ),
    endpoints=(
        Endpoint(
            method="GET",
            path="/tickets/list",
            parse=calls.list_tickets,
            serialize=answer.ticket_list,
            summary="List tickets, ten on a page, newest first",
            query=bodies.ListQuery,
            response=says.TicketList,
        ),
        Endpoint(
            method="GET",
            path="/tickets/get/{ticketId}",
            parse=calls.get_ticket,
            serialize=answer.ticket_response,
            summary="Get a ticket with what was said on it, by its TicketId or its _id",
            response=says.TicketResponse,
            errors=refusals.GET_ERRORS,
        ),
        Endpoint(
            method="GET",
            path="/tickets/config",
            parse=calls.get_config,
            serialize=answer.config,
            summary="Get the workspace's categories and departments",
            response=says.ConfigResponse,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET_PATH}/claim",
            parse=calls.claim,
            serialize=answer.claimed,
            summary="Claim a ticket; one member of staff at a time",
            body=bodies.StaffBody,
            response=says.MessageResponse,
            errors=refusals.CLAIM_ERRORS,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET_PATH}/unclaim",
            parse=calls.unclaim,
            serialize=answer.unclaimed,
            summary="Give up the claim on a ticket",
            body=bodies.StaffBody,
            response=says.MessageResponse,
            errors=refusals.UNCLAIM_ERRORS,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET_PATH}/reply",
            parse=calls.reply,
            serialize=answer.replied,
            summary="Reply to the author of a ticket one has claimed",
            body=bodies.ReplyBody,
            response=says.MessageResponse,
            errors=refusals.REPLY_ERRORS,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET_PATH}/reply-member",
            parse=calls.reply_member,
            serialize=answer.replied,
            summary="Add to a ticket as its author",
            body=bodies.FollowUpBody,
            response=says.MessageResponse,
            errors=refusals.FOLLOW_UP_ERRORS,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET_PATH}/status",
            parse=calls.change_status,
            serialize=answer.status_changed,
            summary="Change a ticket's status",
            body=bodies.StatusBody,
            response=says.MessageResponse,
            errors=refusals.STATUS_ERRORS,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET_PATH}/transfer",
            parse=calls.transfer,
            serialize=answer.transferred,
            summary="Transfer a ticket to another department, and give up any claim on it",
            body=bodies.TransferBody,
            response=says.MessageResponse,
            errors=refusals.TRANSFER_ERRORS,
        ),
    ),
    public_endpoints=(
        Endpoint(
            method="GET",
            path="/basic/check-key/{apiKey}",
            parse=calls.check_api_key,
            serialize=answer.api_key_status,
            summary="Check an API key, and how much it may still send",
            response=says.ApiKeyStatus,
        ),
    ),
    new_public_ids=lambda new, now: timestamp_ids("TICKET", now),
    format_error=refusals.format_error,
    authorize=refusals.authorize,
)
