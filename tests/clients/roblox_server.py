"""A Roblox game server as a ModuleScript sees it: HttpService, task, warn, a place and a job.

Its HttpService really sends. It has Roblox's rules: nil vanishes from JSON, an empty table is a list, text
must be UTF-8, an answer's headers are in lower case, a broken connection throws, a secret goes to its own
domain alone, and a server has 500 requests a minute.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from lupa import lua51  # type: ignore[import-untyped]  # it ships no types

LuaError: type[Exception] = lua51.LuaError
LOCKED_HEADERS = {"accept-encoding", "connection", "content-length", "expect", "host", "user-agent"}
REQUESTS_PER_MINUTE = 500
PRELUDE = """
    local wire, place, job = ...
    local HttpService = {
        RequestAsync = function(_, request) return wire.request(request) end,
        JSONEncode = function(_, value) return wire.encode(value) end,
        JSONDecode = function(_, text) return wire.decode(text) end,
        GenerateGUID = function(_, wrapped) return wire.guid(wrapped) end,
        GetSecret = function(_, name) return wire.secret(name) end,
    }
    ReplicatedStorage = { Report = {} }
    local services = {
        HttpService = HttpService,
        ReplicatedStorage = ReplicatedStorage,
        TextChatService = {},
        Debris = { AddItem = function(_, item, seconds) wire.wait_to_remove(seconds) end },
        Players = {
            GetPlayerByUserId = function(_, id) return players[id] end,
            GetPlayers = function() return {} end,
            PlayerAdded = { Connect = function(_, handler) player_added = handler end },
        },
        DataStoreService = { GetDataStore = function(_, name)
            local store = {
                GetAsync = function(_, key) return wire.load(name, key) end,
                SetAsync = function(_, key, value) wire.save(name, key, value) end,
            }
            function store.UpdateAsync(_, key, change)
                local changed = change(wire.load(name, key))
                if changed ~= nil then wire.save(name, key, changed) end
            end
            return store
        end },
        MessagingService = {
            SubscribeAsync = function(_, topic, handler) topics[topic] = handler end,
            PublishAsync = function(_, topic, data) topics[topic]({ Data = data }) end,
        },
        TextService = { FilterStringAsync = function(_, text)
            local result = {}
            function result.GetNonChatStringForUserAsync() return (string.gsub(text, "darn", "####")) end
            return result
        end },
    }
    game = { PlaceId = place, JobId = job, GetService = function(_, name)
        return assert(services[name], name)
    end }
    players, instances = {}, {} -- by UserId; in the order in which they were made
    topics = {} -- handlers of MessagingService, by topic
    UDim2 = { fromScale = function(x, y) return { x, y } end }
    Instance = { new = function(class)
        local made = { ClassName = class }
        made.Triggered = { Connect = function(_, handler) made.handler = handler end }
        table.insert(instances, made)
        return made
    end }
    task = {
        wait = function(seconds) wire.wait(seconds) end,
        spawn = function(run) wire.spawn(run) end,
    }
    warn = function(text) wire.warn(text) end
    os.time = function() return wire.now() end
    return function(method, ...) return method(...) end
"""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret of the experience: a script can only put it into a header."""

    value: str
    domain: str


class RobloxServer:
    """Runs one ModuleScript. Time passes only while a script waits, and not even then if it stands still."""

    def __init__(self, module: Path, *, place: int = 126591263956758, job: str = "8f5a1d5e-2b1f") -> None:
        self.now = 1_736_937_000.0
        self.time_stands_still = False
        self.waits: list[float] = []
        self.warnings: list[str] = []
        self.throws: list[str] = []  # what the next requests fail with, before anything is sent
        self.lost_answers = 0  # of the next requests, which arrive
        self.secrets: dict[str, Secret] = {}
        self.sent: list[float] = []  # when
        self.shown_for: list[float] = []  # seconds, of what is removed again
        self.stored: dict[tuple[str, str], str] = {}  # in DataStores, as JSON
        self.spawned: list[Any] = []  # threads that a script started, which wait for `run_spawned`
        self.while_waiting: Callable[[], None] | None = None
        self.while_sending: Callable[[], None] | None = None
        self._lua: Any = lua51.LuaRuntime(encoding="utf-8")
        wire = {
            "request": self._request,
            "encode": lambda value: json.dumps(_plain(value), ensure_ascii=False),
            "decode": lambda text: self._table(json.loads(text)),
            "guid": self._guid,
            "secret": self._secret,
            "wait": self._wait,
            "spawn": lambda run: self.spawned.append(run),
            "warn": lambda text: self.warnings.append(text),
            "now": lambda: int(self.now),
            "load": lambda store, key: self._table(json.loads(self.stored.get((store, key), "null"))),
            "save": self._save,
            "wait_to_remove": lambda seconds: self.shown_for.append(seconds),
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
        return self.call_with(client, method, player, self._table(fields))

    def call_with(self, client: Any, method: str, *arguments: object) -> tuple[bool, Any]:
        """`call` with any arguments."""
        saved, outcome = self._call(self._module[method], client, *arguments)
        return saved, _plain(outcome)

    async def file(self, client: Any, method: str, player: Any, **fields: object) -> tuple[bool, Any]:
        """`call`, while the event loop goes on."""
        return await asyncio.to_thread(self.call, client, method, player, **fields)

    def receive(self, client: Any, **settings: object) -> Any:
        """Call `receive` with Python functions; `stop`. Events are given to `handle` as dicts."""
        wrap = self._lua.eval("function(call) return function(...) return call(...) end end")
        functions: dict[str, Any] = dict(settings)
        if "handle" in functions:
            handle = functions["handle"]
            functions["handle"] = lambda event: handle(_plain(event))
        wrapped = {name: wrap(function) for name, function in functions.items()}
        return self._call(self._module["receive"], client, self._table(wrapped))

    async def run_spawned(self) -> None:
        """Run what scripts started with `task.spawn` until it ends, while the event loop goes on."""
        while self.spawned:
            await asyncio.to_thread(self.spawned.pop(0))

    def run_script(self, script: str) -> None:
        """Run a Script that stands beside the ModuleScript."""
        self._lua.globals().script = self._table({"Parent": {"TicketBridge": "TicketBridge"}})
        self._lua.globals().require = lambda _module: self._module
        self._lua.execute(script)

    async def invoke(self, player: Any, *arguments: object) -> object:
        """Call the RemoteFunction `Report` of ReplicatedStorage as a player's machine does."""
        report = self._lua.globals().ReplicatedStorage.Report
        return await asyncio.to_thread(report.OnServerInvoke, player, *arguments)

    async def join(self, player: Any) -> None:
        """Let a player join this server."""
        self.add_player(player)
        await asyncio.to_thread(self._lua.globals().player_added, player)

    def add_player(self, player: Any) -> None:
        """Have a player on this server before its scripts run."""
        self._lua.globals().players[player.UserId] = player
        player.PlayerGui = self._table({})

    def shown(self) -> list[str]:
        """What players were shown, of all labels."""
        instances = self._lua.globals()["instances"].values()
        return [
            one.Text for one in instances if one.ClassName == "TextLabel" and one.Parent.Parent is not None
        ]

    async def chat(self, player: Any, line: str) -> list[str]:
        """Type a chat command as a player; what they are shown."""
        self.add_player(player)
        alias = line.split(" ")[0]
        (command,) = (
            one
            for one in self._lua.globals()["instances"].values()
            if one.ClassName == "TextChatCommand" and one.PrimaryAlias == alias
        )
        await asyncio.to_thread(command.handler, self._table({"UserId": player.UserId}), line)
        return self.shown()

    def _request(self, expected: Any) -> Any:
        if self.throws:
            raise RuntimeError(self.throws.pop(0))
        if sum(at > self.now - 60 for at in self.sent) >= REQUESTS_PER_MINUTE:
            raise RuntimeError("Number of requests exceeded limit")
        self.sent.append(self.now)
        if self.while_sending:
            self.while_sending()
        request = _plain(expected)
        assert not LOCKED_HEADERS & {name.lower() for name in request["Headers"]}
        url = urlsplit(request["Url"])
        headers = {name: _revealed(value, url.hostname) for name, value in request["Headers"].items()}
        connection = HTTPConnection(url.netloc, timeout=5)
        try:
            path = f"{url.path}?{url.query}" if url.query else url.path
            body = request.get("Body")
            connection.request(request["Method"], path, body.encode() if body else None, headers)
            answer = connection.getresponse()
            if self.lost_answers:
                self.lost_answers -= 1
                raise RuntimeError("HttpError: Timedout")
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

    def _secret(self, name: str) -> Secret:
        if name not in self.secrets:
            raise RuntimeError("Can't find secret with given key")
        return self.secrets[name]

    def _save(self, store: str, key: str, value: Any) -> None:
        self.stored[store, key] = json.dumps(_plain(value))

    def _guid(self, wrapped: bool) -> str:
        return f"{{{uuid4()}}}" if wrapped else str(uuid4())

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += 0 if self.time_stands_still else seconds
        if self.while_waiting:
            self.while_waiting()

    def _table(self, value: Any) -> Any:
        return self._lua.table_from(value, recursive=True) if isinstance(value, dict | list) else value


def _revealed(value: str | Secret, domain: str | None) -> str:
    if not isinstance(value, Secret):
        return value
    if value.domain != domain:
        raise RuntimeError("Secret not allowed for this domain")
    return value.value


def _plain(value: Any) -> Any:
    """A Lua value as a Python value. Reading text that is not UTF-8 raises UnicodeDecodeError."""
    if lua51.lua_type(value) != "table":
        return value
    items = {key: _plain(item) for key, item in value.items()}
    if list(items) == list(range(1, len(items) + 1)):
        return list(items.values())
    return items
