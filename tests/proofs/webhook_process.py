"""Runs the webhook in its own process: `python -m tests.proofs.webhook_process FOLDER [PORT]`.

The process prints its port, its keys and the ids of some tickets. Over the folder of a process that was
killed it goes on with that one's database and keys.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bot.sources.contract import RateLimit, Source
from bot.sources.registry import load_sources
from bot.tickets.workspace import NewWorkspace
from bot.webhook import WebhookServer
from bot.webhook.responses import ErrorFormatter
from bot.webhook.server.limits import ConnectionLimits
from bot.webhook.server.server import serve as serve_app
from storage import Store, open_store
from tests.webhook.conftest import NOW, make_key

_DATABASE = "tickets.db"
_UNLIMITED = RateLimit(requests=10**9, seconds=1)  # how often requests come is not tested here
# Some bodies never end. Heads always do, but on a busy machine they come late.
_SHORT_LIMITS = ConnectionLimits(head_seconds=5.0, body_seconds=1.0, lingering_seconds=0.2)

# glibc retains large blocks that were freed, and the process looks larger than what it holds: by 28 MB after
# 200,000 requests instead of a few. With these they are given back at once, and growth is what is really
# held.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookProcess:
    port: int
    keys: dict[str, str]  # by source
    ticket_ids: list[str]  # of the tickets it began with
    database: Path
    process: asyncio.subprocess.Process

    def memory(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


@asynccontextmanager
async def webhook_process() -> AsyncIterator[WebhookProcess]:
    """A webhook over a new database, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        server = await start_webhook(Path(folder))
        try:
            yield server
        finally:
            await server.stop()


async def start_webhook(folder: Path, port: int = 0) -> WebhookProcess:
    """Start a webhook over the database in a folder; returns once it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.proofs.webhook_process", str(folder), str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=os.environ | _ALLOCATOR,
    )  # fmt: skip
    assert process.stdout is not None
    printed = json.loads(await process.stdout.readline())
    return WebhookProcess(
        port=printed["port"],
        keys=printed["keys"],
        ticket_ids=printed["ticket_ids"],
        database=folder / _DATABASE,
        process=process,
    )


async def serve(folder: Path, port: int) -> None:
    """Serve until standard input ends."""
    store = await open_store(folder / _DATABASE)
    sources = {name: replace(source, rate_limit=_UNLIMITED) for name, source in load_sources().items()}
    try:
        contents = folder / "contents.json"
        if not contents.exists():
            contents.write_text(json.dumps(await _create_contents(store, sources)))
        app = WebhookServer(store, sources).build_app()
        async with serve_app(app, ErrorFormatter(sources.values()), "127.0.0.1", port, _SHORT_LIMITS) as at:
            print(json.dumps({"port": at.port} | json.loads(contents.read_text())), flush=True)
            await asyncio.to_thread(sys.stdin.read)
    finally:
        await store.close()


async def _create_contents(store: Store, sources: Mapping[str, Source]) -> dict[str, object]:
    """Create a workspace, a key for each source, and some tickets."""
    workspace = NewWorkspace(
        name="home", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
    )
    await store.workspaces.add(workspace, NOW)
    keys = {name: (await make_key(store, name))[0] for name in sources}
    ids = [one for source in sources.values() for one in await create_example_tickets(store, source)]
    return {"keys": keys, "ticket_ids": ids}


async def create_example_tickets(store: Store, source: Source) -> list[str]:
    """Create tickets from a source's examples; both ids of each."""
    (workspace,) = await store.workspaces.list_all()
    ids = []
    for intake in source.intake_endpoints:
        for _ in range(5 if intake.example else 0):
            new = intake.parse(json.dumps(intake.example).encode())
            ticket = await store.intake.add_ticket(workspace.id, new, source.new_public_ids(new, NOW), NOW)
            ids += [ticket.public_id, ticket.uid]
    return ids


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
