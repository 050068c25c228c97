"""What one client may cost: each bound read off a live connection, and what it is to everyone else."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import cast

import aiohttp.http
import pytest

from bot.sources import Limit
from bot.webhook import Webhook
from bot.webhook.answers import Envelopes
from bot.webhook.server import server as listening
from bot.webhook.server.connection import Connection
from bot.webhook.server.limits import Limits
from bot.webhook.server.parser import Wire
from bot.webhook.server.server import listen
from storage import Store
from tests.webhook.conftest import BODY, SOURCES, Reply, make_key, read_reply

QUICK = Limits(
    head_seconds=0.3,
    body_seconds=0.5,
    idle_seconds=0.8,
    answer_seconds=0.4,
    parting_seconds=0.5,
    connections=250,
)
_BUSY = {name: replace(source, limit=Limit(requests=10**6, seconds=1)) for name, source in SOURCES.items()}
_SPARE = 0.25  # seconds a deadline may be late on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A webhook with its own limits, and a key for it."""

    host: str
    port: int
    key: str

    async def open(self) -> "Line":
        return Line(*await asyncio.open_connection(self.host, self.port))

    def head(self, *headers: str, path: str = "/north/tickets") -> bytes:
        lines = (f"POST {path} HTTP/1.1", "Host: x", f"x-api-key: {self.key}", *headers)
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    @property
    def ticket(self) -> bytes:
        return self.head(f"Content-Length: {len(BODY)}") + BODY


@dataclass(slots=True)
class Line:
    """A client's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> Reply:
        async with asyncio.timeout(5):
            return await read_reply(self.reader)

    async def rest(self) -> bytes:
        """What comes until the other end hangs up."""
        async with asyncio.timeout(5):
            return await self.reader.read()

    async def dripping(self, data: bytes) -> Reply:
        """Sends one byte each 30 ms, until there is an answer."""
        drip = asyncio.create_task(self._drip(data))
        try:
            return await self.reply()
        finally:
            drip.cancel()

    async def _drip(self, data: bytes) -> None:
        for byte in data:
            self.writer.write(bytes([byte]))
            await asyncio.sleep(0.03)


@asynccontextmanager
async def door(store: Store, limits: Limits) -> AsyncIterator[Door]:
    app = Webhook(store, _BUSY).application()
    async with listen(app, Envelopes(_BUSY.values()), "127.0.0.1", 0, limits) as at:
        key, _ = await make_key(store, "north")
        yield Door(host=at.host, port=at.port, key=key)


@pytest.fixture
async def quick(store: Store) -> AsyncIterator[Door]:
    async with door(store, QUICK) as at:
        yield at


@pytest.fixture
async def usual(store: Store) -> AsyncIterator[Door]:
    async with door(store, Limits()) as at:
        yield at


@pytest.fixture
async def line(quick: Door) -> AsyncIterator[Line]:
    line = await quick.open()
    yield line
    line.writer.close()


def _about(seconds: float, since: float) -> bool:
    return seconds - 0.05 <= time.monotonic() - since <= seconds + _SPARE


def test_the_limits_are_as_promised_and_stay_so() -> None:
    limits = Limits()

    assert {field.name: getattr(limits, field.name) for field in fields(limits)} == {
        "connections": 512,
        "head_seconds": 5.0,
        "body_seconds": 10.0,
        "idle_seconds": 15.0,
        "answer_seconds": 10.0,
        "parting_seconds": 1.0,
        "target_bytes": 8192,
        "headers": 64,
        "header_bytes": 8192,
        "body_bytes": 1048576,
        "unread_bytes": 65536,
    }
    with pytest.raises(FrozenInstanceError):
        limits.headers = 1000  # type: ignore[misc]  # frozen: that is what is tested


def test_the_parser_is_the_compiled_one() -> None:
    assert aiohttp.http.HttpRequestParser.__module__ == "aiohttp._http_parser"


async def test_a_live_connection_of_the_usual_webhook_has_the_usual_limits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = []

    class Seen(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            live.append(self)

    monkeypatch.setattr(listening, "Connection", Seen)
    async with Webhook(store, _BUSY).serve("127.0.0.1", 0) as at:
        line = await Door(host=at.host, port=at.port, key="").open()
        await line.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await line.reply()).status == 200
        (found,) = live

        assert found._limits == Limits()
        assert (found.max_headers, found.max_field_size, found.max_line_size) == (64, 8192, 8192)
        assert (found.keepalive_timeout, found._lingering_time, found._read_bufsize) == (15.0, 0.0, 65536)
        assert isinstance(found._parser, Wire)
        assert type(found._parser._parser).__module__ == "aiohttp._http_parser"
        line.writer.close()


def _filled(name: str, size: int) -> str:
    return f"{name}: {'x' * size}"


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        # Host, the key, and the length are headers too.
        pytest.param(
            lambda door: door.head(f"Content-Length: {len(BODY)}", *["a: b"] * 61) + BODY,
            lambda door: door.head(f"Content-Length: {len(BODY)}", *["a: b"] * 62) + BODY,
            id="64 headers",
        ),
        pytest.param(
            lambda door: door.head(f"Content-Length: {len(BODY)}", _filled("long", 8192)) + BODY,
            lambda door: door.head(f"Content-Length: {len(BODY)}", _filled("long", 8193)) + BODY,
            id="8 KiB a header",
        ),
        pytest.param(
            lambda door: (
                door.head(f"Content-Length: {len(BODY)}", path="/north/tickets?".ljust(8192, "x")) + BODY
            ),
            lambda door: (
                door.head(f"Content-Length: {len(BODY)}", path="/north/tickets?".ljust(8193, "x")) + BODY
            ),
            id="8 KiB a target",
        ),
    ],
)
async def test_a_head_may_be_so_large_and_no_larger(
    usual: Door, within: Callable[[Door], bytes], beyond: Callable[[Door], bytes]
) -> None:
    good, bad = await usual.open(), await usual.open()
    await good.send(within(usual))
    await bad.send(beyond(usual))

    assert (await good.reply()).status == 200
    refused = await bad.reply()
    assert (refused.status, await bad.rest()) == (400, b"")
    refused.refuses("north")
    good.writer.close()
    bad.writer.close()


async def test_a_body_may_be_so_large_and_no_larger(store: Store) -> None:
    limits = replace(QUICK, body_bytes=len(BODY))
    packed = gzip.compress(BODY + b" ")
    async with door(store, limits) as small:
        statuses = []
        for request in (
            small.ticket,
            small.head(f"Content-Length: {len(BODY) + 1}") + BODY + b" ",
            small.head(f"Content-Length: {len(packed)}", "Content-Encoding: gzip") + packed,
            small.head("Transfer-Encoding: chunked") + b"%x\r\n%s \r\n0\r\n\r\n" % (len(BODY) + 1, BODY),
        ):
            line = await small.open()
            await line.send(request)
            statuses.append((await line.reply()).status)
            line.writer.close()

    assert statuses == [200, 413, 413, 413]


async def test_a_body_declared_too_large_is_refused_at_once_and_costs_nothing(
    line: Line, quick: Door
) -> None:
    started = time.monotonic()
    await line.send(quick.head(f"Content-Length: {10 * 1024**3}"))
    reply = await line.reply()

    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert time.monotonic() - started < 0.1


async def test_who_says_nothing_is_let_go(line: Line) -> None:
    started = time.monotonic()

    assert await line.rest() == b""
    assert _about(QUICK.head_seconds, started)


@pytest.mark.parametrize(
    ("sent", "owner"),
    [
        (b"POST", None),
        (b"POST /north/tick", "north"),  # a target that may not be complete is taken for one
        (b"POST /north/tickets HTTP/1.1\r\nHost: x\r\n", "north"),
        (b"POST /south/tickets HTTP/1.1\r\nHost: x\r\nlong", "south"),
        (b"\r" * 100_000, None),
    ],
)
async def test_a_head_that_stops_is_late(line: Line, sent: bytes, owner: str | None) -> None:
    started = time.monotonic()
    await line.send(sent)
    reply = await line.reply()

    assert (reply.status, await line.rest()) == (408, b"")
    assert _about(QUICK.head_seconds, started)
    reply.refuses(owner)


async def test_a_head_that_drips_is_late(line: Line, quick: Door) -> None:
    started = time.monotonic()
    await line.send(quick.ticket[:35])
    reply = await line.dripping(quick.ticket[35:])

    assert reply.status == 408
    reply.refuses("north")
    assert time.monotonic() - started < QUICK.head_seconds + _SPARE


@pytest.mark.parametrize("framing", [f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"])
async def test_a_body_that_drips_is_late(line: Line, quick: Door, framing: str) -> None:
    await line.send(quick.head(framing))
    started = time.monotonic()
    reply = await line.dripping(b"2b\r\n" + BODY if "chunked" in framing else BODY)

    assert (reply.status, reply.headers["connection"]) == (408, "close")
    reply.refuses("north")
    assert time.monotonic() - started < QUICK.body_seconds + _SPARE


async def test_each_request_of_a_connection_has_the_whole_time(line: Line, quick: Door) -> None:
    for _ in range(2):
        await line.send(quick.ticket[:30])
        await asyncio.sleep(QUICK.head_seconds - 0.1)
        await line.send(quick.ticket[30:-5])
        await asyncio.sleep(QUICK.body_seconds - 0.1)
        await line.send(quick.ticket[-5:])

        assert (await line.reply()).status == 200
        await asyncio.sleep(QUICK.head_seconds + 0.1)


async def test_a_later_head_is_late_as_the_first_one(line: Line, quick: Door) -> None:
    await line.send(quick.ticket)
    await line.reply()
    started = time.monotonic()
    await line.send(b"POST /south/tickets HTTP/1.1\r\n")
    reply = await line.reply()

    assert reply.status == 408
    reply.refuses("south")
    assert _about(QUICK.head_seconds, started)


async def test_an_idle_connection_has_its_own_time(line: Line, quick: Door) -> None:
    await line.send(quick.ticket)
    await line.reply()
    started = time.monotonic()

    assert await line.rest() == b""
    assert _about(QUICK.idle_seconds, started)


async def test_a_request_at_the_last_moment_is_not_idle(line: Line, quick: Door) -> None:
    await line.send(quick.ticket)
    await line.reply()
    await asyncio.sleep(QUICK.idle_seconds - 0.1)
    await line.send(quick.ticket[:30])
    await asyncio.sleep(0.2)
    await line.send(quick.ticket[30:])

    assert (await line.reply()).status == 200


async def test_a_head_behind_another_request_is_bounded_too(line: Line, quick: Door) -> None:
    started = time.monotonic()
    await line.send(quick.ticket + b"POST /nor")
    await line.reply()

    assert await line.rest() == b""
    assert time.monotonic() - started < QUICK.idle_seconds + _SPARE


async def test_one_too_many_is_told_so_and_others_are_not_hurt(store: Store) -> None:
    """Where every connection is in the middle of a request, nobody is sent away for a newcomer."""
    async with door(store, replace(QUICK, connections=3)) as narrow:
        inside = [await narrow.open() for _ in range(3)]
        for line in inside:
            await line.send(narrow.ticket[:-1])
        await asyncio.sleep(0.05)
        extra = await narrow.open()
        reply = await extra.reply()
        await inside[0].send(narrow.ticket[-1:])

        assert (reply.status, reply.headers["connection"]) == (503, "close")
        assert int(reply.headers["retry-after"]) > 0
        reply.refuses(None)
        assert await extra.rest() == b""
        assert (await inside[0].reply()).status == 200

        for line in [*inside, extra]:
            line.writer.close()
        await asyncio.sleep(0.05)
        again = await narrow.open()
        await again.send(narrow.ticket)
        assert (await again.reply()).status == 200
        again.writer.close()


async def test_silent_clients_make_room_for_others_strangers_first(store: Store) -> None:
    async with door(store, replace(QUICK, connections=3)) as narrow:
        known, silent, half = [await narrow.open() for _ in range(3)]
        await known.send(narrow.ticket)
        await known.reply()
        await half.send(narrow.ticket[:20])
        await asyncio.sleep(0.05)

        newcomers = [await narrow.open() for _ in range(2)]
        for line in newcomers:
            await line.send(narrow.ticket)
            assert (await line.reply()).status == 200
        await known.send(narrow.ticket)

        assert (await known.reply()).status == 200
        assert [await line.rest() for line in (silent, half)] == [b"", b""]
        for line in (known, silent, half, *newcomers):
            line.writer.close()


async def test_a_crowd_of_silent_clients_keeps_nobody_out(store: Store) -> None:
    async with door(store, replace(QUICK, connections=5)) as narrow:
        crowd = await asyncio.gather(*(narrow.open() for _ in range(60)))
        again = await narrow.open()
        await again.send(narrow.ticket)

        assert (await again.reply()).status == 200
        for line in [*crowd, again]:
            line.writer.close()


async def test_who_does_not_take_its_answers_is_cut(quick: Door) -> None:
    line = await quick.open()
    cast(asyncio.Transport, line.writer.transport).pause_reading()
    request = b"GET /" + b"x" * 50 + b" HTTP/1.1\r\nHost: x\r\n\r\n"

    async with asyncio.timeout(10):
        while not line.writer.transport.is_closing():
            line.writer.write(request * 100)
            await asyncio.wait([asyncio.ensure_future(line.writer.drain())], timeout=0.1)


async def test_a_bomb_behind_a_refusal_is_not_inflated(quick: Door) -> None:
    bomb = gzip.compress(b" " * 100 * 1024**2, compresslevel=1)
    line = await quick.open()
    length = f"Content-Length: {len(bomb)}"
    await line.send(
        b"POST /north/tickets HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n" + length.encode()
    )
    await line.send(b"\r\n\r\n" + bomb)
    worst, loop = 0.0, asyncio.get_running_loop()
    end = loop.time() + 0.3
    while loop.time() < end:
        before = loop.time()
        await asyncio.sleep(0.001)
        worst = max(worst, loop.time() - before)

    assert (await line.reply()).status == 401
    assert worst < 0.1
    line.writer.close()


@pytest.mark.parametrize(
    ("status", "header"), [(401, "Content-Length: 900000"), (413, "Content-Length: 9000000"), (400, "bad")]
)
async def test_an_answer_to_an_early_refusal_arrives(quick: Door, status: int, header: str) -> None:
    key = "x" if status == 401 else quick.key
    head = f"POST /north/tickets HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\n{header}\r\n\r\n".encode()
    for _ in range(10):
        line = await quick.open()
        line.writer.write(head + b" " * 900_000)
        await asyncio.sleep(0.02)  # until what is behind the answer would have been thrown at a closed door

        assert (await line.reply()).status == status
        assert await line.rest() == b""
        line.writer.close()


async def test_a_client_that_only_reads_on_gets_its_answers(line: Line, quick: Door) -> None:
    await line.send(quick.ticket * 3)
    line.writer.write_eof()
    started = time.monotonic()

    assert [(await line.reply()).status for _ in range(3)] == [200, 200, 200]
    assert await line.rest() == b""
    assert time.monotonic() - started < QUICK.idle_seconds / 2


@pytest.mark.parametrize("part", [30, -5])
async def test_a_request_that_ends_in_the_middle_is_no_ticket(
    line: Line, quick: Door, store: Store, part: int
) -> None:
    await line.send(quick.ticket[:part])
    line.writer.write_eof()

    assert await line.rest() == b""
    assert await store.tickets_like("", [workspace.id for workspace in await store.workspaces()]) == []


async def test_slow_clients_do_not_slow_down_a_good_one(store: Store) -> None:
    patient = replace(QUICK, head_seconds=5.0, body_seconds=5.0)
    async with door(store, patient) as busy:
        slow = await asyncio.gather(*(busy.open() for _ in range(200)))
        halves = (busy.ticket[:30], busy.ticket[:-20], b"", busy.ticket[:5])
        drips = [
            asyncio.create_task(_slowly(line, halves[number % 4], busy.ticket))
            for number, line in enumerate(slow)
        ]
        took = []
        good = await busy.open()
        for _ in range(100):
            started = time.monotonic()
            await good.send(busy.ticket)
            reply = await good.reply()
            took.append(time.monotonic() - started)
            assert reply.status == 200
        held = sum(not line.reader.at_eof() for line in slow)
        for task in drips:
            task.cancel()
        for line in [*slow, good]:
            line.writer.close()

    assert held == 200
    assert sorted(took)[98] < 0.2  # seconds: generous for a machine that does other things too


async def _slowly(line: Line, start: bytes, rest: bytes) -> None:
    await line.send(start)
    for byte in rest[len(start) : -1]:
        await asyncio.sleep(0.1)
        line.writer.write(bytes([byte]))
