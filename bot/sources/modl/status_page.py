"""The page behind the link that the plugin shows once a ticket is filed.

Anybody can open it and ids can be guessed: it says how far a ticket is, and nothing that anybody wrote, nor
any name.
"""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from bot.sources import Page
from bot.sources.modl.vocabulary import CALLED
from bot.tickets import Case, Status

_STATUSES = {
    Status.OPEN: "Open: waiting for staff",
    Status.IN_PROGRESS: "In progress: staff are working on it",
    Status.RESOLVED: "Resolved",
    Status.CLOSED: "Closed",
}


def page(case: Case | None) -> Page:
    """The answer to `GET /ticket/{id}`."""
    if case is None:
        return Page(html=_template().render(ticket=None), status=404)
    ticket = case.ticket
    shown = {
        "id": ticket.public_id,
        "kind": CALLED.get(ticket.category, "Ticket"),
        "status": _STATUSES[ticket.status],
        "filed": _moment(ticket.created_at),
        "changed": _moment(ticket.updated_at),
        "answered": "Yes" if case.replies else "Not yet",
    }
    return Page(html=_template().render(ticket=shown))


@cache
def _template() -> Template:
    text = files(__package__).joinpath("ticket.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)


def _moment(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
