"""The webhook: every source's paths, each asking who sends, how much, and what, before anything is done."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiohttp import web

from bot.sources import Body, Call, Endpoint, Intake, Page, Refused, Route, Source
from bot.sources.wishes import CheckKey, Glance, KeyCheck, Work
from bot.tickets import Answered, Once, Refusal, Ticket
from bot.webhook import repeats
from bot.webhook.answers import Answer, Envelopes, encoded
from bot.webhook.describing import own_routes
from bot.webhook.granting import Grants
from bot.webhook.health import Health, Watch
from bot.webhook.keys import Door, Visitor
from bot.webhook.limits import SlidingWindow, limit_headers, too_many
from bot.webhook.proxies import Proxies
from bot.webhook.refusals import LIMIT_HEADERS, body_of, refusal, refused_as
from bot.webhook.repeats import Memory
from bot.webhook.server.server import BoundAddress, serve
from storage import StorageError, Store

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Webhook:
    """Takes tickets over HTTP, and does what else their contracts know.

    What it answers depends on the store alone.
    """

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        proxies: Proxies | None = None,
        memory: Memory | None = None,
        watch: Watch | None = None,
        now: Callable[[], datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._proxies = proxies or Proxies()
        self._memory = memory or Memory()
        self._watch = watch or Watch()
        self._now = now
        self._envelopes = Envelopes(sources.values())
        self._windows = {source.name: SlidingWindow(source.limit, clock) for source in sources.values()}
        self._door = Door(store, self._proxies, clock)
        self._grants = Grants(store)
        self._health = Health(store, self._proxies, self._watch)

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(self._health.routes())
        app.add_routes(own_routes(self._sources))
        for source in self._sources.values():
            for intake in source.intakes:
                app.router.add_post(intake.path, partial(self._take_in, source, intake))
            for endpoint in source.endpoints:
                for method in _methods(endpoint):
                    app.router.add_route(method, endpoint.path, partial(self._serve, source, endpoint))
            for endpoint in source.open_endpoints:
                for method in _methods(endpoint):
                    app.router.add_route(method, endpoint.path, partial(self._serve_anyone, source, endpoint))
        for path, methods in _outright(self._sources).items():
            app.router.add_route("*", path, partial(_another_method, methods))
        return app

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[BoundAddress]:
        """Accept requests until the block ends. Port 0 finds a free one; a taken port raises OSError."""
        app, answered = self.application(), self._watch.answered
        async with serve(app, self._envelopes, host, port, answered=answered) as at:
            yield at

    async def _take_in(self, source: Source, intake: Intake, request: web.Request) -> Answer:
        now = self._now()
        visitor = await self._admit(source, request, now)
        body = await body_of(request)
        once = repeats.with_body(request, visitor.key, body, now, self._memory)
        try:
            return _answer(await self._keep(source, intake, visitor, body, once, now))
        except (Refusal, Refused) as no:
            raise await self._refused(source, intake, visitor, request, body, no) from no

    async def _keep(
        self,
        source: Source,
        intake: Intake,
        visitor: Visitor,
        body: bytes,
        once: Once | None,
        now: datetime,
    ) -> Answered:
        """Keep a ticket, unless the same request was answered before. Raises Refusal, Refused."""
        try:
            new = intake.parse(body)
            if source.categories is None:
                visitor.workspace.accept_category(new.category)
        except (Refusal, Refused):
            # What was answered once holds, whatever is forbidden since.
            earlier = await self._store.answer_to(once, now) if once is not None and once.token else None
            if earlier is None:
                raise
            return earlier
        kept: list[Ticket] = []

        def answer(ticket: Ticket) -> bytes:
            kept[:] = [ticket]  # it may be asked again, if what was written with it had to be taken back
            return encoded(intake.answer(ticket))

        ids = source.ids(new, now)
        answered = await self._store.take_in(visitor.workspace.id, new, ids, now, once=once, answer=answer)
        for ticket in kept:
            # Once the answer is on its way: the game server need not wait for it.
            asyncio.get_running_loop().call_soon(_log_kept, ticket)
        return answered

    async def _serve(self, source: Source, endpoint: Endpoint, request: web.Request) -> Answer:
        now = self._now()
        visitor = await self._admit(source, request, now)
        body = b"" if endpoint.body is None else await body_of(request)
        try:
            wish = endpoint.read(_call(request, body))
            if isinstance(wish, Work):
                only_says = wish.say is not None and wish.rule is None
                same = repeats.with_body if only_says else repeats.with_token
                once = same(request, visitor.key, body, now, self._memory)
                return _answer(await self._grants.work(visitor, endpoint, wish, once, now))
            return _shown(endpoint.answer(await self._grants.grant(visitor, wish)))
        except (Refusal, Refused) as no:
            raise await self._refused(source, endpoint, visitor, request, body, no) from no

    async def _serve_anyone(self, source: Source, endpoint: Endpoint, request: web.Request) -> Answer:
        if source.limit.per == "address":
            self._count(source, request, self._proxies.client_of(request))
        wish = endpoint.read(_call(request, b""))
        granted: Any
        if isinstance(wish, CheckKey):
            granted = await self._check(source, request, wish)
        else:
            assert isinstance(wish, Glance)  # noqa: S101 - nothing else is for everyone
            granted = await self._grants.glance(source.name, wish)
        return _shown(endpoint.answer(granted))

    async def _check(self, source: Source, request: web.Request, wish: CheckKey) -> KeyCheck | None:
        now = self._now()
        visitor = await self._door.look(wish.key, request, source, now)
        if visitor is None:
            return None
        window = self._windows[source.name]
        allowance = window.accept(visitor.key.prefix)
        return KeyCheck(workspace=visitor.workspace, allowance=allowance, now=now)

    async def _admit(self, source: Source, request: web.Request, now: datetime) -> Visitor:
        """Who sends, and whether they may now. Raises Refused, before any of the body is read."""
        if source.limit.per == "address":
            self._count(source, request, self._proxies.client_of(request))
        visitor = await self._door.visitor(request, source, now)
        if source.limit.per == "key":
            self._count(source, request, visitor.key.prefix)
        source.gate(visitor.workspace)
        return visitor

    def _count(self, source: Source, request: web.Request, who: str) -> None:
        """Count a request, and have its sender told what is left. Raises Refused(429)."""
        allowance = self._windows[source.name].accept(who)
        request[LIMIT_HEADERS] = limit_headers(source.limit, allowance)
        if allowance.wait_seconds:
            raise too_many(allowance)

    async def _refused(
        self,
        source: Source,
        route: Route,
        visitor: Visitor,
        request: web.Request,
        body: bytes,
        no: Refusal | Refused,
    ) -> Refused:
        """A ticket's no, in its contract's words; and what makes no sense is kept for the operator."""
        if isinstance(no, Refusal):
            return refused_as(no, (route.refusals, source.refusals))
        if no.status == 400 and body:
            await self._keep_rejected(visitor, request.path, no.message, body)
        return no

    async def _keep_rejected(self, visitor: Visitor, path: str, reason: str, body: bytes) -> None:
        try:
            await self._store.reject(visitor.key, path, reason, body, self._now())
        except StorageError as error:  # its sender is to be told what is wrong with it all the same
            _log.warning("a refused request of key %s is not kept: %s", visitor.key.prefix, error)


def _methods(route: Intake | Endpoint) -> tuple[str, ...]:
    """HEAD is answered wherever GET is."""
    return ("GET", "HEAD") if route.method == "GET" else (route.method,)


def _outright(sources: Mapping[str, Source]) -> dict[str, set[str]]:
    """The methods of every path without {names}, which is never what another one's {name} stands for."""
    methods: dict[str, set[str]] = {}
    for source in sources.values():
        for route in source.routes:
            if "{" not in route.path:
                methods.setdefault(route.path, set()).update(_methods(route))
    return methods


async def _another_method(methods: set[str], request: web.Request) -> Answer:
    raise web.HTTPMethodNotAllowed(request.method, methods)


def _call(request: web.Request, body: bytes) -> Call:
    """Raises Refused for half a character in the address, which no database takes."""
    try:
        "".join([*request.match_info.values(), *request.query, *request.query.values()]).encode()
    except UnicodeEncodeError as error:
        raise refusal(400) from error
    return Call(path=request.match_info, query=request.query, body=body)


def _log_kept(ticket: Ticket) -> None:
    known = {"ticket": ticket.id, "public_id": ticket.public_id}
    _log.info("kept %s for workspace %s", ticket.public_id, ticket.workspace_id, extra=known)


def _answer(answered: Answered) -> Answer:
    return Answer(answered.body, headers={"Idempotent-Replayed": "true"} if answered.repeated else None)


def _shown(answer: Body | Page) -> Answer:
    return Answer.page(answer) if isinstance(answer, Page) else Answer(answer)
