"""A Roblox game server as a ModuleScript sees it: HttpService, task, warn, a place and a job.

Its HttpService really sends. It has Roblox's rules: nil vanishes from JSON, an empty
table is a list, text must be UTF-8, an answer's headers are in lower case, and a broken connection throws.
"""

import asyncio
import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from lupa import lua51  # type: ignore[import-untyped]  # it ships no types

LuaError: type[Exception] = lua51.LuaError
LOCKED_HEADERS = {"accept-encoding", "connection", "content-length", "expect", "host", "user-agent"}
PRELUDE = """
    local wire, place, job = ...
    local HttpService = {
        RequestAsync = function(_, request) return wire.request(request) end,
        JSONEncode = function(_, value) return wire.encode(value) end,
        JSONDecode = function(_, text) return wire.decode(text) end,
        GenerateGUID = function(_, wrapped) return wire.guid(wrapped) end,
    }
    game = { PlaceId = place, JobId = job, GetService = function(_, name)
        assert(name == "HttpService", name)
        return HttpService
    end }
    task = { wait = function(seconds) wire.wait(seconds) end }
    warn = function(text) wire.warn(text) end
    os.time = function() return wire.now() end
    return function(object, method, ...) return object[method](object, ...) end
"""


class RobloxServer:
    """Runs one ModuleScript. Time passes only while a script waits."""

    def __init__(self, module: Path, *, place: int = 126591263956758, job: str = "8f5a1d5e-2b1f") -> None:
        self.now = 1_736_937_000.0
        self.waits: list[float] = []
        self.warnings: list[str] = []
        self.throws: list[str] = []  # what the next requests fail with, before anything is sent
        self.while_waiting: Callable[[], None] | None = None
        self._lua: Any = lua51.LuaRuntime(encoding="utf-8")
        wire = {
            "request": self._request,
            "encode": lambda value: json.dumps(_plain(value), ensure_ascii=False),
            "decode": lambda text: self._table(json.loads(text)),
            "guid": self._guid,
            "wait": self._wait,
            "warn": lambda text: self.warnings.append(text),
            "now": lambda: int(self.now),
        }
        self._call = self._lua.execute(PRELUDE, self._table(wire), place, job)
        self._module = self._lua.execute(module.read_text("utf-8"))

    def client(self, **settings: Any) -> Any:
        """Call `TicketBridge.new`. Raises LuaError for wrong settings."""
        return self._module.new(self._table(settings))

    def player(self, user_id: int = 123456789) -> Any:
        return self._table({"UserId": user_id, "Name": "reporter123", "DisplayName": "Reporter Name"})

    def call(self, client: Any, method: str, player: Any, **fields: object) -> tuple[bool, Any]:
        """Call a method of the client; its two results."""
        saved, outcome = self._call(client, method, player, self._table(fields))
        return saved, _plain(outcome)

    async def file(self, client: Any, method: str, player: Any, **fields: object) -> tuple[bool, Any]:
        """`call`, while the event loop goes on."""
        return await asyncio.to_thread(self.call, client, method, player, **fields)

    def compiles(self, script: str) -> bool:
        return self._lua.compile(script) is not None

    def _request(self, expected: Any) -> Any:
        if self.throws:
            raise RuntimeError(self.throws.pop(0))
        request = _plain(expected)
        assert not LOCKED_HEADERS & {name.lower() for name in request["Headers"]}
        url = urlsplit(request["Url"])
        connection = HTTPConnection(url.netloc, timeout=5)
        try:
            connection.request(request["Method"], url.path, request["Body"].encode(), request["Headers"])
            answer = connection.getresponse()
            return self._table(
                {
                    "Success": 200 <= answer.status < 300,
                    "StatusCode": answer.status,
                    "StatusMessage": answer.reason,
                    "Headers": {name.lower(): value for name, value in answer.getheaders()},
                    "Body": answer.read().decode(),
                }
            )
        finally:
            connection.close()

    def _guid(self, wrapped: bool) -> str:
        return f"{{{uuid4()}}}" if wrapped else str(uuid4())

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        if self.while_waiting:
            self.while_waiting()

    def _table(self, value: Any) -> Any:
        return self._lua.table_from(value, recursive=True) if isinstance(value, dict | list) else value


def _plain(value: Any) -> Any:
    """A Lua value as a Python value. Reading text that is not UTF-8 raises UnicodeDecodeError."""
    if lua51.lua_type(value) != "table":
        return value
    items = {key: _plain(item) for key, item in value.items()}
    if list(items) == list(range(1, len(items) + 1)):
        return list(items.values())
    return items
