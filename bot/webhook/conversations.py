"""Conversation page of a ticket, opened with its token: shows messages, takes the reporter's answers.

Reading it is no proof that a game server has a reply, and records nothing.
"""

import hashlib
import logging
import math
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl

from aiohttp import web

from bot.sources.contract import (
    AnswerEndpoint,
    AnswerProblem,
    ApiError,
    ConversationEndpoint,
    ConversationView,
    HtmlPage,
    RateLimit,
    Source,
)
from bot.sources.validation import strip_control_chars
from bot.tickets.actions import FOLLOW_UP
from bot.tickets.errors import (
    EmptyMessage,
    MessageTooLong,
    NotReporter,
    TicketClosed,
    TicketError,
    UnknownTicket,
    ViewOnly,
)
from bot.tickets.message import Actor, Message, MessageKind, NewMessage
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from bot.webhook.auth import Authenticator
from bot.webhook.body import read_body
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.page_links import PageLinks
from bot.webhook.rate_limit import SlidingWindowLimiter
from bot.webhook.responses import JsonResponse
from storage import StorageError, Store

_log = logging.getLogger(__name__)

_MAX_SHOWN = 200  # newest messages
_SHOWN_KINDS = (MessageKind.REPLY, MessageKind.FOLLOW_UP)
_PER_TICKET = RateLimit(requests=10, seconds=60)
_PER_CLIENT = RateLimit(requests=60, seconds=60, per="address")
_FORM_TYPE = "application/x-www-form-urlencoded"
_FORM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_FIELDS = 20  # of a form
_RETRY_AFTER_SECONDS = 5  # when the database failed

_TICKET_PROBLEMS: dict[type[TicketError], AnswerProblem] = {
    EmptyMessage: AnswerProblem.EMPTY,
    MessageTooLong: AnswerProblem.TOO_LONG,
    ViewOnly: AnswerProblem.VIEW_ONLY,
    TicketClosed: AnswerProblem.CLOSED,
    NotReporter: AnswerProblem.NO_REPORTER,
    UnknownTicket: AnswerProblem.WRONG_LINK,
}
_STATUSES = {  # of these problems that are not 409
    AnswerProblem.EMPTY: 400,
    AnswerProblem.TOO_LONG: 400,
    AnswerProblem.WRONG_LINK: 404,
}


class _NotSaved(Exception):
    """An answer was not saved."""

    def __init__(self, problem: AnswerProblem, status: int = 409, *, retry_after: int = 0) -> None:
        super().__init__(problem.name)
        self.problem = problem
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What was typed, and the id of the form it was typed in."""

    text: str = ""
    form_id: str
    unread: _NotSaved | None = None  # why there is no text

    def origin(self, ticket: Ticket) -> str:
        """The same for the same text in the same form, which is stored once."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:32]
        return f"page:{ticket.uid}:{self.form_id}:{digest}"


class ConversationPages:
    """Shows tickets to those who have the token, and stores what they add."""

    def __init__(
        self,
        store: Store,
        links: PageLinks,
        authenticator: Authenticator,
        proxies: TrustedProxies,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """`clock` is that of the rate limits, in seconds."""
        self._store = store
        self._links = links
        self._authenticator = authenticator
        self._proxies = proxies
        self._now = now
        self._clients = SlidingWindowLimiter(_PER_CLIENT, clock)
        self._tickets = SlidingWindowLimiter(_PER_TICKET, clock)

    async def show(
        self, endpoint: ConversationEndpoint, details: TicketDetails | None, request: web.Request
    ) -> HtmlPage:
        """The page of a ticket: with its token the conversation, else its status. Raises StorageError."""
        if details is None or not await self._is_valid(details.ticket, request.query.get("token", "")):
            return endpoint.render(details)
        shown = await self._with_messages(details)
        view = ConversationView(
            details=shown,
            workspace=await self._store.workspaces.get(details.ticket.workspace_id),
            form_id=_new_form_id(),
            is_saved=_has_follow_up(shown, request.query.get("saved", "")),
        )
        return HtmlPage(html=endpoint.render_conversation(view))

    async def answer(
        self, source: Source, endpoint: AnswerEndpoint, public_id: str, request: web.Request
    ) -> JsonResponse:
        """Store what the reporter typed, and show the page again; if it is not stored, with that text.

        Raises HTTPNotFound without a token, and then ApiError(429), too.
        """
        token = request.query.get("token")
        if token is None:
            self._authenticator.limit_address(request, source)
            raise web.HTTPNotFound
        answer, details = _Answer(form_id=_new_form_id()), None
        try:
            self._count_client(source, request)
            answer = await _read_form(request)
            details = await self._find(source, public_id, token)
            saved = await self._save(details.ticket, answer)
        except (_NotSaved, TicketError, StorageError) as error:
            return await self._refusal(endpoint, details, answer, _not_saved(error))
        location = f"?token={self._links.token(details.ticket)}&saved={saved.id}#newest"
        return JsonResponse.html_response(HtmlPage(html="", status=303, headers={"Location": location}))

    async def _find(self, source: Source, public_id: str, token: str) -> TicketDetails:
        """The ticket with this token. Raises UnknownTicket, for a wrong token too."""
        details = await self._store.tickets.find_public(source.name, public_id)
        if details is None or not await self._is_valid(details.ticket, token):
            raise UnknownTicket
        return details

    async def _is_valid(self, ticket: Ticket, token: str) -> bool:
        if not token:
            return False
        await self._links.load_key()
        return self._links.is_valid(ticket, token)

    async def _with_messages(self, details: TicketDetails) -> TicketDetails:
        newest = await self._store.messages.list_of_ticket(details.ticket.id, _SHOWN_KINDS, _MAX_SHOWN)
        return replace(details, messages=tuple(newest))

    def _count_client(self, source: Source, request: web.Request) -> None:
        """Raises _NotSaved for too many requests, before their bodies are read."""
        try:
            self._authenticator.limit_address(request, source)
        except ApiError as error:
            raise _NotSaved(AnswerProblem.TOO_MANY, 429, retry_after=error.retry_after or 1) from error
        _hit(self._clients, self._proxies.client_ip(request))

    async def _save(self, ticket: Ticket, answer: _Answer) -> Message:
        """Store an answer, once. Raises TicketError, StorageError, _NotSaved."""
        if answer.unread is not None:
            raise answer.unread
        _hit(self._tickets, ticket.uid)
        return await self._store.tickets.add_message(
            ticket.id,
            lambda current: _follow_up(current, answer.text),
            origin=answer.origin(ticket),
            now=self._now(),
        )

    async def _refusal(
        self, endpoint: AnswerEndpoint, details: TicketDetails | None, answer: _Answer, error: _NotSaved
    ) -> JsonResponse:
        """The page with what was typed, and why it was not saved; without the ticket if that is not known."""
        shown, workspace = await self._readable(details)
        view = ConversationView(
            details=shown,
            workspace=workspace,
            form_id=answer.form_id,
            text=answer.text,
            problem=error.problem,
            retry_after=error.retry_after,
        )
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        page = HtmlPage(html=endpoint.render_conversation(view), status=error.status, headers=headers)
        response = JsonResponse.html_response(page)
        if error.status in (408, 413):
            response.force_close()  # the rest of the body is not wanted
        return response

    async def _readable(
        self, details: TicketDetails | None
    ) -> tuple[TicketDetails, Workspace] | tuple[None, None]:
        """The ticket with its messages, and its workspace; None if the database fails."""
        try:
            if details is not None:
                workspace = await self._store.workspaces.get(details.ticket.workspace_id)
                return await self._with_messages(details), workspace
        except StorageError:
            pass
        return None, None


def _follow_up(ticket: Ticket, text: str) -> NewMessage:
    """Raises ViewOnly, NotReporter, TicketClosed, EmptyMessage, MessageTooLong."""
    ticket_reporter = ticket.reporter
    if ticket_reporter.id is None:
        raise ViewOnly if ticket.view_only else NotReporter
    reporter = Actor(id=ticket_reporter.id, name=ticket_reporter.label, source=ticket.source)
    return FOLLOW_UP.compose(ticket, reporter, text)


async def _read_form(request: web.Request) -> _Answer:
    """What is in the body."""
    try:
        return _parse_form(await read_body(request) if request.content_type == _FORM_TYPE else None)
    except ApiError as error:
        problem = AnswerProblem.TOO_LARGE if error.status == 413 else AnswerProblem.UNREADABLE
        return _Answer(form_id=_new_form_id(), unread=_NotSaved(problem, error.status))


def _parse_form(body: bytes | None) -> _Answer:
    """Raises ApiError(415) for None, ApiError(400)."""
    if body is None:
        raise ApiError(415, f"The body must be {_FORM_TYPE}.")
    try:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise ApiError(400, "The form has too many fields.") from error
    form_id = fields.get("form_id", "")
    return _Answer(
        text=strip_control_chars(fields.get("text", "")),
        form_id=form_id if _FORM_ID.fullmatch(form_id) else _new_form_id(),
    )


def _not_saved(error: _NotSaved | TicketError | StorageError) -> _NotSaved:
    if isinstance(error, _NotSaved):
        return error
    if isinstance(error, StorageError):
        _log.error("An answer on a ticket's page may not be stored: %s", error, extra={"status": 503})
        return _NotSaved(AnswerProblem.FAILED, 503, retry_after=_RETRY_AFTER_SECONDS)
    problem = next(one for type_, one in _TICKET_PROBLEMS.items() if isinstance(error, type_))
    return _NotSaved(problem, _STATUSES.get(problem, 409))


def _hit(limiter: SlidingWindowLimiter, client: str) -> None:
    """Count a request. Raises _NotSaved for one beyond the limit."""
    state = limiter.hit(client)
    if state.retry_after_seconds:
        wait = max(1, math.ceil(state.retry_after_seconds))
        raise _NotSaved(AnswerProblem.TOO_MANY, 429, retry_after=wait)


def _has_follow_up(details: TicketDetails, message_id: str) -> bool:
    """Whether the reporter added the message with this id, among those shown."""
    return any(str(one.id) == message_id and one.kind is MessageKind.FOLLOW_UP for one in details.messages)


def _new_form_id() -> str:
    return secrets.token_urlsafe(16)
