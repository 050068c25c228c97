"""modl's plugin against the bridge alone: it starts, lets players join, creates a ticket and syncs."""

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from bot.sources.modl import SOURCE
from bot.sources.modl.plugin import UNSERVED_PREFIXES
from bot.webhook import TrustedProxies
from tests.sources.conftest import Request, serve
from tests.sources.modl_api import protobuf_wire
from tests.sources.modl_api.conftest import (
    NOTCH,
    PLAYERS,
    PLUGIN_REQUESTS,
    SYNC_BODY,
    TICKETS,
    Api,
    open_api,
)
from tests.sources.modl_api.plugin_client import (
    ACKNOWLEDGE,
    JSON_HEADERS,
    PROTOBUF_HEADERS,
    START,
    SYNC,
    Plugin,
)

PUBLIC_URL = "https://tickets.example.com"
LOOPBACK = TrustedProxies([ip_network("127.0.0.0/8")])
_, *WHILE_RUNNING = PLUGIN_REQUESTS


@pytest.fixture(params=["json", "protobuf"])
async def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Plugin]:
    async with open_api(tmp_path) as bridge:
        yield Plugin(bridge, is_protobuf=request.param == "protobuf")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path) as api:
        yield api


async def panel_url(
    folder: Path,
    headers: dict[str, str],
    *,
    proxies: TrustedProxies | None = None,
    public_url: str | None = None,
) -> str:
    """What the plugin is told at its start."""
    async with serve(folder, SOURCE, lambda: 1000.0, proxies=proxies, public_url=public_url) as bridge:
        await bridge.add_workspace("home")
        sent = JSON_HEADERS | {"X-API-Key": bridge.keys["home"]} | headers
        async with bridge.session.post(bridge.address + START.path, json=START.body, headers=sent) as got:
            told: str = (await got.json())["panelUrl"]
            return told.replace(bridge.address, "<address>")


async def test_the_plugin_starts_lets_a_player_join_and_creates_a_ticket_whose_link_opens(
    plugin: Plugin,
) -> None:
    await plugin.start()
    login = await plugin.post(
        f"{PLAYERS}/login", {"minecraftUUID": NOTCH, "username": "Notch", "ip": "192.0.2.1"}
    )
    ticket = await plugin.post(TICKETS, {"creatorUuid": NOTCH, "type": "bug", "subject": "A hole"})
    sync = await plugin.post(SYNC, SYNC_BODY)
    acknowledged = await plugin.post(ACKNOWLEDGE, {"playerUuid": NOTCH, "notificationIds": ["1"]})
    async with plugin.bridge.session.get(f"{plugin.panel_url}/ticket/{ticket['ticketId']}") as page:
        html = await page.text()

    assert (login["status"], login["activePunishments"]) == (200, [])
    assert ticket["success"] is True
    assert sync["timestamp"] == "2025-01-15T10:29:57.000Z"  # three seconds before
    assert sync["data"] == {
        "pendingPunishments": [],
        "recentlyStartedPunishments": [],
        "recentlyModifiedPunishments": [],
        "playerNotifications": [],
        "activeStaffMembers": [],
        "staffNotifications": [],
        "pendingStatWipes": [],
        "staff2faVerifications": [],
    }
    assert acknowledged["success"] is True
    assert page.status == 200
    assert ticket["ticketId"] in html


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{PLAYERS}/login", {"status": 200, "activePunishments": [], "pendingNotifications": []}),
        (f"{PLAYERS}/disconnect", {"status": 200, "success": True}),
        (f"{PLAYERS}/update-server", {"status": 200, "success": True}),
        (f"{PLAYERS}/chat-log", {"status": 200, "success": True}),
        (f"{PLAYERS}/command-log", {"status": 200, "success": True}),
        ("/v1/minecraft/staff/disconnect", {"status": 200, "success": True}),
    ],
)
@pytest.mark.parametrize(
    "body",
    [{}, {"minecraftUUID": 5, "username": None, "entries": "none", "new": [[]]}],
)
async def test_no_field_is_needed_or_refused(
    api: Api, path: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert await api.post(path, **body) == expected


async def test_a_sync_with_as_many_lines_as_fit_is_accepted(plugin: Plugin) -> None:
    line = {"uuid": NOTCH, "username": "Notch", "message": "NaN é 😀" * 5, "server": "s", "timestamp": 1}

    sync = await plugin.post(SYNC, SYNC_BODY | {"chatLogs": [line] * 4000})

    assert sync["data"]["playerNotifications"] == []


@pytest.mark.parametrize("request_", WHILE_RUNNING, ids=str)
async def test_400_for_bytes_that_are_no_message(api: Api, request_: Request) -> None:
    path = protobuf_wire.v3(request_.path)
    headers = PROTOBUF_HEADERS | {"X-API-Key": api.keys["home"]}

    async with api.session.post(api.address + path, data=b"\xff" * 20, headers=headers) as got:
        error = protobuf_wire.decode_response("POST", path, got.status, await got.read())

    assert got.status == 400
    assert "in protobuf" in str(error)


async def test_nothing_is_written_but_the_last_use_of_the_key(plugin: Plugin, tmp_path: Path) -> None:
    await plugin.post(SYNC, SYNC_BODY)
    with closing(sqlite3.connect(tmp_path / "tickets.db")) as database:
        before = database.execute("PRAGMA data_version").fetchone()  # changes with every commit

        for request in WHILE_RUNNING:
            assert request.body is not None
            await plugin.post(request.path, request.body)

        assert database.execute("PRAGMA data_version").fetchone() == before


async def test_a_busy_server_stays_within_the_rate_limit(plugin: Plugin) -> None:
    """Of the requests of a minute: a sync each second, 200 players who join, move on and leave."""
    for _ in range(60):
        await plugin.post(SYNC, SYNC_BODY)
    for _ in range(200):
        for path in ("login", "update-server", "disconnect"):
            await plugin.post(f"{PLAYERS}/{path}", {"minecraftUuid": NOTCH})


@pytest.mark.parametrize(
    ("headers", "proxies", "expected"),
    [
        ({}, None, "<address>"),
        ({"Host": "bridge.example.com:8080"}, None, "http://bridge.example.com:8080"),
        (
            {"Host": "bridge.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "x.example"},
            None,
            "http://bridge.example.com",
        ),
        (
            {"Host": "bridge.example.com", "X-Forwarded-Proto": "https"},
            LOOPBACK,
            "https://bridge.example.com",
        ),
        (
            {"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "x.example, inner.example"},
            LOOPBACK,
            "https://x.example",
        ),
        ({"Host": "bridge.example.com", "X-Forwarded-Proto": "ftp"}, LOOPBACK, "http://bridge.example.com"),
    ],
)
async def test_without_a_public_address_the_plugin_is_told_the_one_it_used(
    tmp_path: Path, headers: dict[str, str], proxies: TrustedProxies | None, expected: str
) -> None:
    assert await panel_url(tmp_path, headers, proxies=proxies) == expected


async def test_the_plugin_is_told_the_public_address(tmp_path: Path) -> None:
    headers = {"Host": "10.0.0.5:8080", "X-Forwarded-Proto": "http"}

    assert await panel_url(tmp_path, headers, proxies=LOOPBACK, public_url=PUBLIC_URL) == PUBLIC_URL


async def get(api: Api, *paths: str) -> None:
    """GET each of these paths, where there is nothing."""
    for path in paths:
        async with api.session.get(api.address + path) as got:
            assert got.status == 404, path


async def test_what_is_not_served_is_logged_once_and_without_ids(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    for prefix in UNSERVED_PREFIXES:
        await get(api, prefix, f"{prefix}/", f"{prefix}/{NOTCH}", f"{prefix}/{NOTCH}/notes?page=1")

    assert [record.getMessage() for record in caplog.records] == [
        f"A game server asked for something below {prefix} that ticketbridge does not serve. It was "
        "answered with 404; this is logged once."
        for prefix in UNSERVED_PREFIXES
    ]


async def test_a_path_that_no_plugin_asks_for_is_not_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    await get(
        api, "/v1/minecraft/nonsense", "/v1/.env", "/v3/minecraft", "/v1/minecraft/playersx", "/v1/players"
    )

    assert not caplog.records
