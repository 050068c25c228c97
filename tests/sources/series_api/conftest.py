"""The Series API over real HTTP, in front of a real store that holds one ticket of each kind."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sources.series import SOURCE, examples
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.message import Actor
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Category, Department, NewWorkspace, Workspace
from bot.webhook import WebhookServer
from storage import Store

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
NOW_SHOWN = "2025-01-15T10:30:00.000Z"
AUTHOR = 123456789
STAFF, OTHER_STAFF = 7, 8
ADA = Actor(id="4242424242424242", name="Ada")  # in Discord


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Api:
    """A client of the API, and what lies behind it."""

    store: Store
    workspace: Workspace
    address: str
    session: aiohttp.ClientSession
    now: list[datetime]  # the one item is the time
    ticking: list[bool]  # whether each look at the clock is a second later than the one before
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
        headers = {} if key is None else {"apikey": self.keys[key]}
        names = {name: ticket.public_id for name, ticket in self.tickets.items()}
        url = self.address + path.format(**names, key=self.keys["home"])
        data = BytesIO(json.dumps(body).encode() if raw is None else raw)
        async with self.session.request(method, url, data=data, headers=headers) as got:
            assert got.content_type == "application/json"
            return Reply(status=got.status, body=await got.json(), headers=got.headers.copy())

    async def get(self, path: str) -> Any:
        """The `data` of a success."""
        return self._data(await self.send("GET", path))

    async def post(self, path: str, **body: object) -> Any:
        """The `data` of a success."""
        return self._data(await self.send("POST", path, body))

    async def ticket(self, name: str) -> Ticket:
        """As it is in the store now."""
        return await self.store.ticket(self.tickets[name].id)

    def _data(self, reply: Reply) -> Any:
        assert reply.status == 200, reply.body
        assert reply.body.keys() == {"success", "data"}
        assert reply.body["success"] is True
        return reply.body["data"]


def refused(status: int, message: str) -> dict[str, object]:
    """The error envelope."""
    return {"success": False, "error": {"code": status, "message": message}}


async def add_workspace(api_store: Store, name: str) -> tuple[Workspace, str]:
    """A workspace with rules of its own, and a key for it."""
    new = NewWorkspace(name=name, guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4)
    workspace = await api_store.add_workspace(new, NOW)
    workspace = await api_store.change_workspace(workspace.id, with_rules)
    key, prefix = generate_api_key()
    await api_store.add_key(name, "series", prefix=prefix, key_hash=hash_api_key(key), now=NOW)
    return workspace, key


def with_rules(workspace: Workspace) -> Workspace:
    return (
        workspace.with_category(Category(id="support", name="Support", max_open=3))
        .with_category(Category(id="reports", name="Reports"))
        .with_department(
            Department(id="moderation-dept", name="Moderation", categories=("reports",), members=("7", "9"))
        )
        .with_department(Department(id="tier-two", name="Tier Two", categories=("support", "reports")))
    )


async def file(api: Api, name: str, path: str, **changes: object) -> None:
    example = examples.GAME_REPORT if path.endswith("report") else examples.TICKET
    data = await api.post(path, **{**example, **changes})
    ticket = await api.store.ticket_by_public_id(data["TicketId"])
    assert ticket is not None
    api.tickets[name] = ticket


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    store = await Store.open(tmp_path / "tickets.db")
    seconds, ticking, now = [1000.0], [True], [NOW]

    def clock() -> float:
        seconds[0] += ticking[0]
        return seconds[0]

    webhook = WebhookServer(store, {"series": SOURCE}, now=lambda: now[0], clock=clock)
    async with webhook.serve("127.0.0.1", 0) as at, aiohttp.ClientSession() as session:
        workspace, key = await add_workspace(store, "home")
        api = Api(store, workspace, f"http://{at.host}:{at.port}", session, now, ticking, {"home": key})
        _, api.keys["abroad"] = await add_workspace(store, "abroad")
        api.keys["nobody"] = "tb_nobody_knows"
        await file(api, "report", "/tickets/create-game-report")
        await file(api, "ticket", "/tickets/create")
        await file(api, "claimed", "/tickets/create", subject="Claimed")
        await file(api, "closed", "/tickets/create", subject="Closed")
        staff = Actor(id=str(STAFF), name=str(STAFF), source="series")
        await store.change_ticket(api.tickets["claimed"].id, lambda one: one.claim(staff), NOW, actor=staff)
        await store.change_ticket(
            api.tickets["closed"].id, lambda one: one.set_status(Status.CLOSED), NOW, actor=staff
        )
        yield api
    await store.close()
