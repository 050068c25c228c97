"""The webhook in its own process: `python -m tests.proofs.served FOLDER [PORT]`.

It prints its port, its keys and the names of some tickets. Over the folder of one that was killed it goes on
where that one was.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bot.sources.contract import RateLimit, Source
from bot.sources.registry import load_sources
from bot.tickets.workspace import NewWorkspace
from bot.webhook import WebhookServer
from bot.webhook.responses import ErrorFormatter
from bot.webhook.server.limits import ConnectionLimits
from bot.webhook.server.server import serve as serve_app
from storage import Store
from tests.webhook.conftest import NOW, make_key

_WIDE = RateLimit(requests=10**9, seconds=1)  # what is sent is under test here, and not how often

# Some requests never end.
_HASTY = ConnectionLimits(head_seconds=1.0, body_seconds=1.0, lingering_seconds=0.2)


async def serve(folder: Path, port: int) -> None:
    """Serves until its standard input ends."""
    store = await Store.open(folder / "tickets.db")
    sources = {name: replace(source, rate_limit=_WIDE) for name, source in load_sources().items()}
    try:
        given = folder / "given.json"
        if not given.exists():
            given.write_text(json.dumps(await _furnished(store, sources)))
        app = WebhookServer(store, sources).build_app()
        async with serve_app(app, ErrorFormatter(sources.values()), "127.0.0.1", port, _HASTY) as at:
            print(json.dumps({"port": at.port} | json.loads(given.read_text())), flush=True)
            await asyncio.to_thread(sys.stdin.read)
    finally:
        await store.close()


async def _furnished(store: Store, sources: Mapping[str, Source]) -> dict[str, object]:
    """A workspace, a key for each source, and some tickets."""
    workspace = NewWorkspace(
        name="home", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
    )
    await store.add_workspace(workspace, NOW)
    keys = {name: (await make_key(store, name))[0] for name in sources}
    names = [name for source in sources.values() for name in await some_tickets(store, source)]
    return {"keys": keys, "names": names}


async def some_tickets(store: Store, source: Source) -> list[str]:
    """Both ids of a ticket of each example."""
    (workspace,) = await store.workspaces()
    names = []
    for intake in source.intake_endpoints:
        for _ in range(5 if intake.example else 0):
            new = intake.parse(json.dumps(intake.example).encode())
            ticket = await store.add_ticket(workspace.id, new, source.new_public_ids(new, NOW), NOW)
            names += [ticket.public_id, ticket.uid]
    return names


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
