"""Bad clients beside a good one: `python -m tests.proofs.slow_clients --clients N --requests N`.

The bad ones say nothing, half a head, drips of a head, half a body, one too large, damaged gzip, no
HTTP, or requests without a key, again and again. Held: the good client's every request is answered with 200,
and 99 of 100 within `BOUND`, whatever the others do.
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

from tests.proofs.fuzz import Served, served
from tests.webhook.conftest import read_reply

BOUND = 0.250  # seconds
_STAY = 20.0  # seconds that a bad client holds on to a connection it is left


@dataclass(slots=True)
class Figures:
    """Seconds of each of the good client's requests, without and with the crowd."""

    alone: list[float] = field(default_factory=list)
    crowded: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    visits: int = 0  # connections the bad clients made
    memory: float = 0.0  # MB grown

    @property
    def good(self) -> bool:
        return not self.failed and p99(self.crowded) <= BOUND


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def _head(*lines: str) -> bytes:
    return "\r\n".join(["POST /v1/minecraft/tickets HTTP/1.1", "Host: x", *lines, "", ""]).encode()


class Crowd:
    """Clients that misbehave, each in one way at a time, until they are told to stop."""

    def __init__(self, server: Served, figures: Figures) -> None:
        self._server = server
        self._figures = figures
        key = f"X-API-Key: {server.keys['modl']}"
        self._ways: list[list[bytes]] = [
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

    async def misbehave(self, number: int) -> None:
        """One bad client, for ever."""
        chance = random.Random(number)  # noqa: S311 - a repeatable crowd, no secret
        while True:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_STAY):
                    await self._visit(chance.choice(self._ways))
            await asyncio.sleep(chance.random() * 2)

    async def _visit(self, parts: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        self._figures.visits += 1
        try:
            for part in parts:
                if writer.transport.is_closing():
                    return
                writer.write(part)
                await asyncio.sleep(0.3)
            await reader.read()  # until the server has had enough
        finally:
            writer.transport.abort()


async def _ticket(server: Served, number: int) -> float:
    """Seconds for one ticket over a connection of its own. Raises ValueError for any answer but 200."""
    body = b'{"creatorUuid":"550e8400-e29b-41d4-a716-446655440000","type":"bug","subject":"%d"}' % number
    head = _head(
        f"X-API-Key: {server.keys['modl']}", f"Content-Length: {len(body)}", "Content-Type: application/json"
    )
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(head + body)
        async with asyncio.timeout(10):
            reply = await read_reply(reader)
    finally:
        writer.close()
    if reply.status != 200:
        raise ValueError(f"{reply.status}: {reply.body[:200]!r}")
    return time.perf_counter() - started


async def crowd(clients: int, requests: int, *, step: Callable[[], object] = lambda: None) -> Figures:
    """The good client alone, then among so many bad ones; `step` is called after each of its requests."""
    figures, numbers = Figures(), itertools.count()
    async with served() as server:
        misfits = Crowd(server, figures)

        async def serve_well(seconds: list[float]) -> None:
            for _ in range(requests):
                try:
                    seconds.append(await _ticket(server, next(numbers)))
                except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
                    figures.failed.append(repr(error))
                step()
                await asyncio.sleep(0.005)

        await serve_well(figures.alone)
        bad = [asyncio.create_task(misfits.misbehave(number)) for number in range(clients)]
        await asyncio.sleep(1)
        before = server.memory()
        await serve_well(figures.crowded)
        figures.memory = server.memory() - before
        for task in bad:
            task.cancel()
        await asyncio.gather(*bad, return_exceptions=True)
    return figures


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=500, help="bad ones at a time")
    options.add_argument(
        "--requests", type=int, default=3000, help="of the good one, alone and again among them"
    )
    told = options.parse_args()
    console = Console()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("a good client", total=2 * told.requests)
        step: Callable[[], object] = lambda: progress.advance(task)  # noqa: E731
        figures = asyncio.run(crowd(told.clients, told.requests, step=step))
    table = Table("the good client", "alone", f"among {told.clients} bad ones")
    for name, of in (("median", statistics.median), ("99 of 100 within", p99), ("longest", max)):
        table.add_row(f"{name} (ms)", *(f"{of(s) * 1000:.1f}" for s in (figures.alone, figures.crowded)))
    table.add_row("not answered with 200", "", str(len(figures.failed)))
    console.print(table, f"{figures.visits} bad connections, memory grown by {figures.memory:.1f} MB")
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
