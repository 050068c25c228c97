"""Serialize responses of the modl API. Any stored ticket can be serialized.

The plugin counts a ticket as created if it reads `success` and `ticketId`; `status` and `message` are what
the backend it was written for sends.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bot.sources.contract import JsonObject
from bot.sources.modl.chat_log import ChatLine, parse_chat_line
from bot.sources.modl.requests import REPLAY_LABEL, default_subject
from bot.sources.modl.vocabulary import PRIORITY_OUT
from bot.sources.requests import UpdateResult
from bot.tickets.message import Message, MessageKind
from bot.tickets.queries import TicketDetails, TicketPage
from bot.tickets.ticket import Status, Ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN_AUTHOR = "Player"  # the author of a message without a name
_UNKNOWN_REPORTER = "Unknown"  # a reporter without a name

JsonDict = dict[str, object]


def ticket_created(ticket: Ticket) -> JsonObject:
    """The response to `POST /v1/minecraft/tickets`."""
    return _success("Ticket created successfully", ticketId=ticket.public_id)


def draft_created(ticket: Ticket) -> JsonObject:
    """The response to `POST /v1/minecraft/tickets/unfinished`."""
    return _success("Ticket draft created - complete the form on the panel", ticketId=ticket.public_id)


def page_url(url: str) -> JsonObject:
    """What the response to both has besides: the page on which the player reads and answers the ticket."""
    return {"ticketUrl": url}


def player_linked(result: UpdateResult) -> JsonObject:
    """The response to `POST /v1/minecraft/tickets/{id}/claim`."""
    ticket = result.ticket
    message = "Ticket successfully linked to your account"
    return _success(message, ticketId=ticket.public_id, subject=_subject(ticket))


def report_updated(message: str) -> Callable[[UpdateResult], JsonObject]:
    """The response to `POST /v1/minecraft/reports/{id}/` assign, resolve and dismiss."""
    return lambda result: _success(message)


def ticket_list(page: TicketPage) -> JsonObject:
    """The response to `GET /v1/minecraft/tickets`."""
    return {"status": 200, "tickets": [_ticket_summary(details) for details in page.items]}


def player_ticket_list(page: TicketPage) -> JsonObject:
    """The response to `GET /v1/minecraft/tickets/player/{uuid}`."""
    return {
        "status": 200,
        "tickets": [
            _without_nulls(_base_fields(details.ticket) | _created_at_field(details.ticket))
            for details in page.items
        ],
    }


def tickets_by_ids(details: Sequence[TicketDetails]) -> JsonObject:
    """The response to `POST /v1/minecraft/tickets/by-ids`."""
    return {"status": 200, "tickets": [_ticket_lookup(one.ticket) for one in details]}


def ticket_detail(details: TicketDetails) -> JsonObject:
    """The response to `GET /v1/minecraft/tickets/{id}`."""
    return {"status": 200, "ticket": _ticket_detail(details)}


def report_list(page: TicketPage) -> JsonObject:
    """The response to `GET /v1/minecraft/reports` and `GET /v1/minecraft/reports/player/{uuid}`."""
    return {"status": 200, "reports": [_report(details) for details in page.items]}


def player_report_list(page: TicketPage) -> JsonObject:
    """The response to `GET /v1/minecraft/players/{uuid}/reports`."""
    return {"status": 200, "reports": [_player_report(details.ticket) for details in page.items]}


def _ticket_summary(details: TicketDetails) -> JsonDict:
    ticket = details.ticket
    descriptions = 1 if ticket.body else 0
    counts = {
        "hasStaffResponse": details.replies > 0,
        "replyCount": descriptions + details.replies + details.follow_ups,
        "locked": ticket.status.is_closed,
    }
    return _without_nulls(_base_fields(ticket) | _player_fields(ticket) | _triage_fields(details) | counts)


def _ticket_lookup(ticket: Ticket) -> JsonDict:
    first = {"firstReplyContent": ticket.body or None}
    return _without_nulls(_base_fields(ticket) | _player_fields(ticket) | _created_at_field(ticket) | first)


def _ticket_detail(details: TicketDetails) -> JsonDict:
    ticket = details.ticket
    content = {
        "locked": ticket.status.is_closed,
        "replies": _replies(details),
        "chatMessages": _chat_messages(ticket),
        "replayUrl": _replay_url(ticket),
    }
    return _without_nulls(_base_fields(ticket) | _player_fields(ticket) | _triage_fields(details) | content)


def _player_report(ticket: Ticket) -> JsonDict:
    return _without_nulls(
        {
            "id": ticket.public_id,
            "type": ticket.category,
            "reporterName": ticket.reporter.name or _UNKNOWN_REPORTER,
            "reporterUuid": ticket.reporter.id,
            "subject": _subject(ticket),
            "status": _status(ticket),
            "priority": PRIORITY_OUT[ticket.priority],
            **_created_at_field(ticket),
        }
    )


def _report(details: TicketDetails) -> JsonDict:
    ticket = details.ticket
    reporter, reported = ticket.reporter, ticket.reported_player
    return _without_nulls(
        {
            "id": ticket.public_id,
            "type": ticket.category,
            "reporterName": reporter.name or _UNKNOWN_REPORTER,
            "reporterUuid": reporter.id,
            "reportedPlayerUuid": reported.id if reported else None,
            "reportedPlayerName": reported.name if reported else None,
            "subject": _subject(ticket),
            "content": ticket.body or None,
            "status": _status(ticket),
            "priority": PRIORITY_OUT[ticket.priority],
            "createdAt": _to_millis(ticket.created_at),
            "assignedTo": _assignees(details),
            "chatMessages": _chat_messages(ticket),
            "replayUrl": _replay_url(ticket),
        }
    )


def _base_fields(ticket: Ticket) -> JsonDict:
    return {
        "id": ticket.public_id,
        "type": ticket.category,
        "category": ticket.category,
        "subject": _subject(ticket),
        "status": _status(ticket),
    }


def _player_fields(ticket: Ticket) -> JsonDict:
    return {"playerName": ticket.reporter.name, "playerUuid": ticket.reporter.id}


def _created_at_field(ticket: Ticket) -> JsonDict:
    return {"createdAt": _to_millis(ticket.created_at)}


def _triage_fields(details: TicketDetails) -> JsonDict:
    ticket = details.ticket
    return {
        "priority": PRIORITY_OUT[ticket.priority],
        "assignedTo": _assignees(details),
        **_created_at_field(ticket),
        "updatedAt": _to_millis(ticket.updated_at),
    }


def _subject(ticket: Ticket) -> str | None:
    """The subject as it was sent; None if it was sent without one."""
    is_default = ticket.subject == default_subject(ticket.category, ticket.reported_player)
    return None if is_default else ticket.subject


def _status(ticket: Ticket) -> str:
    if ticket.status is Status.UNFINISHED:
        return "unfinished"
    return "closed" if ticket.status.is_closed else "open"


def _assignees(details: TicketDetails) -> list[str]:
    """The claimer's name first."""
    claimer = [details.ticket.claimed_by] if details.ticket.claimed_by else []
    return list(dict.fromkeys(one.name for one in (*claimer, *details.assignees)))


def _replay_url(ticket: Ticket) -> str | None:
    return next((fact.value for fact in ticket.fields if fact.label == REPLAY_LABEL), None)


def _replies(details: TicketDetails) -> list[JsonDict]:
    replies = [_reply(message) for message in details.messages if message.kind is not MessageKind.EVENT]
    return [_description_as_reply(details.ticket), *replies] if details.ticket.body else replies


def _description_as_reply(ticket: Ticket) -> JsonDict:
    """The ticket's description, as its first message."""
    return _without_nulls(
        {
            "id": ticket.uid,
            "content": ticket.body,
            "authorName": ticket.reporter.name or _UNKNOWN_AUTHOR,
            "authorId": ticket.reporter.id,
            "isStaff": False,
            "createdAt": _to_millis(ticket.created_at),
        }
    )


def _reply(message: Message) -> JsonDict:
    is_staff = message.kind is MessageKind.REPLY
    return _without_nulls(
        {
            "id": str(message.id),
            "content": message.text,
            "authorName": message.author.name,
            "authorId": None if is_staff else message.author.id,
            "isStaff": is_staff,
            "createdAt": _to_millis(message.created_at),
        }
    )


def _chat_messages(ticket: Ticket) -> list[JsonDict]:
    return [_chat_message(parse_chat_line(line, created_at=ticket.created_at)) for line in ticket.chat_log]


def _chat_message(line: ChatLine) -> JsonDict:
    return _without_nulls(
        {"content": line.text, "timestamp": _to_millis(line.sent_at), "sender": line.sender}
    )


def _to_millis(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _without_nulls(fields: JsonDict) -> JsonDict:
    return {key: value for key, value in fields.items() if value is not None}


def _success(message: str, **fields: str | None) -> JsonObject:
    return _without_nulls({"status": 200, "success": True, **fields, "message": message})
