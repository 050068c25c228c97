"""Proof: slow and broken clients do not hold up a good one: `python -m tests.proofs.slow_clients`.

The bad ones send nothing, half a head, single bytes of a head, half a body, one too large, damaged gzip, no
HTTP, or requests without a key, again and again. Promises: every request of the good client is answered with
200, and 99 of 100 within `BOUND`, whatever the others do.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.proofs.webhook_process import WebhookProcess, webhook_process
from tests.webhook.conftest import read_reply

BOUND = 0.250  # seconds
_CONNECTION_SECONDS = 20.0  # that a bad client stays connected if the server lets it
_ANSWER_TIMEOUT = 30.0  # seconds


@dataclass(slots=True)
class Figures:
    """Seconds of each of the good client's requests, without and with the bad clients."""

    alone: list[float] = field(default_factory=list)
    crowded: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    bad_connections: int = 0
    memory: float = 0.0  # MB grown

    @property
    def good(self) -> bool:
        return not self.failed and p99(self.crowded) <= BOUND


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def _head(*lines: str) -> bytes:
    return "\r\n".join(["POST /v1/minecraft/tickets HTTP/1.1", "Host: x", *lines, "", ""]).encode()


class BadClients:
    """Clients that misbehave, each connection in one way, until they are cancelled."""

    def __init__(self, server: WebhookProcess, figures: Figures, clients: int) -> None:
        self._server = server
        self._figures = figures
        self.connected = asyncio.Event()  # once there are as many connections as clients
        self._clients = clients
        key = f"X-API-Key: {server.keys['modl']}"
        self._kinds: list[list[bytes]] = [
            [b""],
            [b"POST /v1/minecraft/tickets HT"],
            [b"P", b"O", b"S", b"T", b" ", b"/"],
            [_head(key, "Content-Length: 500") + b'{"creat', b"o", b"r"],
            [_head(key, "Content-Length: 99999999")],
            [_head(key, "Content-Length: 20", "Content-Encoding: gzip") + b"no gzip at all, sorry"],
            [_head("Content-Length: 2") + b"{}"],
            [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)],
            [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50],
            [_head(key, "Transfer-Encoding: chunked") + b"zz\r\n"],
        ]

    async def run(self, number: int) -> None:
        """One bad client; it connects again until cancelled."""
        rng = random.Random(number)  # noqa: S311 - repeatable, no secret
        while True:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECTION_SECONDS):
                    await self._connect(rng.choice(self._kinds))
            await asyncio.sleep(rng.random() * 2)

    async def _connect(self, parts: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        self._figures.bad_connections += 1
        if self._figures.bad_connections >= self._clients:
            self.connected.set()
        try:
            for part in parts:
                if writer.transport.is_closing():
                    return
                writer.write(part)
                await asyncio.sleep(0.3)
            await reader.read()  # until the server closes the connection
        finally:
            writer.transport.abort()


async def _create_ticket(server: WebhookProcess, number: int) -> float:
    """Seconds for one ticket over a connection of its own. Raises ValueError for any answer but 200."""
    body = b'{"creatorUuid":"550e8400-e29b-41d4-a716-446655440000","type":"bug","subject":"%d"}' % number
    head = _head(
        f"X-API-Key: {server.keys['modl']}", f"Content-Length: {len(body)}", "Content-Type: application/json"
    )
    started_at = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(head + body)
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            reply = await read_reply(reader)
    finally:
        writer.close()
    if reply.status != 200:
        raise ValueError(f"{reply.status}: {reply.body[:200]!r}")
    return time.perf_counter() - started_at


async def measure(clients: int, requests: int, *, on_request: Callable[[], object] = lambda: None) -> Figures:
    """Time the good client alone, then among so many bad ones; `on_request` is called after each request."""
    figures, numbers = Figures(), itertools.count()
    async with webhook_process() as server:
        bad_clients = BadClients(server, figures, clients)

        async def send_tickets(seconds: list[float]) -> None:
            for _ in range(requests):
                try:
                    seconds.append(await _create_ticket(server, next(numbers)))
                except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
                    figures.failed.append(repr(error))
                on_request()
                await asyncio.sleep(0.005)

        await send_tickets(figures.alone)
        tasks = [asyncio.create_task(bad_clients.run(number)) for number in range(clients)]
        await bad_clients.connected.wait()
        before = server.memory()
        await send_tickets(figures.crowded)
        figures.memory = server.memory() - before
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500, help="bad ones at a time")
    parser.add_argument(
        "--requests", type=int, default=3000, help="of the good one, alone and again among them"
    )
    options = parser.parse_args()
    console = Console()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("a good client", total=2 * options.requests)
        figures = asyncio.run(
            measure(options.clients, options.requests, on_request=lambda: progress.advance(task))
        )
    table = Table("the good client", "alone", f"among {options.clients} bad ones")
    for name, of in (("median", statistics.median), ("99 of 100 within", p99), ("longest", max)):
        table.add_row(f"{name} (ms)", *(f"{of(s) * 1000:.1f}" for s in (figures.alone, figures.crowded)))
    table.add_row("not answered with 200", "", str(len(figures.failed)))
    console.print(
        table, f"{figures.bad_connections} bad connections, memory grown by {figures.memory:.1f} MB"
    )
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
