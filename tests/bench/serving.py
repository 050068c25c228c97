"""The servers that are compared, how each is started, and whether it can run on this machine."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from google.protobuf.json_format import ParseDict

from bot.sources.contract import JsonObject
from bot.sources.modl import examples as modl
from bot.sources.modl.protobuf.minecraft_pb2 import MinecraftCreateTicketRequest
from bot.sources.series import examples as series
from tests.bench.client import LoadSpec
from tests.bench.cores import Cores
from tests.bench.process import Process, running
from tests.bench.seed_workspace import create_bridge_folder, free_port

_PEERS = Path(__file__).with_name("peers")
_KEY = "bench-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The request of a contract: the example of the documentation."""

    source: str
    path: str
    header: str
    body: JsonObject
    encode: Callable[[JsonObject], str] = json.dumps
    content_type: str = "application/json"

    def load_spec(self, port: int, key: str, *, connections: int, warm: float, seconds: float) -> LoadSpec:
        return LoadSpec(
            url=f"http://127.0.0.1:{port}{self.path}",
            headers={self.header: key, "Content-Type": self.content_type, "Accept": self.content_type},
            body=self.encode(self.body),
            connections=connections,
            warm_seconds=warm,
            seconds=seconds,
        )


def _to_message(body: JsonObject) -> str:
    """The request as a protobuf message. Raises UnicodeDecodeError for one that is more than ASCII."""
    return ParseDict(dict(body), MinecraftCreateTicketRequest()).SerializeToString().decode("ascii")


MINECRAFT = Contract(source="modl", path="/v1/minecraft/tickets", header="X-API-Key", body=modl.TICKET)
ROBLOX = Contract(
    source="series", path="/tickets/create-game-report", header="apikey", body=series.GAME_REPORT
)

PROTOBUF = replace(
    MINECRAFT, path="/v3/minecraft/tickets", encode=_to_message, content_type="application/x-protobuf"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A running server, and an API key for it."""

    process: Process
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that is compared. An unknown `kind` is a module of tests.bench to run."""

    name: str
    kind: str  # noop, validate, bridge, fastapi, fastify
    contract: Contract
    keeps: bool
    without: str = ""  # a module that it must not import, though it is installed

    def missing(self, node_modules: Path | None) -> str | None:
        """Why it cannot run here, as a sentence."""
        if self.kind == "fastapi":
            absent = [name for name in ("fastapi", "sqlalchemy", "uvicorn") if find_spec(name) is None]
            return f"{' and '.join(absent)} not installed; `make bench` does it." if absent else None
        if self.without and find_spec(self.without) is None:
            return f"{self.without} is not installed, so that ticketbridge does without it anyway."
        if self.kind == "fastify" and node_modules is None:
            return "no node with npm that can install better-sqlite3 and fastify."
        return None

    @asynccontextmanager
    async def serve(
        self, folder: Path, cores: Cores, *, loop: str, node_modules: Path | None
    ) -> AsyncIterator[RunningServer]:
        """Run it with an empty database until the block ends. Raises DidNotStart."""
        if self.kind == "bridge":
            bridge = await create_bridge_folder(folder)
            command = [sys.executable, "-m", "tests.bench.run_bridge", str(folder), self.without]
            port, key, database = bridge.port, bridge.keys[self.contract.source], bridge.database
        else:
            port, key, database = free_port(), _KEY, folder / "tickets.db"
            command = self._command(port, database, loop, node_modules)
        async with running(
            command,
            cores,
            port=port,
            folder=folder,
            database=database if self.keeps else None,
            environment={"BENCH_KEY": key},
        ) as process:
            yield RunningServer(process=process, key=key)

    def _command(self, port: int, database: Path, loop: str, node_modules: Path | None) -> list[str]:
        if self.kind == "fastify":
            assert node_modules is not None
            return ["node", str(node_modules.parent / "server.js"), str(port), str(database)]
        if self.kind == "fastapi":
            return [sys.executable, "-m", "tests.bench.peers.fastapi_sqlalchemy", str(port), str(database)]
        return [sys.executable, "-m", "tests.bench.peers.plain", self.kind, str(port), loop]


NOOP = Server(name="aiohttp, no-op", kind="noop", contract=MINECRAFT, keeps=False)
VALIDATE = {
    "modl": Server(
        name="aiohttp, validate only, Minecraft", kind="validate", contract=MINECRAFT, keeps=False
    ),
    "series": Server(name="aiohttp, validate only, Roblox", kind="validate", contract=ROBLOX, keeps=False),
}
INTAKE = {
    "modl": Server(name="ticketbridge, Minecraft", kind="bridge", contract=MINECRAFT, keeps=True),
    "series": Server(name="ticketbridge, Roblox", kind="bridge", contract=ROBLOX, keeps=True),
}
IN_PROTOBUF = replace(INTAKE["modl"], name="ticketbridge, Minecraft, protobuf", contract=PROTOBUF)
OWN_LOOP = replace(INTAKE["modl"], name="ticketbridge, Minecraft, without uvloop", without="uvloop")
FASTAPI = Server(name="FastAPI + SQLAlchemy", kind="fastapi", contract=MINECRAFT, keeps=True)
FASTIFY = Server(name="Fastify + better-sqlite3", kind="fastify", contract=MINECRAFT, keeps=True)
EVERY = (NOOP, *VALIDATE.values(), *INTAKE.values(), OWN_LOOP, FASTAPI, FASTIFY)


def install_node_peer(folder: Path) -> Path | None:
    """Install Fastify and its server there; the folder of its modules, or None if npm fails."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    shutil.copytree(_PEERS / "fastify", folder, dirs_exist_ok=True)
    modules = folder / "node_modules"
    if not modules.is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603 - ours alone
    works = subprocess.run(
        ["node", "-e", "new (require('better-sqlite3'))(':memory:'); require('fastify')"],  # noqa: S607
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return modules if works.returncode == 0 else None
