"""Runs the bridge in its own process with Discord away, and checks what its file holds afterwards."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.sources.series import examples as series
from bot.tickets.workspace import NewWorkspace
from storage import open_store
from tests.webhook.conftest import NOW, make_key

_ROOT = Path(__file__).parents[2]
_PATH = "/tickets/create-game-report"
_STARTUP_TIMEOUT = 60.0  # seconds
_CLOSED_PORT = 9


@dataclass(slots=True)
class IsolatedBridge:
    """A running bridge, and a game server's session with it."""

    process: asyncio.subprocess.Process
    address: str
    key: str
    session: aiohttp.ClientSession
    log: list[str]

    async def create_ticket(self, token: str, *, size: int = 0) -> int:
        """Send a ticket; the status of its answer, 0 for none. A 500 must be in the contract's format."""
        body = dict(series.GAME_REPORT) | {"subject": token, "message": "x" * size or "Something."}
        headers = {"apikey": self.key, "Idempotency-Key": token}
        try:
            async with self.session.post(self.address + _PATH, json=body, headers=headers) as response:
                answer = await response.json()
                if response.status == 500:
                    assert answer["error"]["code"] == 500, answer
                    assert int(response.headers["Retry-After"]) > 0
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def list_tickets(self) -> int:
        """Request the newest tickets; the status of the answer, 0 for none."""
        try:
            async with self.session.get(
                f"{self.address}/tickets/list", headers={"apikey": self.key}
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def health(self) -> int:
        async with self.session.get(self.address + "/healthz") as response:
            return response.status


async def create_workspace_and_key(database: Path) -> str:
    """Create a database with a workspace; an API key of it."""
    store = await open_store(database)
    try:
        await store.workspaces.add(
            NewWorkspace(
                name="home", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
            ),
            NOW,
        )
        return (await make_key(store, "series"))[0]
    finally:
        await store.close()


@asynccontextmanager
async def isolated_bridge(database: Path, key: str, *wrap: str) -> AsyncIterator[IsolatedBridge]:
    """Start the bridge and wait until it listens. Discord is away. `wrap` is a command that runs it."""
    process = await asyncio.create_subprocess_exec(
        *wrap,
        *(sys.executable, "-m", "bot", "run"),
        cwd=_ROOT,
        env=_environment(database),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    log: list[str] = []
    address = ""
    while not address:
        line = (await asyncio.wait_for(process.stderr.readline(), _STARTUP_TIMEOUT)).decode()
        assert line, log
        log.append(line)
        address = line.partition("Tickets are accepted at ")[2].strip()
    reading = asyncio.create_task(_collect(process.stderr, log))
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            yield IsolatedBridge(process, address, key, session, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


def _environment(database: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "TICKETBRIDGE_DISCORD_TOKEN": "x",
        "TICKETBRIDGE_DISCORD_API_BASE": f"http://127.0.0.1:{_CLOSED_PORT}/api/v10",
        "TICKETBRIDGE_STORAGE_PATH": str(database),
        "TICKETBRIDGE_WEBHOOK_PORT": "0",
    }


async def _collect(stream: asyncio.StreamReader, log: list[str]) -> None:
    while line := await stream.readline():
        log.append(line.decode())


def find_losses(database: Path, accepted: list[str]) -> list[str]:
    """What is wrong with the file, read with plain SQL: each accepted ticket must be there exactly once."""
    with closing(sqlite3.connect(database)) as db:
        rows = [subject for (subject,) in db.execute("SELECT subject FROM tickets")]
        intact = db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    wrong = [f"{token} is there {rows.count(token)} times" for token in accepted if rows.count(token) != 1]
    return wrong if intact else [*wrong, "the file is damaged"]
