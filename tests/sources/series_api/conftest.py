"""The Series API over real HTTP, with a workspace that has rules, and one ticket of each kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.sources.contract import Source
from bot.sources.series import SOURCE, examples
from bot.tickets.message import Actor
from bot.tickets.ticket import Status
from bot.tickets.workspace import Category, Department, Workspace
from tests.sources.conftest import NOW, ApiClient, Request, Response, serve

NOW_SHOWN = "2025-01-15T10:30:00.000Z"
AUTHOR = 123456789
STAFF, OTHER_STAFF = 7, 8
CREATE, GAME_REPORT = "/tickets/create", "/tickets/create-game-report"

REPORT, TICKET = dict(examples.GAME_REPORT), dict(examples.TICKET)
BY_STAFF = {"staffUserId": STAFF}
REPLY = {"content": "We are on it.", "staffUserId": STAFF}
FOLLOW_UP = {"content": "It happened again.", "authorUserId": AUTHOR}
STATUS = {"status": "resolved", "staffUserId": STAFF}
TRANSFER = {"departmentId": "tier-two", "staffUserId": STAFF}

_ID = "/tickets/{ticketId}"
REQUESTS = (
    Request(method="POST", path=CREATE, body=TICKET),
    Request(method="POST", path=GAME_REPORT, body=REPORT),
    Request(method="GET", path="/tickets/list"),
    Request(method="GET", path="/tickets/get/{ticket}", operation="/tickets/get/{ticketId}"),
    Request(method="GET", path="/tickets/config"),
    Request(method="POST", path="/tickets/{ticket}/claim", operation=f"{_ID}/claim", body=BY_STAFF),
    Request(method="POST", path="/tickets/{claimed}/unclaim", operation=f"{_ID}/unclaim", body=BY_STAFF),
    Request(method="POST", path="/tickets/{claimed}/reply", operation=f"{_ID}/reply", body=REPLY),
    Request(
        method="POST", path="/tickets/{ticket}/reply-member", operation=f"{_ID}/reply-member", body=FOLLOW_UP
    ),
    Request(method="POST", path="/tickets/{ticket}/status", operation=f"{_ID}/status", body=STATUS),
    Request(method="POST", path="/tickets/{ticket}/transfer", operation=f"{_ID}/transfer", body=TRANSFER),
)
PUBLIC_REQUESTS = (
    Request(method="GET", path="/basic/check-key/{key}", operation="/basic/check-key/{apiKey}"),
)


@dataclass
class Api(ApiClient):
    """`content` of a success is its `data`."""

    ticking: list[bool] = field(default_factory=lambda: [False])  # each look at the clock is a second later
    workspaces: dict[str, Workspace] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        return self.workspaces["home"]

    def content(self, response: Response) -> Any:
        body = super().content(response)
        assert body.keys() == {"success", "data"}
        assert body["success"] is True
        return body["data"]


def error(status: int, message: str) -> dict[str, object]:
    """The body of an error."""
    return {"success": False, "error": {"code": status, "message": message}}


def with_rules(workspace: Workspace) -> Workspace:
    return (
        workspace.with_category(Category(id="support", name="Support", max_open=3))
        .with_category(Category(id="reports", name="Reports"))
        .with_department(
            Department(id="moderation-dept", name="Moderation", categories=("reports",), members=("7", "9"))
        )
        .with_department(Department(id="tier-two", name="Tier Two", categories=("support", "reports")))
    )


async def create(api: ApiClient, name: str, path: str, **changes: object) -> None:
    example = REPORT if path == GAME_REPORT else TICKET
    data = await api.post(path, **{**example, **changes})
    await api.name_ticket(name, data["TicketId"])


@asynccontextmanager
async def open_api(folder: Path, source: Source = SOURCE) -> AsyncIterator[Api]:
    """Without tickets. The clock of its rate limit stands still until `ticking` is set."""
    seconds, ticking = [1000.0], [False]

    def clock() -> float:
        seconds[0] += ticking[0]
        return seconds[0]

    async with serve(folder, source, clock) as client:
        api = Api(source, client.store, client.address, client.session, client.now, ticking=ticking)
        for name in ("home", "abroad"):
            workspace = await api.add_workspace(name)
            api.workspaces[name] = await api.store.workspaces.change(workspace.id, with_rules)
        yield api


async def add_tickets(api: Api) -> None:
    api.ticking[0] = True
    await create(api, "report", GAME_REPORT)
    await create(api, "ticket", CREATE)
    await create(api, "claimed", CREATE, subject="Claimed")
    await create(api, "closed", CREATE, subject="Closed")
    staff = Actor(id=str(STAFF), name=str(STAFF), source="series")
    for name, change in {
        "claimed": lambda ticket: ticket.claim(staff),
        "closed": lambda ticket: ticket.set_status(Status.CLOSED),
    }.items():
        await api.store.tickets.change(api.tickets[name].id, change, NOW, actor=staff)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path) as api:
        await add_tickets(api)
        yield api
