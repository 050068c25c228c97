"""The web page of a ticket with its token: the player's texts, staff's replies, and a form.

It shows no notes, and no events but the status. A game report shows what the player wrote, and no form.
"""

from bot.i18n.translations import format_number, format_time, gettext, translate
from bot.sources.contract import AnswerProblem, ConversationView
from bot.sources.modl.status_page import STATUS_TEXT, kind_of, template
from bot.tickets.message import Message, MessageKind
from bot.tickets.queries import TicketDetails
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import MESSAGE_LIMIT, Ticket
from bot.tickets.workspace import Workspace

_VIEW_ONLY = Sentence(
    "This is a game report. It is view-only: staff look at it, and nobody can answer it here."
)
_CLOSED = Sentence(
    "This ticket is closed, so nothing can be added to it. If it is not settled, file a new one in the game."
)
_NO_PLAYER = Sentence("No player filed this ticket, so nobody can answer it here.")
_PROBLEMS = {
    AnswerProblem.EMPTY: Sentence("Not sent: there is no text in it. Write what you want to say."),
    AnswerProblem.TOO_LONG: Sentence(
        "Not sent: it has {length} characters, and {limit} fit into one answer. Shorten it, or send it "
        "in parts."
    ),
    AnswerProblem.TOO_LARGE: Sentence(
        "Not sent: it is far too long, and was not read. Go back in your browser, which still has it, and "
        "send {limit} characters at most."
    ),
    AnswerProblem.UNREADABLE: Sentence(
        "Not sent: what arrived could not be read. Go back in your browser, and send it again."
    ),
    AnswerProblem.TOO_MANY: Sentence(
        "Not sent: there were too many answers in a short time. Wait {wait} s, then send it again."
    ),
    AnswerProblem.VIEW_ONLY: Sentence("Not sent."),
    AnswerProblem.CLOSED: Sentence("Not sent."),
    AnswerProblem.NO_REPORTER: Sentence("Not sent."),
    AnswerProblem.WRONG_LINK: Sentence(
        "Not sent: this link does not open a ticket any more. Copy what you typed, and open the link that "
        "the game showed you when the ticket was filed."
    ),
    AnswerProblem.FAILED: Sentence(
        "It is not known whether your answer was saved: something failed on our side. Send it again in a "
        "moment; the same text is not saved twice."
    ),
}
_STILL_THERE = Sentence("Go back in your browser: it still has what you typed.")


def render_conversation_page(view: ConversationView) -> str:
    """The page at `/ticket/{id}?token=...`, in HTML."""
    details = view.details
    shown = (
        {"ticket": None, "messages": [], "earlier": 0} if details is None else _shown(details, view.workspace)
    )
    no_form = None if details is None else _why_no_form(details.ticket)
    is_unread = details is None and not view.text
    return template("conversation_page.html").render(
        **shown,
        no_form=translate(no_form or _STILL_THERE) if no_form or is_unread else "",
        has_form=not (no_form or is_unread or view.problem is AnswerProblem.WRONG_LINK),
        form_id=view.form_id,
        typed=view.text,
        problem=_problem(view),
        is_saved=view.is_saved,
    )


def _shown(details: TicketDetails, workspace: Workspace | None) -> dict[str, object]:
    ticket = details.ticket
    messages = () if ticket.view_only else details.messages
    older = 0 if ticket.view_only else details.replies + details.follow_ups - len(messages)
    return {
        "ticket": {
            "id": ticket.public_id,
            "kind": kind_of(ticket),
            "subject": ticket.subject,
            "body": ticket.body.strip(),
            "status": translate(STATUS_TEXT[ticket.status]),
            "filed": format_time(ticket.created_at),
            "changed": format_time(ticket.updated_at),
        },
        "messages": [_message(one, workspace) for one in messages],
        "earlier": max(0, older),
    }


def _message(message: Message, workspace: Workspace | None) -> dict[str, str]:
    is_staff = message.kind is MessageKind.REPLY
    name = workspace.name_for_reporters(message.author) if workspace else None
    return {
        "side": "staff" if is_staff else "player",
        "author": (name or gettext("Staff")) if is_staff else gettext("You"),
        "time": format_time(message.created_at),
        "text": message.text,
    }


def _why_no_form(ticket: Ticket) -> Sentence | None:
    """Why nothing can be added to a ticket; None if something can."""
    if ticket.view_only:
        return _VIEW_ONLY
    if ticket.status.is_closed:
        return _CLOSED
    return _NO_PLAYER if ticket.reporter.id is None else None


def _problem(view: ConversationView) -> str:
    """The sentence for what went wrong; "" if nothing did."""
    if view.problem is None:
        return ""
    length, limit = format_number(len(view.text.strip())), format_number(MESSAGE_LIMIT)
    sentence = _PROBLEMS[view.problem].with_parts(length=length, limit=limit, wait=view.retry_after)
    return translate(sentence)
