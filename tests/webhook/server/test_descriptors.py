"""File descriptors: how many connections there may be, and a storm of clients where they are few."""

import asyncio
import itertools
import json
import logging
import resource
import select
import socket
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.sources.modl import examples as modl
from bot.webhook.server.descriptors import (
    AcceptFailureFilter,
    accept_failures_logged_once_a_minute,
    descriptor_limit,
    within_descriptors,
)
from bot.webhook.server.limits import ConnectionLimits
from tests.support.bridge_harness import wait_for

_CLIENTS = 600  # at once
_STORMS = 10


async def _python(code: str, *, soft: int, hard: int) -> str:
    """What a program prints under these limits."""
    limits = f"ulimit -S -n {soft} && ulimit -H -n {hard}"
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f'{limits} && exec "$@"', "sh", sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    return printed.decode()


async def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    code = (
        "from bot.webhook.server.descriptors import descriptor_limit, raise_descriptor_limit\n"
        "before = descriptor_limit(); raise_descriptor_limit(); print(before, descriptor_limit())"
    )

    assert (await _python(code, soft=300, hard=700)).split() == ["300", "700"]


@contextmanager
def _soft_limit(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("soft", "connections"), [(400, 200), (1024, 512), (5000, 512)])
def test_connections_take_no_more_than_half_of_the_descriptors(soft: int, connections: int) -> None:
    with _soft_limit(soft):
        limits = within_descriptors(ConnectionLimits())

        assert (descriptor_limit(), limits.connections) == (soft, connections)


def test_accepts_that_fail_are_logged_once_a_minute_without_a_traceback() -> None:
    now = [100.0]
    once = AcceptFailureFilter(lambda: now[0])

    def passes(message: str) -> bool:
        record = logging.LogRecord("asyncio", logging.ERROR, "", 0, message, None, (OSError, OSError(), None))
        passed = once.filter(record)
        assert message == "another" or not passed or record.exc_info is None
        return passed

    failed = "socket.accept() out of system resource\nsocket: <...>"
    assert [passes(failed), passes(failed), passes("another")] == [True, False, True]
    now[0] += 59.9
    assert not passes(failed)
    now[0] += 0.2
    assert [passes(failed), passes(failed)] == [True, False]


async def test_asyncios_message_is_the_one_that_is_filtered(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    accepted = asyncio.Event()
    with accept_failures_logged_once_a_minute():
        server = await loop.create_server(lambda: _Accepted(accepted), "127.0.0.1", 0, backlog=10)
        held: list[socket.socket] = []
        clients = [socket.socket() for _ in range(8)]
        with _soft_limit(256):
            try:
                while True:
                    held.append(socket.socket())
            except OSError:
                pass
            for client in clients:
                client.setblocking(False)
                client.connect_ex(server.sockets[0].getsockname())
            await wait_for(lambda: caplog.records)
        for one in held:
            one.close()
        await accepted.wait()  # asyncio tries again by itself
        for one in clients:
            one.close()
        server.close()

    (record,) = caplog.records
    assert record.getMessage().startswith("socket.accept() out of system resource")
    assert record.exc_info is None


class _Accepted(asyncio.Protocol):
    def __init__(self, accepted: asyncio.Event) -> None:
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._accepted.set()
        transport.close()


@asynccontextmanager
async def _served(folder: Path, log: Path) -> AsyncIterator[tuple[int, str]]:
    """The webhook in a process that may open 1,024 files: its port and a key."""
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", 'ulimit -n 1024 && exec "$@"', "sh",
            sys.executable, "-m", "tests.proofs.webhook_process", str(folder),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        told = json.loads(await process.stdout.readline())
        yield told["port"], told["keys"]["modl"]
    finally:
        process.stdin.close()
        await process.wait()


def _storms(port: int) -> None:
    for _ in range(_STORMS):
        _storm(port)


def _storm(port: int) -> None:
    """Open so many connections at once, send half a request where one is made, and drop them all."""
    clients = [socket.socket() for _ in range(_CLIENTS)]
    waiting = select.poll()
    by_descriptor = {client.fileno(): client for client in clients}
    for client in clients:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        waiting.register(client, select.POLLOUT)
    half = b"POST /v1/minecraft/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
    while ready := waiting.poll(100):
        for descriptor, event in ready:
            waiting.unregister(descriptor)
            if event == select.POLLOUT:
                by_descriptor[descriptor].send(half)
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


async def test_a_good_client_is_answered_in_a_storm_of_clients_that_drop(tmp_path: Path) -> None:
    log = tmp_path / "log"
    statuses = []
    async with _served(tmp_path, log) as (port, key), aiohttp.ClientSession() as session:
        address = f"http://127.0.0.1:{port}"

        async def ask(number: int) -> None:
            ticket = dict(modl.TICKET) | {"subject": f"Ticket {number}"}
            close = {"X-API-Key": key, "Connection": "close"}
            async with session.post(f"{address}/v1/minecraft/tickets", json=ticket, headers=close) as answer:
                statuses.append(answer.status)
            async with session.get(f"{address}/healthz", headers=close) as answer:
                statuses.append(answer.status)

        storms = asyncio.get_running_loop().run_in_executor(None, _storms, port)
        for number in itertools.count():
            await ask(number)
            if storms.done():
                break
        await storms

    assert set(statuses) == {200}
    assert log.read_text() == ""
