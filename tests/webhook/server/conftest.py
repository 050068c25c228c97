"""A webhook with its own connection limits, and clients that speak to it in raw bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from bot.sources.contract import RateLimit
from bot.webhook import WebhookServer
from bot.webhook.responses import ErrorFormatter
from bot.webhook.server.limits import ConnectionLimits
from bot.webhook.server.server import serve
from storage import Store
from tests.webhook.conftest import BODY, SOURCES, Reply, make_key, read_reply

# No deadline but the one that a test shortens, so that what ends a connection is known.
PATIENT = ConnectionLimits(
    head_seconds=600.0,
    body_seconds=600.0,
    idle_seconds=600.0,
    answer_seconds=600.0,
    lingering_seconds=1.0,
)
SHORT = 0.2  # seconds, for a deadline that is meant to pass
LONGER = 1.0  # for one that others must keep before it passes
_UNLIMITED = {
    name: replace(source, rate_limit=RateLimit(requests=10**6, seconds=1)) for name, source in SOURCES.items()
}


@dataclass(slots=True)
class Client:
    """A client's end of a connection. Whatever it waits for, pytest-timeout ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> Reply:
        return await read_reply(self.reader)

    async def rest(self) -> bytes:
        """What comes until the server closes."""
        return await self.reader.read()

    async def drip(self, data: bytes) -> Reply:
        """Send byte by byte, and return the reply that comes meanwhile or after."""
        reply = asyncio.create_task(self.reply())
        for byte in data:
            self.writer.write(bytes([byte]))
            if (await asyncio.wait([reply], timeout=0.03))[0]:
                break
        return await reply


class RunningServer:
    """Where the webhook listens, and a key for it."""

    def __init__(self, port: int, key: str, store: Store) -> None:
        self.port = port
        self._key = key
        self._store = store
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(client)
        return client

    async def send(self, data: bytes) -> Reply:
        """The first reply to some bytes, over a connection of their own."""
        client = await self.connect()
        await client.send(data)
        return await client.reply()

    def head(self, *headers: str, line: str = "POST /north/tickets HTTP/1.1", host: str = "Host: x") -> bytes:
        lines = (line, *filter(None, [host]), f"x-api-key: {self._key}", *headers)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1")

    @property
    def ticket(self) -> bytes:
        """A request that makes a ticket."""
        return self.head(f"Content-Length: {len(BODY)}") + BODY

    async def busy_client(self) -> Client:
        """A client whose request is being handled: the handler waits for its body."""
        client = await self.connect()
        await client.send(self.head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        return client

    async def tickets(self) -> int:
        """How many there are in the database."""
        return len(
            await self._store.tickets.autocomplete(
                "", [one.id for one in await self._store.workspaces.list_all()]
            )
        )

    def close_clients(self) -> None:
        for client in self._clients:
            client.writer.close()


@asynccontextmanager
async def running(store: Store, limits: ConnectionLimits) -> AsyncIterator[RunningServer]:
    app = WebhookServer(store, _UNLIMITED).build_app()
    async with serve(app, ErrorFormatter(_UNLIMITED.values()), "127.0.0.1", 0, limits) as at:
        server = RunningServer(at.port, (await make_key(store, "north"))[0], store)
        yield server
        server.close_clients()


@pytest.fixture
async def server(store: Store) -> AsyncIterator[RunningServer]:
    async with running(store, PATIENT) as server:
        yield server


@pytest.fixture
async def client(server: RunningServer) -> Client:
    return await server.connect()
