"""The feed of events for game servers, for every source: GET /v1/events, with long polling."""
# ruff: noqa: N815 - the keys of the JSON, as both contracts spell theirs

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web

from bot.sources.contract import ApiError, SharedOperation, Source
from bot.sources.validation import InvalidRequest, Query, TypedDict, parse_query, query_int
from bot.tickets.events import Asked, EventPage, TicketEvent
from bot.webhook.auth import Authenticator, RequestContext
from bot.webhook.rate_limit import RATE_LIMIT_HEADERS
from bot.webhook.responses import JsonResponse
from storage import StorageError, Store, Topic

_log = logging.getLogger(__name__)

PATH = "/v1/events"
MAX_WAIT = 25  # seconds: proxies and HTTP clients give up after 30
MAX_WAITING = 100  # requests that wait for events at once; more are answered without waiting
_MAX_PAGE = 100


class EventQuery(Query):
    """The query of the feed."""

    after: Annotated[int, query_int(0)] = 0
    wait: Annotated[int, query_int(0, MAX_WAIT)] = 0
    limit: Annotated[int, query_int(1, _MAX_PAGE)] = _MAX_PAGE


class EventReply(TypedDict):
    """What staff replied. Text of people: show it as text."""

    author: str
    text: str


class Event(TypedDict):
    """One event. `id` is the same wherever it is sent; `reply` is null for another type."""

    seq: int
    id: str
    type: Literal["ticket.reply", "ticket.status"]
    createdAt: str
    ticketId: str
    reporterId: str | None
    gameReport: bool
    status: str
    reply: EventReply | None


class EventList(TypedDict):
    """Events in order. `next` is the `after` of the next request."""

    events: list[Event]
    next: int
    hasMore: bool


EVENT_OPERATIONS = (
    SharedOperation(
        path=PATH,
        summary="Replies and changes of status, in order; waits up to 25 seconds for the next",
        query=EventQuery,
        response=EventList,
        statuses=(409,),
    ),
)


class EventFeed:
    """Answers with the events after a number. To ask for those after it confirms all up to it."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        authenticator: Authenticator,
        now: Callable[[], datetime],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._store = store
        self._max_waiting = max_waiting
        self._sources = sources
        self._authenticator = authenticator
        self._now = now
        self._waiting = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._handle)]

    async def _handle(self, request: web.Request) -> JsonResponse:
        now = self._now()
        context = await self._authenticator.authenticate_for_any(request, self._sources, now)
        query = _parse(request.query)
        is_sent = request.method == "GET"  # and not HEAD, whose answer has no events
        if is_sent:
            await record_ask(self._store, context, Asked.ALL, now)
        page = await self._store.events.list_after(context.scope, query.after, query.limit)
        if query.after > page.newest:
            raise ApiError(409, _BEYOND_NEWEST.format(after=query.after, newest=page.newest))
        if is_sent:
            await self._store.events.confirm_to(context.scope, query.after, receiver_name(context), now)
        if not page.events and query.wait and self._waiting < self._max_waiting:
            page = await self._wait_for_events(context, query)
        headers = request[RATE_LIMIT_HEADERS].fields
        return JsonResponse(_serialize(query, page), headers={**headers, "Cache-Control": "no-store"})

    async def _wait_for_events(self, context: RequestContext, query: EventQuery) -> EventPage:
        """The first events after the query's number, or none when its time is over."""
        self._waiting += 1
        try:
            with self._store.subscription(Topic.EVENTS) as changed:
                return await self._first_page(context, query, changed)
        finally:
            self._waiting -= 1

    async def _first_page(
        self, context: RequestContext, query: EventQuery, changed: asyncio.Event
    ) -> EventPage:
        page = EventPage(events=(), newest=query.after)
        try:
            async with asyncio.timeout(query.wait):
                while not page.events:
                    changed.clear()
                    page = await self._store.events.list_after(context.scope, query.after, query.limit)
                    if not page.events:
                        await changed.wait()
        except TimeoutError:
            pass  # nothing happened: the client asks again
        return page


async def record_ask(store: Store, context: RequestContext, asked: Asked, now: datetime) -> None:
    """Record that a game server asks for events, so that replies are said to wait for one.

    If that fails, the next time.
    """
    try:
        await store.events.record_ask(context.scope, context.key.prefix, asked, now)
    except StorageError as error:
        _log.warning(
            "That a game server asks for events was not stored: %s",
            error,
            extra={"key_prefix": context.key.prefix},
        )


def receiver_name(context: RequestContext) -> str:
    """What people call the game server that has this key."""
    return context.key.name or f"key {context.key.prefix}"


_BEYOND_NEWEST = (
    "There is no event {after} yet; the newest is {newest}. If the bridge was restored from a backup, go on "
    "with after={newest}."
)


def _parse(query: Mapping[str, str]) -> EventQuery:
    try:
        return parse_query(EventQuery, query)
    except InvalidRequest as error:
        problems = "; ".join(f"{one.field} {one.reason}" for one in error.violations)
        raise ApiError(400, f"The query is not valid: {problems}.") from error


def _serialize(query: EventQuery, page: EventPage) -> EventList:
    last = page.events[-1].seq if page.events else query.after
    return {
        "events": [serialize_event(one) for one in page.events],
        "next": last,
        "hasMore": last < page.newest,
    }


def serialize_event(event: TicketEvent) -> Event:
    """An event as game servers read it, here and wherever else it is sent."""
    ticket, message = event.ticket, event.message
    return {
        "seq": event.seq,
        "id": event.id,
        "type": event.type.value,
        "createdAt": _to_iso(event.created_at),
        "ticketId": ticket.public_id,
        "reporterId": ticket.reporter.id,
        "gameReport": ticket.view_only,
        "status": event.status.value,
        "reply": None if message is None else {"author": message.author.name, "text": message.text},
    }


def _to_iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
