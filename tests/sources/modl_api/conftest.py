"""The modl API over real HTTP, with a few tickets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.sources.contract import Source
from bot.sources.modl import SOURCE, examples
from tests.sources.conftest import ApiClient, Request, serve

NOW_MS = 1736937000000
NOTCH = "550e8400-e29b-41d4-a716-446655440000"
ACCUSED = "660e8400-e29b-41d4-a716-446655440001"
ALEX = "770e8400-e29b-41d4-a716-446655440002"
EXAMPLES: Mapping[str, Mapping[str, object]] = {
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

TICKETS, REPORTS = "/v1/minecraft/tickets", "/v1/minecraft/reports"
PLAYERS = "/v1/minecraft/players"
NOTCH_LINKS = {"playerUuid": NOTCH, "playerName": "Notch"}
TICKET_REQUESTS = (
    Request(method="POST", path=TICKETS, body=dict(examples.TICKET)),
    Request(method="POST", path=f"{TICKETS}/unfinished", body={"creatorUuid": NOTCH, "type": "bug"}),
    Request(method="GET", path=TICKETS),
    Request(method="GET", path=f"{TICKETS}/{{player}}", operation=f"{TICKETS}/{{id}}"),
    Request(method="GET", path=f"{TICKETS}/player/{NOTCH}", operation=f"{TICKETS}/player/{{uuid}}"),
    Request(method="POST", path=f"{TICKETS}/by-ids", body={"ids": []}),
    Request(
        method="POST",
        path=f"{TICKETS}/{{player}}/claim",
        operation=f"{TICKETS}/{{id}}/claim",
        body=NOTCH_LINKS,
    ),
    Request(method="GET", path=REPORTS),
    Request(method="GET", path=f"{REPORTS}/player/{ACCUSED}", operation=f"{REPORTS}/player/{{uuid}}"),
    Request(method="GET", path=f"{PLAYERS}/{ACCUSED}/reports", operation=f"{PLAYERS}/{{uuid}}/reports"),
    Request(
        method="POST",
        path=f"{REPORTS}/{{player}}/assign",
        operation=f"{REPORTS}/{{id}}/assign",
        body={"assignee": "Grace"},
    ),
    Request(
        method="POST", path=f"{REPORTS}/{{player}}/resolve", operation=f"{REPORTS}/{{id}}/resolve", body={}
    ),
    Request(
        method="POST", path=f"{REPORTS}/{{player}}/dismiss", operation=f"{REPORTS}/{{id}}/dismiss", body={}
    ),
)
PLAYERS = "/v1/minecraft/players"
SYNC_BODY = {
    "lastSyncTimestamp": "2025-01-15T10:29:58.123Z",
    "onlinePlayers": [
        {"uuid": NOTCH, "username": "Notch", "ipAddress": "192.0.2.1", "sessionDurationMs": 61000}
    ],
    "serverName": "survival-1",
    "chatLogs": [
        {"uuid": NOTCH, "username": "Notch", "message": "hi", "server": "s", "timestamp": NOW_MS - 1000}
    ],
    "serverStatus": {"onlinePlayerCount": 1, "maxPlayers": 100, "platformType": "SPIGOT"},
}
LOG_ENTRY = {"uuid": NOTCH, "username": "Notch", "server": "survival-1", "timestamp": NOW_MS}
PLUGIN_REQUESTS = (
    Request(
        method="POST",
        path="/v2/minecraft/startup",
        body={
            "pluginVersion": "2.3.1",
            "platformType": "SPIGOT",
            "serverVersion": "1.21.4",
            "maxPlayers": 100,
        },
    ),
    Request(
        method="POST",
        path=f"{PLAYERS}/login",
        body={"minecraftUUID": NOTCH, "username": "Notch", "ip": "192.0.2.1"},
    ),
    Request(method="POST", path="/v2/minecraft/players/sync", body=SYNC_BODY),
    Request(method="POST", path=f"{PLAYERS}/sync", body=SYNC_BODY),
    Request(
        method="POST",
        path=f"{PLAYERS}/disconnect",
        body={"minecraftUuid": NOTCH, "sessionDurationMs": 61000},
    ),
    Request(
        method="POST",
        path=f"{PLAYERS}/update-server",
        body={"minecraftUuid": NOTCH, "serverName": "survival-1"},
    ),
    Request(method="POST", path=f"{PLAYERS}/chat-log", body={"entries": [LOG_ENTRY | {"message": "hi"}]}),
    Request(
        method="POST", path=f"{PLAYERS}/command-log", body={"entries": [LOG_ENTRY | {"command": "/spawn"}]}
    ),
    Request(
        method="POST",
        path="/v1/minecraft/staff/disconnect",
        body={"minecraftUuid": NOTCH, "sessionDurationMs": 61000},
    ),
    Request(
        method="POST",
        path="/v1/minecraft/notifications/acknowledge",
        body={
            "playerUuid": NOTCH,
            "acknowledgedAt": "2025-01-15T10:30:00Z",
            "notificationIds": ["0d3c1c7e-0000-4000-8000-000000000001"],
        },
    ),
)
REQUESTS = (*TICKET_REQUESTS, *PLUGIN_REQUESTS)
PUBLIC_REQUESTS = (
    Request(method="GET", path="/ticket/{player}", operation="/ticket/{id}"),
    Request(method="POST", path="/ticket/{player}", operation="/ticket/{id}"),
    Request(method="GET", path="/panel/tickets/{player}", operation="/panel/tickets/{id}"),
)


@dataclass
class Api(ApiClient):
    """Each ticket is created a second after the one before."""

    async def create(self, name: str, **body: object) -> None:
        await self._create(TICKETS, name, body)

    async def create_draft(self, name: str, **body: object) -> None:
        await self._create(f"{TICKETS}/unfinished", name, body)

    async def _create(self, path: str, name: str, body: Mapping[str, object]) -> None:
        await self.name_ticket(name, (await self.post(path, **body))["ticketId"])
        self.now[0] += timedelta(seconds=1)


@asynccontextmanager
async def open_api(folder: Path, source: Source = SOURCE) -> AsyncIterator[Api]:
    """Without tickets; the clock of its rate limit stands still."""
    async with serve(folder, source, lambda: 1000.0) as client:
        api = Api(source, client.store, client.address, client.session, client.now)
        await add_workspaces(api)
        yield api


async def add_workspaces(api: Api) -> None:
    for workspace in ("home", "abroad"):
        await api.add_workspace(workspace)


async def add_tickets(api: Api) -> None:
    """The first is created at `NOW`."""
    for name, body in EXAMPLES.items():
        await api.create(name, **body)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path) as api:
        await add_tickets(api)
        yield api
