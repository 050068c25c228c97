"""A stand-in for modl's plugin, in either form: sends its headers, and reads only what it reads."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict

from tests.sources.conftest import ApiClient
from tests.sources.modl_api import protobuf_wire
from tests.sources.modl_api.conftest import PLUGIN_REQUESTS

START = PLUGIN_REQUESTS[0]
SYNC = "/v2/minecraft/players/sync"
ACKNOWLEDGE = "/v1/minecraft/notifications/acknowledge"
# As Java's HttpURLConnection and the plugin send them.
JAVA_HEADERS = {"Accept": "text/html, image/gif, image/jpeg, */*; q=0.2", "Connection": "keep-alive"}
JSON_HEADERS = JAVA_HEADERS | {"Content-Type": "application/json"}
PROTOBUF_HEADERS = JAVA_HEADERS | protobuf_wire.HEADERS


@dataclass
class Plugin:
    """The plugin on one game server."""

    bridge: ApiClient
    is_protobuf: bool
    key: str = "home"
    server: str = "survival-1"
    panel_url: str = ""
    last_sync: str = ""

    async def start(self) -> None:
        """Always in JSON; with neither the panel's host nor the version in a header."""
        headers = JSON_HEADERS | {"X-API-Key": self.bridge.keys[self.key], "User-Agent": "modl-minecraft"}
        data = json.dumps(START.body).encode()
        async with self.bridge.session.post(
            self.bridge.address + START.path, data=data, headers=headers
        ) as got:
            assert got.status == 200
            self.panel_url = json.loads(await got.read())["panelUrl"]

    async def sync(self, *online: str) -> dict[str, Any]:
        """What is new, with these players online."""
        players = [{"uuid": uuid, "username": "x", "ipAddress": "192.0.2.1"} for uuid in online]
        body = {"onlinePlayers": players, "serverName": self.server, "lastSyncTimestamp": self.last_sync}
        synced = await self.post(SYNC, body)
        self.last_sync = synced["timestamp"]
        data: dict[str, Any] = synced["data"]
        for one in data["playerNotifications"] + data["staffNotifications"]:
            one["timestamp"] = int(one["timestamp"])  # a text, as protobuf's JSON has it
        return data

    async def told(self, *online: str) -> list[str]:
        """The messages for these players."""
        return [one["message"] for one in (await self.sync(*online))["playerNotifications"]]

    async def acknowledge(self, player: str, ids: Iterable[str]) -> None:
        await self.post(ACKNOWLEDGE, {"playerUuid": player, "notificationIds": list(ids)})

    async def post(self, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        """The body of a success, or of another status."""
        if self.is_protobuf:
            path, data = protobuf_wire.v3(path), protobuf_wire.encode_body("POST", path, body)
        else:
            data = json.dumps(body).encode()
        headers = (PROTOBUF_HEADERS if self.is_protobuf else JSON_HEADERS) | {
            "X-API-Key": self.bridge.keys[self.key],
            "X-Server-Domain": self.panel_url.partition("://")[2],
            "User-Agent": "modl-minecraft/2.3.1",
        }
        async with self.bridge.session.post(self.bridge.address + path, data=data, headers=headers) as got:
            assert got.status == status, await got.text("latin-1")
            encoded = await got.read()
        if not self.is_protobuf:
            return json.loads(encoded)  # type: ignore[no-any-return]
        message = protobuf_wire.decode_response("POST", path, status, encoded)
        return MessageToDict(message, always_print_fields_with_no_presence=True)
