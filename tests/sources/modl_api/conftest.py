"""The modl API over real HTTP, in front of a real store that holds a few tickets."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sources.contract import Source
from bot.sources.modl import SOURCE, examples
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import NewWorkspace
from bot.webhook import WebhookServer
from storage import Store

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
NOW_MS = 1736937000000
NOTCH = "550e8400-e29b-41d4-a716-446655440000"
ACCUSED = "660e8400-e29b-41d4-a716-446655440001"
ALEX = "770e8400-e29b-41d4-a716-446655440002"
ADA = Actor(id="4242424242424242", name="Ada")  # in Discord
TICKETS: Mapping[str, Mapping[str, object]] = {
    "player": dict(examples.TICKET) | {"chatMessages": ["10:29:58 Hacker123: bye", "23:59:00 late", "hm"]},
    "bug": {"creatorUuid": NOTCH, "type": "bug"},
    "anticheat": {
        "creatorUuid": ACCUSED,
        "creatorName": "Anti-cheat",
        "type": "player",
        "subject": "[Anti-cheat] Speed - Hacker123 (VL: 20)",
        "reportedPlayerUuid": ACCUSED,
        "reportedPlayerName": "Hacker123",
        "replayUrl": "abc",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; `body` is None for a page."""

    status: int
    body: Any
    text: str
    headers: Mapping[str, str]


@dataclass
class Api:
    """A client of the API, and what lies behind it."""

    store: Store
    address: str
    session: aiohttp.ClientSession
    now: list[datetime]  # the one item is the time
    keys: dict[str, str] = field(default_factory=dict)  # by workspace
    tickets: dict[str, Ticket] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = "home",
        raw: bytes | None = None,
    ) -> Reply:
        """`{name}` in a path is the id of that ticket. `key` is the workspace whose key is sent."""
        headers = {} if key is None else {"X-API-Key": self.keys[key]}
        url = self.address + path.format(**{name: one.public_id for name, one in self.tickets.items()})
        data = BytesIO(json.dumps(body).encode() if raw is None else raw)
        async with self.session.request(method, url, data=data, headers=headers) as got:
            is_json = got.content_type == "application/json"
            return Reply(
                status=got.status,
                body=await got.json() if is_json else None,
                text=await got.text(),
                headers=got.headers.copy(),
            )

    async def get(self, path: str, key: str = "home") -> Any:
        """The body of a success."""
        reply = await self.send("GET", path, key=key)
        assert reply.status == 200, reply.text
        return reply.body

    async def post(self, path: str, **body: object) -> Any:
        """The body of a success."""
        reply = await self.send("POST", path, body)
        assert reply.status == 200, reply.text
        return reply.body

    async def ticket(self, name: str) -> Ticket:
        """As it is in the store now."""
        return await self.store.ticket(self.tickets[name].id)

    async def file(self, name: str, **body: object) -> None:
        filed = await self.post("/v1/minecraft/tickets", **body)
        ticket = await self.store.ticket_by_public_id(filed["ticketId"])
        assert ticket is not None
        self.tickets[name] = ticket
        self.now[0] += timedelta(seconds=1)


async def add_key(store: Store, workspace: str) -> str:
    """A new workspace and a key for it."""
    new = NewWorkspace(
        name=workspace, guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
    )
    await store.add_workspace(new, NOW)
    key, prefix = generate_api_key()
    await store.add_key(workspace, "modl", prefix=prefix, key_hash=hash_api_key(key), now=NOW)
    return key


@asynccontextmanager
async def served(folder: Path, source: Source) -> AsyncIterator[Api]:
    """An API without tickets; the clock of its limit stands still."""
    store = await Store.open(folder / "tickets.db")
    now = [NOW]
    webhook = WebhookServer(store, {"modl": source}, now=lambda: now[0], clock=lambda: 1000.0)
    async with webhook.serve("127.0.0.1", 0) as at, aiohttp.ClientSession() as session:
        api = Api(store, f"http://{at.host}:{at.port}", session, now)
        for workspace in ("home", "abroad"):
            api.keys[workspace] = await add_key(store, workspace)
        api.keys["nobody"] = "tb_nobody_knows"
        yield api
    await store.close()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """With tickets of which each was filed a second after the one before; the first at `NOW`."""
    async with served(tmp_path, SOURCE) as api:
        for name, body in TICKETS.items():
            await api.file(name, **body)
        yield api


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Api]:
    """Takes a single request."""
    source = replace(SOURCE, rate_limit=replace(SOURCE.rate_limit, requests=1))
    async with served(tmp_path, source) as api:
        yield api
