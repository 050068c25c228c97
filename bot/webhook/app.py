"""The webhook: every source's ways in, each asking who sends, how much, and what, before a ticket is kept."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from bot.sources import Intake, Source
from bot.tickets import ApiKey
from bot.webhook.answers import Answer, Envelopes
from bot.webhook.health import health
from bot.webhook.keys import key_of
from bot.webhook.limits import SlidingWindow
from bot.webhook.listening import Listening, listen
from bot.webhook.refusals import BODY_LIMIT, body_of
from storage import Store

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Webhook:
    """Takes tickets over HTTP. What it answers depends on the store alone."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        now: Callable[[], datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sources = sources
        self._now = now
        self._envelopes = Envelopes(sources.values())
        self._windows = {source.name: SlidingWindow(source.limit, clock) for source in sources.values()}

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_get("/healthz", health)
        for source in self._sources.values():
            for intake in source.intakes:
                app.router.add_post(intake.path, partial(self._take_in, source, intake))
        return app

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[Listening]:
        """Accept tickets until the block ends. Port 0 finds a free one; a taken port raises OSError."""
        async with listen(self.application(), self._envelopes, host, port) as listening:
            yield listening

    async def _take_in(self, source: Source, intake: Intake, request: web.Request) -> Answer:
        key = await self._admit(source, request)
        new = intake.parse(await body_of(request))
        now = self._now()
        ticket = await self._store.add_ticket(key.workspace_id, new, source.ids(new, now), now)
        _log.info("kept %s for workspace %s", ticket.public_id, ticket.workspace_id)
        return Answer(intake.answer(ticket))

    async def _admit(self, source: Source, request: web.Request) -> ApiKey:
        """Who sends, and whether they may now. Raises Refused, before any of the body is read."""
        window = self._windows[source.name]
        if source.limit.per == "address":
            window.accept(request.remote or "")
        key = await key_of(request, source, self._store)
        if source.limit.per == "key":
            window.accept(key.prefix)
        return key
