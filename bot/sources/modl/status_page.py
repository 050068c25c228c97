"""The web page of a ticket's status, to which the plugin links once the ticket is created.

It is public and ids can be guessed: it shows the status, and no text that a person wrote, nor a name.
"""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from bot.sources.contract import HtmlPage
from bot.sources.modl.vocabulary import TYPE_LABELS
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Status

_STATUS_TEXT = {
    Status.UNFINISHED: "Unfinished: its form is not filled in yet",
    Status.OPEN: "Open: waiting for staff",
    Status.IN_PROGRESS: "In progress: staff are working on it",
    Status.RESOLVED: "Resolved",
    Status.CLOSED: "Closed",
}


def render_status_page(details: TicketDetails | None) -> HtmlPage:
    """The response to `GET /ticket/{id}`."""
    if details is None:
        return HtmlPage(html=_template().render(ticket=None), status=404)
    ticket = details.ticket
    values = {
        "id": ticket.public_id,
        "kind": TYPE_LABELS.get(ticket.category, "Ticket"),
        "status": _STATUS_TEXT[ticket.status],
        "filed": _format_time(ticket.created_at),
        "changed": _format_time(ticket.updated_at),
        "answered": "Yes" if details.replies else "Not yet",
    }
    return HtmlPage(html=_template().render(ticket=values))


@cache
def _template() -> Template:
    text = files(__package__).joinpath("status_page.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)


def _format_time(time: datetime) -> str:
    utc = time.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
