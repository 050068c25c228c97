"""A game server in its own process, which files tickets and receives what came of them in one way.

`python -m tests.proofs.game_server FOLDER NAME` with FOLDER/NAME.json. It exits when its standard input
closes. It appends a line to NAME.handled for each thing that it handles, whether it came before or not, and
then acknowledges it: it answers, confirms, or saves how far it is. NAME.mode says what to do in between:
"slow 0.5" waits so many seconds, "crash" ends the process.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

SYNC = "/v2/minecraft/players/sync"
ACKNOWLEDGE = "/v1/minecraft/notifications/acknowledge"
CRASHED = 7  # the status with which it ends itself
_PAUSE = 0.2  # seconds between two requests; real ones wait some seconds
_NO_ANSWER = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameServerConfig:
    """What one game server does. `tickets` is how many it files."""

    name: str
    way: str  # get, poll, long-poll, sync or push
    source: str
    workspace: str
    bridge: str = ""  # the address
    key: str = ""
    local_address: str = "127.0.0.1"  # one contract's rate limit is per address
    tickets: int = 0
    pace: float = 0.2  # seconds between two tickets
    secret: str = ""
    port: int = 0

    def write(self, folder: Path) -> None:
        (folder / f"{self.name}.json").write_text(json.dumps(asdict(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A line of NAME.handled. `id` is what it would be recognised by if it came again."""

    id: str
    ticket: str
    kind: str  # reply, status, or another of the contract's
    value: str  # the text, or the status
    game_report: bool


class GameServer:
    """One process. Its files outlive it."""

    def __init__(self, folder: Path, config: GameServerConfig) -> None:
        self.config = config
        self._folder = folder
        self.state: dict[str, Any] = json.loads(self.read("state") or "{}")

    def path(self, suffix: str) -> Path:
        return self._folder / f"{self.config.name}.{suffix}"

    def read(self, suffix: str) -> str:
        path = self.path(suffix)
        return path.read_text() if path.exists() else ""

    def append(self, suffix: str, line: object) -> None:
        with self.path(suffix).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save_state(self, **state: object) -> None:
        self.state |= state
        new = self.path("state.new")
        new.write_text(json.dumps(self.state))
        new.replace(self.path("state"))

    async def handle(self, handled: Handled) -> None:
        """Do what the game does with it. Only afterwards it may be acknowledged."""
        mode, _, seconds = self.read("mode").partition(" ")
        if mode == "slow":
            await asyncio.sleep(float(seconds))
        self.append("handled", asdict(handled))
        if mode == "crash":
            self.path("mode").unlink()
            os._exit(CRASHED)

    def tickets(self) -> list[dict[str, Any]]:
        """Those it filed."""
        return [json.loads(line) for line in self.read("tickets").splitlines()]


async def file_tickets(server: GameServer, session: aiohttp.ClientSession) -> None:
    """File the tickets that are still to be filed, each until it is acknowledged."""
    for number in range(len(server.tickets()), server.config.tickets):
        path, body = _ticket(server.config, number)
        key = {"Idempotency-Key": f"{server.config.name}-{number}"}
        answer = await _request(session, path, body, key)
        data = answer.get("data", {})
        ticket = {"id": answer.get("ticketId") or data["TicketId"], "report": "GameData" in data}
        server.append("tickets", ticket | {"player": body.get("creatorUuid")})
        await asyncio.sleep(server.config.pace)


def _ticket(config: GameServerConfig, number: int) -> tuple[str, dict[str, Any]]:
    """Every third Roblox ticket is a game report."""
    subject = f"{config.name} {number}"
    if config.source == "modl":
        player = f"550e8400-e29b-41d4-a716-{number % 4:012d}"
        body = {"creatorUuid": player, "creatorName": "Notch", "type": "bug", "subject": subject}
        return "/v1/minecraft/tickets", body | {"description": "A wall is missing."}
    is_report = number % 3 == 2
    ticket = {"subject": subject, "category": "c0", "message": "A wall is missing."}
    author = {"authorUserId": 1000 + number, "authorAvatarUrl": "https://tr.rbxcdn.com/avatar-url"}
    game = {"placeId": "123456789", "serverId": config.name} if is_report else {}
    return f"/tickets/create{'-game-report' if is_report else ''}", {**ticket, **author, **game}


async def _request(
    session: aiohttp.ClientSession,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The JSON of the first 200, however often it takes: a POST of `body`, or a GET. Another 4xx is a bug."""
    method = "GET" if body is None else "POST"
    while True:
        try:
            async with session.request(method, path, json=body, headers=headers) as response:
                if response.status == 200:
                    result: dict[str, Any] = await response.json()
                    return result
                assert response.status == 429 or response.status >= 500, await response.text()
        except _NO_ANSWER:
            pass
        await asyncio.sleep(_PAUSE)


async def receive_by_get(server: GameServer, session: aiohttp.ClientSession) -> None:
    """Get each of its tickets in turn, and handle the messages that it does not know."""
    while True:
        for ticket in server.tickets():
            path = f"/tickets/get/{ticket['id']}"
            answer = await _request(session, path)
            found = answer["data"]["Ticket"]
            known = server.state.get(ticket["id"], [])
            for id in sorted(found["Content"].keys() - {*known}):  # in the order of time
                message = found["Content"][id]
                if message["Type"] != "author_message":
                    await server.handle(
                        Handled(
                            id=f"{ticket['id']} {id}",
                            ticket=ticket["id"],
                            kind=message["Type"],
                            value=message["Content"],
                            game_report=found["GameReport"],
                        )
                    )
                known = [*known, id]
                server.save_state(**{ticket["id"]: known})
            await asyncio.sleep(_PAUSE / 4)  # 25 requests a second are allowed
        await asyncio.sleep(_PAUSE)


async def receive_by_feed(server: GameServer, session: aiohttp.ClientSession) -> None:
    """Ask for the events after the position that it saved; with long polling, wait for them."""
    wait = 25 if server.config.way == "long-poll" else 0
    while True:
        path = f"/v1/events?after={server.state.get('position', 0)}&wait={wait}"
        page = await _request(session, path)
        for event in page["events"]:
            await server.handle(_event(event))
        server.save_state(position=page["next"])
        if not page["events"]:
            await asyncio.sleep(_PAUSE)


def _event(event: dict[str, Any]) -> Handled:
    reply = event["reply"]
    return Handled(
        id=event["id"],
        ticket=event["ticketId"],
        kind=event["type"].removeprefix("ticket."),
        value=reply["text"] if reply else event["status"],
        game_report=event["gameReport"],
    )


async def receive_by_sync(server: GameServer, session: aiohttp.ClientSession) -> None:
    """Sync as modl's plugin does, show each notification to its player, and acknowledge it."""
    while True:
        players = sorted({ticket["player"] for ticket in server.tickets()})
        body = {"onlinePlayers": [{"uuid": player} for player in players]}
        answer = await _request(session, SYNC, body)
        for one in answer["data"]["playerNotifications"]:
            _, _, text = one["message"].partition(": ")
            is_reply = one["type"] == "TICKET_REPLY"
            await server.handle(
                Handled(
                    id=one["id"],
                    ticket=one["data"]["ticketId"],
                    kind="reply" if is_reply else "status",
                    value=text if is_reply else one["message"].rpartition(" ")[2],
                    game_report=False,
                )
            )
            shown = {"playerUuid": one["targetPlayerUuid"], "notificationIds": [one["id"]]}
            await _request(session, ACKNOWLEDGE, shown)
        await asyncio.sleep(_PAUSE)


async def receive_by_push(server: GameServer, session: aiohttp.ClientSession) -> None:
    """Listen for an outgoing webhook, and verify each request with the standardwebhooks library."""
    webhook = Webhook(server.config.secret)

    async def answer(request: web.Request) -> web.Response:
        body, headers = (await request.read()).decode(), {k.lower(): v for k, v in request.headers.items()}
        signed = {name: value for name, value in headers.items() if name.startswith("webhook-")}
        try:
            event = webhook.verify(body, headers)
        except WebhookVerificationError as error:
            server.append("refused", {"headers": signed, "body": body, "error": str(error)})
            return web.Response(status=401)
        server.append("verified", {"headers": signed, "body": body, "at": time.time()})
        if signed["webhook-id"] in server.state.get("known", []):
            return web.Response(status=204)
        await server.handle(_event(event))
        server.save_state(known=[*server.state.get("known", []), signed["webhook-id"]])
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/events", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", server.config.port, reuse_address=True).start()
    await asyncio.Event().wait()


Receive = Callable[[GameServer, aiohttp.ClientSession], Coroutine[Any, Any, None]]
WAYS: dict[str, Receive] = {
    "get": receive_by_get,
    "poll": receive_by_feed,
    "long-poll": receive_by_feed,
    "sync": receive_by_sync,
    "push": receive_by_push,
}


@asynccontextmanager
async def _session(config: GameServerConfig) -> AsyncIterator[aiohttp.ClientSession]:
    header = {"series": "apikey", "modl": "X-API-Key"}[config.source]
    connector = aiohttp.TCPConnector(local_addr=(config.local_address, 0))
    async with aiohttp.ClientSession(
        config.bridge or None,
        connector=connector,
        headers={header: config.key},
        timeout=aiohttp.ClientTimeout(total=40),
    ) as session:
        yield session


async def run(server: GameServer) -> None:
    async with _session(server.config) as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(file_tickets(server, session))
        tasks.create_task(WAYS[server.config.way](server, session))


def _exit_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(3)


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    config = GameServerConfig(**json.loads((folder / f"{name}.json").read_text()))
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    asyncio.run(run(GameServer(folder, config)))


if __name__ == "__main__":
    main()
