"""Kept tickets as the modl API shows them: one, many, and as reports. Never raises for a kept ticket."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.sources import Body
from bot.sources.modl.chat_log import Spoken, spoken
from bot.sources.modl.requests import REPLAY
from bot.sources.modl.vocabulary import SAID_PRIORITIES
from bot.tickets import Case, Found, Message, MessageKind, Ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY = "Player"  # who said it, if their name is not known
_UNKNOWN = "Unknown"  # who reported it, if their name is not known

Shown = dict[str, object]


def listed(found: Found) -> Body:
    """The answer to `GET /v1/minecraft/tickets`."""
    return {"status": 200, "tickets": [_listed(case) for case in found.cases]}


def listed_for_player(found: Found) -> Body:
    """The answer to `GET /v1/minecraft/tickets/player/{uuid}`."""
    return {"status": 200, "tickets": [_head(case.ticket) | _filed(case.ticket) for case in found.cases]}


def listed_by_ids(cases: Sequence[Case]) -> Body:
    """The answer to `POST /v1/minecraft/tickets/by-ids`."""
    return {"status": 200, "tickets": [_looked_up(case.ticket) for case in cases]}


def whole(case: Case) -> Body:
    """The answer to `GET /v1/minecraft/tickets/{id}`."""
    return {"status": 200, "ticket": _whole(case)}


def reports(found: Found) -> Body:
    """The answer to `GET /v1/minecraft/reports` and `GET /v1/minecraft/reports/player/{uuid}`."""
    return {"status": 200, "reports": [_report(case.ticket) for case in found.cases]}


def _listed(case: Case) -> Shown:
    ticket = case.ticket
    described = 1 if ticket.body else 0
    counts = {
        "hasStaffResponse": case.replies > 0,
        "replyCount": described + case.replies + case.follow_ups,
        "locked": ticket.status.is_over,
    }
    return _without_nulls(_head(ticket) | _player(ticket) | _work(ticket) | counts)


def _looked_up(ticket: Ticket) -> Shown:
    first = {"firstReplyContent": ticket.body or None}
    return _without_nulls(_head(ticket) | _player(ticket) | _filed(ticket) | first)


def _whole(case: Case) -> Shown:
    ticket = case.ticket
    said = {
        "locked": ticket.status.is_over,
        "replies": _replies(case),
        "chatMessages": _chat(ticket),
        "replayUrl": _replay(ticket),
    }
    return _without_nulls(_head(ticket) | _player(ticket) | _work(ticket) | said)


def _report(ticket: Ticket) -> Shown:
    reporter, reported = ticket.reporter, ticket.reported_player
    return _without_nulls(
        {
            "id": ticket.public_id,
            "type": ticket.category,
            "reporterName": reporter.name or _UNKNOWN,
            "reporterUuid": reporter.id,
            "reportedPlayerUuid": reported.id if reported else None,
            "reportedPlayerName": reported.name if reported else None,
            "subject": ticket.subject,
            "content": ticket.body or None,
            "status": _status(ticket),
            "priority": SAID_PRIORITIES[ticket.priority],
            "createdAt": _ms(ticket.created_at),
            "assignedTo": _assigned(ticket),
            "chatMessages": _chat(ticket) or None,
            "replayUrl": _replay(ticket),
        }
    )


def _head(ticket: Ticket) -> Shown:
    return {
        "id": ticket.public_id,
        "type": ticket.category,
        "category": ticket.category,
        "subject": ticket.subject,
        "status": _status(ticket),
    }


def _player(ticket: Ticket) -> Shown:
    return {"playerName": ticket.reporter.name, "playerUuid": ticket.reporter.id}


def _filed(ticket: Ticket) -> Shown:
    return {"createdAt": _ms(ticket.created_at)}


def _work(ticket: Ticket) -> Shown:
    return {
        "priority": SAID_PRIORITIES[ticket.priority],
        "assignedTo": _assigned(ticket),
        **_filed(ticket),
        "updatedAt": _ms(ticket.updated_at),
    }


def _status(ticket: Ticket) -> str:
    return "closed" if ticket.status.is_over else "open"


def _assigned(ticket: Ticket) -> list[str]:
    return [ticket.claimed_by.name] if ticket.claimed_by else []


def _replay(ticket: Ticket) -> str | None:
    return next((fact.value for fact in ticket.facts if fact.label == REPLAY), None)


def _replies(case: Case) -> list[Shown]:
    said = [_reply(message) for message in case.messages if message.kind is not MessageKind.EVENT]
    return [_description(case.ticket), *said] if case.ticket.body else said


def _description(ticket: Ticket) -> Shown:
    """What a ticket was filed with, as the first that was said on it."""
    return _without_nulls(
        {
            "id": ticket.uid,
            "content": ticket.body,
            "authorName": ticket.reporter.name or _NOBODY,
            "authorId": ticket.reporter.id,
            "isStaff": False,
            "createdAt": _ms(ticket.created_at),
        }
    )


def _reply(message: Message) -> Shown:
    return {
        "id": str(message.id),
        "content": message.text,
        "authorName": message.author.name,
        "authorId": message.author.id,
        "isStaff": message.kind is MessageKind.REPLY,
        "createdAt": _ms(message.created_at),
    }


def _chat(ticket: Ticket) -> list[Shown]:
    return [_chat_message(spoken(line, filed_at=ticket.created_at)) for line in ticket.chat_log]


def _chat_message(line: Spoken) -> Shown:
    return _without_nulls({"content": line.text, "timestamp": _ms(line.at), "sender": line.sender})


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _without_nulls(shown: Shown) -> Shown:
    return {key: value for key, value in shown.items() if value is not None}
