"""Proof: a repeated request is one ticket, whenever the server is killed: `python -m tests.proofs.repeats`.

Each ticket is sent by several clients at once with one Idempotency-Key, again and again until each client has
its 200, and the process gets SIGKILL all the while. Promises: one ticket for each key, and every 200 for it
is the same to the byte.
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
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.proofs.webhook_process import WebhookProcess, start_webhook
from tests.webhook.conftest import read_reply

_CONCURRENT_TICKETS = 4
_RETRY_DELAY = 0.05  # seconds
_ANSWER_TIMEOUT = 20.0  # seconds


@dataclass(slots=True)
class Ledger:
    """What was answered, and what is stored."""

    answers: dict[str, list[bytes]] = field(default_factory=dict)  # by token: the body of each 200
    stored: Counter[str] = field(default_factory=Counter)  # by token: tickets in the database
    kills: int = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # set at each answer

    @property
    def count(self) -> int:
        return sum(map(len, self.answers.values()))

    @property
    def good(self) -> bool:
        once = all(self.stored[token] == 1 for token in self.answers)
        same = all(len(set(bodies)) == 1 for bodies in self.answers.values())
        return once and same and len(self.stored) == len(self.answers)


class RestartedWebhook:
    """A webhook that is killed and started again on the same port and database."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        self.server: WebhookProcess

    async def start(self, port: int = 0) -> None:
        self.server = await start_webhook(self._folder, port)

    async def kill_repeatedly(self, rng: random.Random, *, answers: int, max_answers: int) -> None:
        """Kill it after a random number of further answers, at most so many, until all have come."""
        while True:
            target = min(answers, self._ledger.count + rng.randint(1, max_answers))
            while self._ledger.count < target:
                self._ledger.answered.clear()
                await self._ledger.answered.wait()
            if self._ledger.count >= answers:
                return
            await asyncio.sleep(rng.uniform(0, 0.02))  # a random moment of the requests in progress
            self.server.process.kill()
            await self.server.process.wait()
            self._ledger.kills += 1
            await self.start(self.server.port)


async def _send_until_answered(server: WebhookProcess, token: str, ledger: Ledger) -> None:
    """One client, which retries until it has its 200."""
    while True:
        try:
            status, body = await _create_ticket(server, token)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            await asyncio.sleep(_RETRY_DELAY)
            continue
        if status == 200:
            ledger.answers[token].append(body)
            ledger.answered.set()
            return


async def _create_ticket(server: WebhookProcess, token: str) -> tuple[int, bytes]:
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
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            reply = await read_reply(reader)
    finally:
        writer.close()
    return reply.status, reply.body


async def repeats(
    tokens: int,
    clients: int,
    *,
    max_answers: int,
    seed: int = 1,
    on_ticket: Callable[[], object] = lambda: None,
) -> Ledger:
    """Send so many tickets, each from so many clients, with at most `max_answers` between two kills."""
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        webhook = RestartedWebhook(Path(folder), ledger)
        await webhook.start()
        slots = asyncio.Semaphore(_CONCURRENT_TICKETS)

        async def ticket(number: int) -> None:
            token = f"ticket-{number}"
            async with slots:
                ledger.answers[token] = []
                await asyncio.gather(
                    *(_send_until_answered(webhook.server, token, ledger) for _ in range(clients))
                )
            on_ticket()

        rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
        async with asyncio.TaskGroup() as group:
            for number in range(tokens):
                group.create_task(ticket(number))
            group.create_task(webhook.kill_repeatedly(rng, answers=tokens * clients, max_answers=max_answers))
        await webhook.server.stop()
        _count_stored(Path(folder) / "tickets.db", ledger)
    return ledger


def _count_stored(database: Path, ledger: Ledger) -> None:
    """Read the database with plain SQL."""
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT subject FROM tickets WHERE subject LIKE 'ticket-%'").fetchall()
    ledger.stored.update(subject for (subject,) in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1250)
    parser.add_argument("--clients", type=int, default=8, help="that send each ticket at once")
    parser.add_argument("--max-answers", type=int, default=100, help="between two kills")
    options = parser.parse_args()
    console = Console()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("tickets", total=options.tokens)
        ledger = asyncio.run(
            repeats(
                options.tokens,
                options.clients,
                max_answers=options.max_answers,
                on_ticket=lambda: progress.advance(task),
            )
        )
    console.print(
        f"{ledger.count} answers for {len(ledger.answers)} keys over {ledger.kills} kills: "
        f"{sum(ledger.stored.values())} tickets; "
        f"{'one ticket for each key, every answer the same' if ledger.good else 'NOT AS PROMISED'}"
    )
    return 0 if ledger.good else 1


if __name__ == "__main__":
    sys.exit(main())
