"""The web page of a ticket's status, to which the plugin links once the ticket is created.

It is public and ids can be guessed: it shows the status, and no text that a person wrote, nor a name. With
the ticket's token there is more: see `conversation_page`.
"""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from bot.i18n.translations import current_language, format_time, gettext, ngettext, translate
from bot.sources.contract import HtmlPage
from bot.sources.modl.vocabulary import TYPE_LABELS
from bot.tickets.queries import TicketDetails
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Status, Ticket

_NO_KIND = Sentence("Ticket")
_TEMPLATE = "status_page.html"
STATUS_TEXT = {
    Status.UNFINISHED: Sentence("Unfinished: its form is not filled in yet"),
    Status.OPEN: Sentence("Open: waiting for staff"),
    Status.IN_PROGRESS: Sentence("In progress: staff are working on it"),
    Status.RESOLVED: Sentence("Resolved"),
    Status.CLOSED: Sentence("Closed"),
}


def render_status_page(details: TicketDetails | None) -> HtmlPage:
    """The response to `GET /ticket/{id}`."""
    if details is None:
        return HtmlPage(html=template(_TEMPLATE).render(ticket=None), status=404)
    ticket = details.ticket
    values = {
        "id": ticket.public_id,
        "kind": kind_of(ticket),
        "status": translate(STATUS_TEXT[ticket.status]),
        "filed": format_time(ticket.created_at),
        "changed": format_time(ticket.updated_at),
        "answered": gettext("Yes") if details.replies else gettext("Not yet"),
    }
    return HtmlPage(html=template(_TEMPLATE).render(ticket=values))


def template(name: str) -> Template:
    """A template of this folder; whatever it is given is escaped."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_read_template)
    )
    environment.globals |= {"_": gettext, "ngettext": ngettext, "language": _language_tag}
    return environment


def _read_template(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _language_tag() -> str:
    return current_language().replace("_", "-")


def kind_of(ticket: Ticket) -> str:
    """Its type in words."""
    return translate(TYPE_LABELS.get(ticket.category, _NO_KIND))
