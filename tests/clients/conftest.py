"""Servers for the example clients: the real webhook over a real store, and one with scripted answers."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.sources.contract import Source
from bot.sources.registry import load_sources
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import NewWorkspace
from bot.webhook import TrustedProxies, WebhookServer
from storage import Store, open_store

CLIENTS = Path(__file__).parents[2] / "docs" / "clients"
ACCEPTED = {
    "success": True,
    "data": {"TicketId": "TICKET-1"},
    "ticketId": "PLAYER-1",
}  # both contracts read it


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """The real webhook, with a key for each source."""

    url: str
    keys: Mapping[str, str]
    store: Store

    async def tickets(self) -> list[Ticket]:
        """Every ticket in the store, oldest first."""
        ids = [workspace.id for workspace in await self.store.workspaces.list_all()]
        return sorted(await self.store.tickets.autocomplete("", ids), key=lambda ticket: ticket.id)

    async def request_body(self, ticket: Ticket) -> dict[str, Any]:
        """The JSON object of a ticket's request."""
        body = json.loads(await self.store.tickets.raw_request(ticket.id))
        assert isinstance(body, dict)
        return body


@dataclass(frozen=True, kw_only=True)
class CannedAnswer:
    """How the server answers one request. Status 0: it closes the connection."""

    status: int = 200
    body: str | Mapping[str, object] = field(default_factory=lambda: ACCEPTED)
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0  # seconds


@dataclass(kw_only=True)
class ScriptedServer:
    """A ticket server that gives the scripted answers in turn, and a 200 from then on."""

    answers: list[CannedAnswer] = field(default_factory=list)
    requests: list[tuple[Mapping[str, str], str]] = field(default_factory=list)  # headers and body
    paths: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def idempotency_keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for headers, _ in self.requests]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.headers.copy(), await request.text()))
        self.paths.append(request.path)
        answer = self.answers.pop(0) if self.answers else CannedAnswer()
        await asyncio.sleep(answer.after)
        if answer.status == 0:
            assert request.transport is not None
            request.transport.close()
        if isinstance(answer.body, str):
            return web.Response(status=answer.status or 500, text=answer.body, headers=answer.headers)
        return web.json_response(dict(answer.body), status=answer.status or 500, headers=answer.headers)


@asynccontextmanager
async def opened(
    database: Path, *, requests: int | None = None, proxies: TrustedProxies | None = None
) -> AsyncIterator[Bridge]:
    """A webhook on a new database; `requests` is a lower rate limit, on a clock that stands still."""
    now = datetime.now(UTC)
    store = await open_store(database)
    try:
        workspace = NewWorkspace(
            name="home", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
        )
        await store.workspaces.add(workspace, now)
        keys = {}
        for source in ("series", "modl"):
            keys[source], prefix = generate_api_key()
            await store.api_keys.add(
                "home", source, prefix=prefix, key_hash=hash_api_key(keys[source]), now=now
            )
        async with _webhook(store, requests, proxies).serve("127.0.0.1", 0) as at:
            yield Bridge(url=at.address, keys=keys, store=store)
    finally:
        await store.close()


def _webhook(store: Store, requests: int | None, proxies: TrustedProxies | None) -> WebhookServer:
    sources = load_sources()
    if requests is None:
        return WebhookServer(store, sources, proxies=proxies)
    limited = {name: _limited(source, requests) for name, source in sources.items()}
    return WebhookServer(store, limited, proxies=proxies, clock=lambda: 1000.0)


def _limited(source: Source, requests: int) -> Source:
    return replace(source, rate_limit=replace(source.rate_limit, requests=requests))


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with opened(tmp_path / "tickets.db") as bridge:
        yield bridge


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(app) as at:
        server.url = str(at.make_url("")).rstrip("/")
        yield server


async def run_program(*command: str, seconds: float = 60) -> str:
    """Run a program, which must succeed; its output."""
    pipe = asyncio.subprocess.PIPE
    environment = os.environ | {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=environment)
    try:
        async with asyncio.timeout(seconds):
            printed, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return printed.decode()
