"""Work on reports that a Minecraft server asks for. Models live here and die here.

A report is a ticket of type player or chat; any other ticket is no report, and not found as one. How they are
read where the documentation is silent:
- What is resolved or dismissed again stays as it was, and nobody is told again.
- Who does it without giving a name is called "Staff".
- The reason, the resolution and the punishment's id are part of what the reporter is told.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated

from bot.sources import Call
from bot.sources.modl.fields import Name, NameIfGiven, Within
from bot.sources.modl.handlers import SOURCE_NAME, id_of
from bot.sources.modl.requests import read_body
from bot.sources.modl.vocabulary import REPORTS
from bot.sources.requests import Work
from bot.sources.validation import Given, Payload
from bot.tickets import Person, Status, Ticket, UnknownTicket, Words, Workspace

_RESOLVED = "Thank you for your report. Staff have looked into it and resolved it."
_DISMISSED = "Thank you for your report. Staff have looked into it and closed it without further action."


class AssignBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/assign`."""

    assignee: Name


class ResolveBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/resolve`."""

    resolvedBy: NameIfGiven = None
    resolution: Annotated[Given, Within(1000)] = None
    punishmentId: Annotated[Given, Within(64)] = None

    @property
    def text(self) -> str:
        """What the reporter is told."""
        punishment = self.punishmentId and f"Punishment: {self.punishmentId}"
        return "\n".join(line for line in (_RESOLVED, self.resolution, punishment) if line)


class DismissBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/dismiss`."""

    dismissedBy: NameIfGiven = None
    reason: Annotated[Given, Within(1000)] = None

    @property
    def text(self) -> str:
        """What the reporter is told."""
        return f"{_DISMISSED}\n{self.reason}" if self.reason else _DISMISSED


def assign(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    assignee = _person(read_body(AssignBody, call.body).assignee)
    return Work(
        name=id_of(call),
        by=_person(None),
        rule=lambda ticket, workspace, by: _report(ticket).assign(assignee),
    )


def resolve(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = read_body(ResolveBody, call.body)
    return _end(call, body.resolvedBy, body.text, Status.RESOLVED)


def dismiss(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = read_body(DismissBody, call.body)
    return _end(call, body.dismissedBy, body.text, Status.CLOSED)


def _end(call: Call, name: str | None, text: str, status: Status) -> Work:
    def say(ticket: Ticket, by: Person) -> Words | None:
        return None if _report(ticket).status.is_over else ticket.reply(by, text)

    def rule(ticket: Ticket, workspace: Workspace, by: Person) -> Ticket:
        return ticket if ticket.status.is_over else ticket.move_to(status)

    return Work(name=id_of(call), by=_person(name), say=say, rule=rule)


def _person(name: str | None) -> Person:
    """Somebody whom the game server knows by name alone."""
    called = name or "Staff"
    return Person(id=called, name=called, source=SOURCE_NAME)


def _report(ticket: Ticket) -> Ticket:
    if ticket.category not in REPORTS:
        raise UnknownTicket
    return ticket
