"""A ticket as the Series API shows it. Drawn from the ticket alone: whatever was kept can be shown."""

import re
import string
from datetime import UTC, datetime

from bot.sources.series.requests import PLACE_LABEL, SERVER_LABEL
from bot.sources.series.responses import (
    Author,
    Claimer,
    GameData,
    GameDataField,
    MessageId,
    MessageOut,
    MessageType,
    PriorityValue,
    StatusValue,
    TicketOut,
    TicketSummary,
    TicketWithMessages,
)
from bot.tickets.message import Actor, MessageKind
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Player, Priority, Status, Ticket

_NO_NUMERIC_ID = 0  # the number of who has none
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_BASE36_DIGITS = string.digits + string.ascii_lowercase
_STATUS_OUT: dict[Status, StatusValue] = {
    Status.OPEN: "open",
    Status.IN_PROGRESS: "in-progress",
    Status.RESOLVED: "resolved",
    Status.CLOSED: "closed",
}
_PRIORITY_OUT: dict[Priority, PriorityValue] = {
    Priority.LOW: "low",
    Priority.NORMAL: "medium",
    Priority.HIGH: "high",
    Priority.URGENT: "urgent",
}
_MESSAGE_TYPES: dict[MessageKind, MessageType] = {
    MessageKind.REPLY: "staff_message",
    MessageKind.FOLLOW_UP: "author_message",
    MessageKind.EVENT: "system_message",
}


def serialize_ticket(ticket: Ticket) -> TicketOut:
    """The ticket without what was said on it."""
    place: GameDataField = {"GameData": _game_data(ticket)} if ticket.view_only else {}
    return {
        "TicketId": ticket.public_id,
        "_id": ticket.uid,
        "WorkspaceId": ticket.workspace_id,
        "Subject": ticket.subject,
        "Category": ticket.category,
        "Department": ticket.department,
        "Status": _STATUS_OUT[ticket.status],
        "Priority": _PRIORITY_OUT[ticket.priority],
        "Author": _author(ticket.reporter),
        "GameReport": ticket.view_only,
        **place,
        "CreatedAt": to_iso(ticket.created_at),
        "UpdatedAt": to_iso(ticket.updated_at),
    }


def serialize_ticket_summary(ticket: Ticket) -> TicketSummary:
    """The ticket as one of many."""
    claimer = ticket.claimed_by
    return {
        **serialize_ticket(ticket),
        "ClaimedBy": numeric_id(claimer.id) if claimer else None,
        "ClaimedByName": claimer.name if claimer else None,
    }


def serialize_ticket_with_messages(details: TicketDetails) -> TicketWithMessages:
    """The ticket with all that was said on it."""
    claimer = details.ticket.claimed_by
    return {
        **serialize_ticket(details.ticket),
        "Content": _messages(details),
        "ClaimedBy": numeric_id(claimer.id) if claimer else None,
        "ClaimedByUser": _claimer(claimer) if claimer else None,
    }


def to_iso(time: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and Z, as on the pages."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def numeric_id(value: str | None) -> int:
    """A person's id as the contract wants it; 0 for an id that is no number."""
    return int(value) if value and _INTEGER.fullmatch(value) else _NO_NUMERIC_ID


def _author(reporter: Player) -> Author:
    return {
        "UserId": numeric_id(reporter.id),
        "Username": reporter.name,
        "DisplayName": reporter.display_name,
        "AvatarUrl": reporter.avatar_url or "",
    }


def _claimer(claimer: Actor) -> Claimer:
    return {"UserId": numeric_id(claimer.id), "DisplayName": claimer.name, "Username": claimer.name}


def _game_data(ticket: Ticket) -> GameData:
    """The place comes as text and goes back as a number; 0 is a place that nobody knows."""
    facts = {fact.label: fact.value for fact in ticket.fields}
    return {"PlaceId": numeric_id(facts.get(PLACE_LABEL)), "ServerId": facts.get(SERVER_LABEL)}


def _messages(details: TicketDetails) -> dict[MessageId, MessageOut]:
    ticket = details.ticket
    said: dict[MessageId, MessageOut] = {
        _message_id(ticket.created_at, 0): {
            "Content": ticket.body,
            "Author": numeric_id(ticket.reporter.id),
            "Type": "author_message",
            "Timestamp": to_iso(ticket.created_at),
        }
    }
    for message in details.messages:  # never a note: those stay in Discord
        said[_message_id(message.created_at, message.id)] = {
            "Content": message.text,
            "Author": numeric_id(message.author.id),
            "Type": _MESSAGE_TYPES[message.kind],
            "Timestamp": to_iso(message.created_at),
        }
    return said


def _message_id(time: datetime, number: int) -> MessageId:
    """`msj_<10 digits>_<6 letters or digits>`: the second, and our number; the ticket's own words have 0.

    In their alphabetical order messages are in the order of time.
    """
    code = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        code = _BASE36_DIGITS[digit] + code
    return f"msj_{int(time.timestamp()):010d}_{code}"
