"""A source over real HTTP, in front of a real store: what the tests of every contract share."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp

from bot.sources.contract import Operation, Source
from bot.sources.registry import load_sources
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import NewWorkspace, Workspace
from bot.webhook import TrustedProxies, WebhookServer
from storage import Store, open_store

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
ADA = Actor(id="4242424242424242", name="Ada")  # in Discord


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A valid request. `{name}` in its path is the id of that ticket."""

    method: str
    path: str
    operation: str = ""  # the path of its operation, where it differs
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def operation_of(self, source: Source) -> Operation:
        """What the source declares of it."""
        path = self.operation or self.path
        (found,) = (one for one in source.operations if (one.method, one.path) == (self.method, path))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """`body` is None for what is no JSON."""

    status: int
    body: Any
    text: str
    headers: Mapping[str, str]


@dataclass
class ApiClient:
    """A game server's client, and what lies behind the API."""

    source: Source
    store: Store
    address: str
    session: aiohttp.ClientSession
    now: list[datetime]  # the one item is the time
    keys: dict[str, str] = field(default_factory=lambda: {"unknown": "tb_unknown_key"})  # by workspace
    tickets: dict[str, Ticket] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = "home",
        raw: bytes | None = None,
    ) -> Response:
        """`{name}` in a path is the id of that ticket. `key` is the workspace whose key is sent."""
        headers = {} if key is None else {self.source.key_headers[0]: self.keys[key]}
        names = {name: ticket.public_id for name, ticket in self.tickets.items()}
        url = self.address + path.format(**names, key=self.keys["home"])
        data = BytesIO(json.dumps(body).encode() if raw is None else raw)
        async with self.session.request(method, url, data=data, headers=headers) as got:
            is_json = got.content_type == "application/json"
            return Response(
                status=got.status,
                body=await got.json() if is_json else None,
                text=await got.text(),
                headers=got.headers.copy(),
            )

    async def get(self, path: str, key: str = "home") -> Any:
        """The content of a success."""
        return self.content(await self.send("GET", path, key=key))

    async def post(self, path: str, **body: object) -> Any:
        """The content of a success."""
        return self.content(await self.send("POST", path, body))

    def content(self, response: Response) -> Any:
        """The body of a success."""
        assert response.status == 200, response.text
        return response.body

    async def ticket(self, name: str) -> Ticket:
        """As it is in the store now."""
        return await self.store.tickets.get(self.tickets[name].id)

    async def all_tickets(self) -> list[Ticket]:
        """Those with a name, as they are in the store now."""
        return [await self.ticket(name) for name in self.tickets]

    async def name_ticket(self, name: str, public_id: str) -> None:
        ticket = await self.store.tickets.find_by_public_id(public_id)
        assert ticket is not None
        self.tickets[name] = ticket

    async def add_workspace(self, name: str) -> Workspace:
        """A workspace with a key."""
        new = NewWorkspace(name=name, guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4)
        workspace = await self.store.workspaces.add(new, NOW)
        key, prefix = generate_api_key()
        await self.store.api_keys.add(
            name, self.source.name, prefix=prefix, key_hash=hash_api_key(key), now=NOW
        )
        self.keys[name] = key
        return workspace


@asynccontextmanager
async def serve(
    folder: Path,
    source: Source,
    clock: Callable[[], float],
    *,
    proxies: TrustedProxies | None = None,
    public_url: str | None = None,
) -> AsyncIterator[ApiClient]:
    """A source beside all the others, on an empty store. `clock` is that of the rate limits, in seconds."""
    store = await open_store(folder / "tickets.db")
    now = [NOW]
    webhook = WebhookServer(
        store,
        load_sources() | {source.name: source},
        proxies=proxies,
        public_url=public_url,
        now=lambda: now[0],
        clock=clock,
    )
    try:
        async with webhook.serve("127.0.0.1", 0) as at, aiohttp.ClientSession() as session:
            yield ApiClient(source, store, f"http://{at.host}:{at.port}", session, now)
    finally:
        await store.close()
