"""A ticket as the Series API shows it. Drawn from the ticket alone: whatever was kept can be shown."""

import re
import string
from datetime import UTC, datetime

from bot.sources.series.requests import PLACE, SERVER
from bot.sources.series.responses import (
    Author,
    Claimer,
    MessageId,
    MessageType,
    Place,
    PriorityWord,
    Said,
    StatusWord,
    TicketListed,
    TicketOpened,
    TicketShown,
    Whereabout,
)
from bot.tickets import Case, MessageKind, Person, Player, Priority, Status, Ticket

_NOBODY = 0  # the number of who has none
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_BASE_36 = string.digits + string.ascii_lowercase
_STATUSES: dict[Status, StatusWord] = {
    Status.OPEN: "open",
    Status.IN_PROGRESS: "in-progress",
    Status.RESOLVED: "resolved",
    Status.CLOSED: "closed",
}
_PRIORITIES: dict[Priority, PriorityWord] = {
    Priority.LOW: "low",
    Priority.NORMAL: "medium",
    Priority.HIGH: "high",
    Priority.URGENT: "urgent",
}
_TYPES: dict[MessageKind, MessageType] = {
    MessageKind.REPLY: "staff_message",
    MessageKind.FOLLOW_UP: "author_message",
    MessageKind.EVENT: "system_message",
}


def shown(ticket: Ticket) -> TicketShown:
    """The ticket without what was said on it."""
    place: Whereabout = {"GameData": _place(ticket)} if ticket.view_only else {}
    return {
        "TicketId": ticket.public_id,
        "_id": ticket.uid,
        "WorkspaceId": ticket.workspace_id,
        "Subject": ticket.subject,
        "Category": ticket.category,
        "Department": ticket.department,
        "Status": _STATUSES[ticket.status],
        "Priority": _PRIORITIES[ticket.priority],
        "Author": _author(ticket.reporter),
        "GameReport": ticket.view_only,
        **place,
        "CreatedAt": iso(ticket.created_at),
        "UpdatedAt": iso(ticket.updated_at),
    }


def listed(ticket: Ticket) -> TicketListed:
    """The ticket as one of many."""
    claimer = ticket.claimed_by
    return {
        **shown(ticket),
        "ClaimedBy": number_of(claimer.id) if claimer else None,
        "ClaimedByName": claimer.name if claimer else None,
    }


def opened(case: Case) -> TicketOpened:
    """The ticket with all that was said on it."""
    claimer = case.ticket.claimed_by
    return {
        **shown(case.ticket),
        "Content": _conversation(case),
        "ClaimedBy": number_of(claimer.id) if claimer else None,
        "ClaimedByUser": _claimer(claimer) if claimer else None,
    }


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds and Z, as on the pages."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number_of(identity: str | None) -> int:
    """A person's id as the contract wants it; 0 for an id that is no number."""
    return int(identity) if identity and _NUMBER.fullmatch(identity) else _NOBODY


def _author(reporter: Player) -> Author:
    return {
        "UserId": number_of(reporter.id),
        "Username": reporter.name,
        "DisplayName": reporter.display_name,
        "AvatarUrl": reporter.avatar_url or "",
    }


def _claimer(claimer: Person) -> Claimer:
    return {"UserId": number_of(claimer.id), "DisplayName": claimer.name, "Username": claimer.name}


def _place(ticket: Ticket) -> Place:
    """The place comes as text and goes back as a number; 0 is a place that nobody knows."""
    facts = {fact.label: fact.value for fact in ticket.facts}
    return {"PlaceId": number_of(facts.get(PLACE)), "ServerId": facts.get(SERVER)}


def _conversation(case: Case) -> dict[MessageId, Said]:
    ticket = case.ticket
    said: dict[MessageId, Said] = {
        _message_id(ticket.created_at, 0): {
            "Content": ticket.body,
            "Author": number_of(ticket.reporter.id),
            "Type": "author_message",
            "Timestamp": iso(ticket.created_at),
        }
    }
    for message in case.messages:  # never a note: those stay in Discord
        said[_message_id(message.created_at, message.id)] = {
            "Content": message.text,
            "Author": number_of(message.author.id),
            "Type": _TYPES[message.kind],
            "Timestamp": iso(message.created_at),
        }
    return said


def _message_id(moment: datetime, number: int) -> MessageId:
    """`msj_<10 digits>_<6 letters or digits>`: the second, and our number; the ticket's own words have 0.

    In their alphabetical order messages are in the order of time.
    """
    code = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        code = _BASE_36[digit] + code
    return f"msj_{int(moment.timestamp()):010d}_{code}"
