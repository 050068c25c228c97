"""A process to be killed by a test: works in an endless loop and prints what was acknowledged."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import storage.sqlite.migrate
from bot.tickets.idempotency import IdempotencyKey
from storage import DatabaseLock, open_store
from tests.storage.samples import NOW, ids, named, new_ticket, replying


async def add(path: Path, start: str) -> None:
    """Add tickets, each with a reply, and print each id once `add_ticket` has returned."""
    store = await open_store(path)
    (workspace,) = await store.workspaces.list_all()

    async def add_repeatedly(worker: int) -> None:
        for number, _ in enumerate(ids()):
            name = f"T-{start}-{worker}-{number}"
            ticket = await store.intake.add_ticket(workspace.id, new_ticket(), iter([name]), NOW)
            print("ticket", ticket.public_id, flush=True)
            await store.tickets.add_message(ticket.id, replying(), origin=name, now=NOW)
            print("reply", name, flush=True)

    await asyncio.gather(*map(add_repeatedly, range(4)))


async def create(path: Path, _: str) -> None:
    """Create tickets, each with an idempotency key of its own, and print each response."""
    store = await open_store(path)
    (workspace,) = await store.workspaces.list_all()
    for number, _name in enumerate(ids()):
        once = IdempotencyKey(
            key_prefix="prefix",
            path="/tickets",
            body_sha256="d" * 64,
            header_value=str(number),
            expires_at=NOW + timedelta(hours=1),
        )
        response = await store.intake.create_ticket(
            workspace.id,
            new_ticket(),
            iter([f"T-{number}"]),
            NOW,
            idempotency_key=once,
            serialize_response=named,
        )
        print(response.body.decode(), flush=True)


async def migrate(path: Path, last: str) -> None:
    """Migrate a file to the next version, with a SIGKILL after `last` statements."""
    split_statements = storage.sqlite.migrate.statements

    def statements_until_kill(script: str) -> Iterator[str]:
        for number, statement in enumerate(split_statements(script)):
            if number == int(last):
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement

    storage.sqlite.migrate.statements = statements_until_kill
    await open_store(path)


async def lock(path: Path, note: str) -> None:
    """Hold the lock on a database, with a published address."""
    with DatabaseLock(path) as held:
        held.publish_address(note)
        print("held", flush=True)
        time.sleep(60)  # noqa: ASYNC251  # until it is killed


@asynccontextmanager
async def crash_worker(verb: str, path: Path, argument: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run such a process; it is killed when the block ends, if not before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.support.crash_worker", verb, str(path), argument),
        cwd=Path(storage.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


if __name__ == "__main__":
    verbs = {"add": add, "create": create, "migrate": migrate, "lock": lock}
    asyncio.run(verbs[sys.argv[1]](Path(sys.argv[2]), sys.argv[3]))
