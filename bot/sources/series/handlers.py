"""What a Series client asks for besides filing: each call, and the wish that it is."""

from bot.sources import Call
from bot.sources.requests import Browse, CheckKey, Find, ReadWorkspace, Work
from bot.sources.series.bodies import (
    FollowUpBody,
    ListQuery,
    ReplyBody,
    StaffBody,
    StatusBody,
    TransferBody,
)
from bot.sources.series.fields import body_as, query_as
from bot.tickets import Person, Search, Status, Ticket, Workspace

PER_PAGE = 10


def list_tickets(call: Call) -> Browse:
    """Raises Refused(400, ...)."""
    asked = query_as(ListQuery, call.query)
    search = Search(
        limit=PER_PAGE,
        offset=(asked.page - 1) * PER_PAGE,
        statuses=[asked.status] if asked.status else None,
        departments=[asked.department] if asked.department else None,
        reporter_id=asked.author,
        text=asked.search,
    )
    return Browse(search=search, open_to=None if asked.staffUserId is None else str(asked.staffUserId))


def get_ticket(call: Call) -> Find:
    """By its TicketId or its _id."""
    return Find(name=_ticket_id(call))


def read_config(call: Call) -> ReadWorkspace:
    """The workspace is the key's."""
    return ReadWorkspace()


def check_key(call: Call) -> CheckKey:
    """The key stands in the path."""
    return CheckKey(key=call.path["apiKey"])


def claim(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = body_as(StaffBody, call.body)
    return Work(name=_ticket_id(call), by=_person(body.staffUserId), rule=_claimed)


def unclaim(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = body_as(StaffBody, call.body)
    return Work(name=_ticket_id(call), by=_person(body.staffUserId), rule=_unclaimed)


def reply(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = body_as(ReplyBody, call.body)
    return Work(
        name=_ticket_id(call),
        by=_person(body.staffUserId),
        say=lambda ticket, staff: ticket.reply_of_its_claimer(staff, body.content),
    )


def reply_member(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = body_as(FollowUpBody, call.body)
    return Work(
        name=_ticket_id(call),
        by=_person(body.authorUserId),
        say=lambda ticket, author: ticket.follow_up(author.id, body.content),
    )


def change_status(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = body_as(StatusBody, call.body)
    return Work(
        name=_ticket_id(call),
        by=_person(body.staffUserId),
        rule=lambda ticket, workspace, staff: _moved(ticket, body.status),
    )


def transfer(call: Call) -> Work:
    """Raises Refused(400, ...)."""
    body = body_as(TransferBody, call.body)
    return Work(
        name=_ticket_id(call),
        by=_person(body.staffUserId),
        rule=lambda ticket, workspace, staff: workspace.transferred(ticket, body.departmentId),
    )


def _ticket_id(call: Call) -> str:
    return call.path["ticketId"]


def _person(user_id: int) -> Person:
    """Whoever a user id stands for; no call says more of anyone."""
    return Person(id=str(user_id), name=str(user_id), source="series")


def _claimed(ticket: Ticket, workspace: Workspace, staff: Person) -> Ticket:
    return ticket.claim(staff)


def _unclaimed(ticket: Ticket, workspace: Workspace, staff: Person) -> Ticket:
    return ticket.unclaim()


def _moved(ticket: Ticket, status: Status) -> Ticket:
    """The status it has already is no change, and no error."""
    return ticket if ticket.status is status else ticket.move_to(status)
