"""Work on reports that a Minecraft server asks for. Models live here and die here.

A report is a ticket of type player or chat; any other ticket is no report, and not found as one. How they are
read where the documentation is silent:
- What is resolved or dismissed again stays as it was, and nobody is told again.
- Who does it without giving a name is called "Staff".
- The reason, the resolution and the punishment's id are part of what the reporter is told.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated

from bot.sources import ApiRequest
from bot.sources.modl.fields import Name, OptionalName, Within
from bot.sources.modl.handlers import SOURCE_NAME, ticket_id
from bot.sources.modl.requests import parse_body
from bot.sources.modl.vocabulary import REPORT_TYPES
from bot.sources.requests import UpdateTicket
from bot.sources.validation import OptionalText, Payload
from bot.tickets.errors import UnknownTicket
from bot.tickets.message import Actor, NewMessage
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace

_RESOLVED_REPLY = "Thank you for your report. Staff have looked into it and resolved it."
_DISMISSED_REPLY = (
    "Thank you for your report. Staff have looked into it and closed it without further action."
)


class AssignBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/assign`."""

    assignee: Name


class ResolveBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/resolve`."""

    resolvedBy: OptionalName = None
    resolution: Annotated[OptionalText, Within(1000)] = None
    punishmentId: Annotated[OptionalText, Within(64)] = None

    @property
    def reply_text(self) -> str:
        """What the reporter is told."""
        punishment = self.punishmentId and f"Punishment: {self.punishmentId}"
        return "\n".join(line for line in (_RESOLVED_REPLY, self.resolution, punishment) if line)


class DismissBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/dismiss`."""

    dismissedBy: OptionalName = None
    reason: Annotated[OptionalText, Within(1000)] = None

    @property
    def reply_text(self) -> str:
        """What the reporter is told."""
        return f"{_DISMISSED_REPLY}\n{self.reason}" if self.reason else _DISMISSED_REPLY


def assign(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    assignee = _staff_actor(parse_body(AssignBody, request.body).assignee)
    return UpdateTicket(
        ticket_id=ticket_id(request),
        actor=_staff_actor(None),
        change=lambda ticket, workspace, by: _ensure_report(ticket).assign(assignee),
    )


def resolve(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(ResolveBody, request.body)
    return _close_report(request, body.resolvedBy, body.reply_text, Status.RESOLVED)


def dismiss(request: ApiRequest) -> UpdateTicket:
    """Raises Refused(400, ...)."""
    body = parse_body(DismissBody, request.body)
    return _close_report(request, body.dismissedBy, body.reply_text, Status.CLOSED)


def _close_report(request: ApiRequest, name: str | None, text: str, status: Status) -> UpdateTicket:
    def say(ticket: Ticket, by: Actor) -> NewMessage | None:
        return None if _ensure_report(ticket).status.is_closed else ticket.reply(by, text)

    def rule(ticket: Ticket, workspace: Workspace, by: Actor) -> Ticket:
        return ticket if ticket.status.is_closed else ticket.set_status(status)

    return UpdateTicket(ticket_id=ticket_id(request), actor=_staff_actor(name), message=say, change=rule)


def _staff_actor(name: str | None) -> Actor:
    """Somebody whom the game server knows by name alone."""
    called = name or "Staff"
    return Actor(id=called, name=called, source=SOURCE_NAME)


def _ensure_report(ticket: Ticket) -> Ticket:
    if ticket.category not in REPORT_TYPES:
        raise UnknownTicket
    return ticket
