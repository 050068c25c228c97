"""The web page of a ticket's status, to which the plugin links once the ticket is created.

It is public and ids can be guessed: it shows the status, and no text that a person wrote, nor a name. With
the ticket's token there is more: see `conversation_page`.
"""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from bot.sources.contract import HtmlPage
from bot.sources.modl.vocabulary import TYPE_LABELS
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Status, Ticket

_TEMPLATE = "status_page.html"
STATUS_TEXT = {
    Status.UNFINISHED: "Unfinished: its form is not filled in yet",
    Status.OPEN: "Open: waiting for staff",
    Status.IN_PROGRESS: "In progress: staff are working on it",
    Status.RESOLVED: "Resolved",
    Status.CLOSED: "Closed",
}


def render_status_page(details: TicketDetails | None) -> HtmlPage:
    """The response to `GET /ticket/{id}`."""
    if details is None:
        return HtmlPage(html=template(_TEMPLATE).render(ticket=None), status=404)
    ticket = details.ticket
    values = {
        "id": ticket.public_id,
        "kind": kind_of(ticket),
        "status": STATUS_TEXT[ticket.status],
        "filed": format_time(ticket.created_at),
        "changed": format_time(ticket.updated_at),
        "answered": "Yes" if details.replies else "Not yet",
    }
    return HtmlPage(html=template(_TEMPLATE).render(ticket=values))


def template(name: str) -> Template:
    """A template of this folder; whatever it is given is escaped."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_read_template))


def _read_template(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def kind_of(ticket: Ticket) -> str:
    """Its type in words."""
    return TYPE_LABELS.get(ticket.category, "Ticket")


def format_time(time: datetime) -> str:
    """As 15 January 2025, 10:30 UTC."""
    utc = time.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
