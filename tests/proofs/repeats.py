"""Requests that come again, while the server is killed: `python -m tests.proofs.repeats --tokens N`.

Each ticket is sent by several clients at once with one Idempotency-Key, again and again until each has its
200, and the process gets SIGKILL all the while. Held: one ticket for each key, and each 200 the same to the
byte.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.proofs.fuzz import Served, started
from tests.webhook.conftest import read_reply

_AT_ONCE = 4  # tickets under way
_TRIES = 200  # of one client for one ticket, before that is a failure


@dataclass(slots=True)
class Ledger:
    """What was answered, and what is kept."""

    answers: dict[str, list[bytes]] = field(default_factory=dict)  # by token: the body of each 200
    kept: Counter[str] = field(default_factory=Counter)  # by token: tickets in the database
    gave_up: int = 0
    kills: int = 0

    @property
    def good(self) -> bool:
        once = all(self.kept[token] == 1 for token in self.answers)
        alike = all(len(set(bodies)) == 1 for bodies in self.answers.values())
        return once and alike and not self.gave_up and len(self.kept) == len(self.answers)


class House:
    """The server, and whoever kills it."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        self.server: Served

    async def open(self, port: int = 0) -> None:
        self.server = await started(self._folder, port)

    async def kill_now_and_then(self, chance: random.Random, enough: asyncio.Event) -> None:
        """Until there is enough. It stands again before the next kill."""
        while not enough.is_set():
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            self.server.process.kill()
            await self.server.process.wait()
            self._ledger.kills += 1
            await self.open(self.server.port)

    async def close(self) -> None:
        assert self.server.process.stdin is not None
        self.server.process.stdin.close()
        await self.server.process.wait()


async def _insist(server: Served, token: str, ledger: Ledger) -> None:
    """One client, until it has its 200."""
    for _ in range(_TRIES):
        try:
            status, body = await _ask(server, token)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            await asyncio.sleep(0.05)
            continue
        if status == 200:
            ledger.answers[token].append(body)
            return
    ledger.gave_up += 1


async def _ask(server: Served, token: str) -> tuple[int, bytes]:
    body = json.dumps(
        {"creatorUuid": "550e8400-e29b-41d4-a716-446655440000", "type": "bug", "subject": token}
    ).encode()
    head = (
        f"POST /v1/minecraft/tickets HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.keys['modl']}\r\n"
        f"Idempotency-Key: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(5):
            reply = await read_reply(reader)
    finally:
        writer.close()
    return reply.status, reply.body


async def repeats(
    tokens: int, clients: int, *, seed: int = 1, step: Callable[[], object] = lambda: None
) -> Ledger:
    """Send so many tickets, each from so many clients at once; `step` is called after each ticket."""
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), ledger)
        await house.open()
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ticket(number: int) -> None:
            token = f"ticket-{number}"
            async with gate:
                ledger.answers[token] = []
                await asyncio.gather(*(_insist(house.server, token, ledger) for _ in range(clients)))
            step()

        enough = asyncio.Event()
        chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
        killer = asyncio.create_task(house.kill_now_and_then(chance, enough))
        await asyncio.gather(*(ticket(number) for number in range(tokens)))
        enough.set()
        await killer
        await house.close()
        _count(Path(folder) / "tickets.db", ledger)
    return ledger


def _count(database: Path, ledger: Ledger) -> None:
    """What is in the file, read without any of our own code."""
    kept = sqlite3.connect(database)
    rows = kept.execute("SELECT subject FROM tickets WHERE subject LIKE 'ticket-%'").fetchall()
    kept.close()
    ledger.kept.update(subject for (subject,) in rows)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tokens", type=int, default=1250)
    options.add_argument("--clients", type=int, default=8, help="that send each ticket at once")
    told = options.parse_args()
    console = Console()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("tickets", total=told.tokens)
        step: Callable[[], object] = lambda: progress.advance(task)  # noqa: E731
        ledger = asyncio.run(repeats(told.tokens, told.clients, step=step))
    answered = sum(map(len, ledger.answers.values()))
    console.print(
        f"{answered} answers for {len(ledger.answers)} keys over {ledger.kills} kills: "
        f"{sum(ledger.kept.values())} tickets, {ledger.gave_up} clients gave up; "
        f"{'one ticket for each key, every answer the same' if ledger.good else 'NOT AS PROMISED'}"
    )
    return 0 if ledger.good else 1


if __name__ == "__main__":
    sys.exit(main())
