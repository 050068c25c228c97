"""The Series API: tickets and game reports from Roblox game servers."""

from bot.sources import Endpoint, Intake, Limit, Source
from bot.sources.series import answer, bodies, examples
from bot.sources.series import errors as refusals
from bot.sources.series import handlers as calls
from bot.sources.series import responses as says
from bot.sources.series.requests import GameReportBody, TicketBody, parse_game_report, parse_ticket
from bot.tickets import stamped_ids

_TICKET = "/tickets/{ticketId}"

SOURCE = Source(
    name="series",
    summary="The Series API, for Roblox game servers",
    prefixes=("/tickets", "/basic"),
    key_headers=("apikey", "x-api-key"),
    limit=Limit(requests=25, seconds=1, per="key"),
    intakes=(
        Intake(
            path="/tickets/create-game-report",
            summary="Report a player from within a game",
            parse=parse_game_report,
            answer=answer.kept,
            id_at="/data/TicketId",
            body=GameReportBody,
            says=says.TicketKept,
            refusals=refusals.FILING,
            example=examples.GAME_REPORT,
        ),
        Intake(
            path="/tickets/create",
            summary="File a ticket",
            parse=parse_ticket,
            answer=answer.kept,
            id_at="/data/TicketId",
            body=TicketBody,
            says=says.TicketKept,
            refusals=refusals.FILING,
            example=examples.TICKET,
        ),
    ),
    endpoints=(
        Endpoint(
            method="GET",
            path="/tickets/list",
            read=calls.list_tickets,
            answer=answer.ticket_list,
            summary="List tickets, ten on a page, newest first",
            query=bodies.ListQuery,
            says=says.TicketList,
        ),
        Endpoint(
            method="GET",
            path="/tickets/get/{ticketId}",
            read=calls.get_ticket,
            answer=answer.ticket_found,
            summary="Get a ticket with what was said on it, by its TicketId or its _id",
            says=says.TicketFound,
            refusals=refusals.READING,
        ),
        Endpoint(
            method="GET",
            path="/tickets/config",
            read=calls.read_config,
            answer=answer.config,
            summary="Get the workspace's categories and departments",
            says=says.Config,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET}/claim",
            read=calls.claim,
            answer=answer.claimed,
            summary="Claim a ticket; one member of staff at a time",
            body=bodies.StaffBody,
            says=says.WorkDone,
            refusals=refusals.CLAIMING,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET}/unclaim",
            read=calls.unclaim,
            answer=answer.unclaimed,
            summary="Give up the claim on a ticket",
            body=bodies.StaffBody,
            says=says.WorkDone,
            refusals=refusals.UNCLAIMING,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET}/reply",
            read=calls.reply,
            answer=answer.replied,
            summary="Reply to the author of a ticket one has claimed",
            body=bodies.ReplyBody,
            says=says.WorkDone,
            refusals=refusals.REPLYING,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET}/reply-member",
            read=calls.reply_member,
            answer=answer.replied,
            summary="Add to a ticket as its author",
            body=bodies.FollowUpBody,
            says=says.WorkDone,
            refusals=refusals.ADDING,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET}/status",
            read=calls.change_status,
            answer=answer.moved,
            summary="Change a ticket's status",
            body=bodies.StatusBody,
            says=says.WorkDone,
            refusals=refusals.MOVING,
        ),
        Endpoint(
            method="POST",
            path=f"{_TICKET}/transfer",
            read=calls.transfer,
            answer=answer.transferred,
            summary="Transfer a ticket to another department, and give up any claim on it",
            body=bodies.TransferBody,
            says=says.WorkDone,
            refusals=refusals.TRANSFERRING,
        ),
    ),
    open_endpoints=(
        Endpoint(
            method="GET",
            path="/basic/check-key/{apiKey}",
            read=calls.check_key,
            answer=answer.key_checked,
            summary="Check an API key, and how much it may still send",
            says=says.KeyChecked,
        ),
    ),
    ids=lambda new, now: stamped_ids("TICKET", now),
    refuse=refusals.refuse,
    gate=refusals.gate,
)
