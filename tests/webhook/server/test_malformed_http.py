"""Bytes that are no HTTP, or HTTP that means two things: one answer, in an envelope, and then the end."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest

from storage import Store
from tests.webhook.conftest import BODY, read_reply
from tests.webhook.server.test_connection_limits import QUICK, Door, Line, door

_CHUNKED = "Transfer-Encoding: chunked"
_WITHIN = 0.25  # seconds until what is wrong at first sight is answered, and the connection closed


@pytest.fixture(name="at")
async def _at(store: Store) -> AsyncIterator[Door]:
    async with door(store, QUICK) as at:
        yield at


@pytest.fixture
async def line(at: Door) -> AsyncIterator[Line]:
    line = await at.open()
    yield line
    line.writer.close()


def _ask(*headers: str, line: str = "POST /north/tickets HTTP/1.1", host: str = "Host: x") -> bytes:
    lines = (line, *filter(None, [host]), "x-api-key: KEY", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1")


def _sized(*headers: str, line: str = "POST /north/tickets HTTP/1.1") -> bytes:
    return _ask(f"Content-Length: {len(BODY)}", *headers, line=line) + BODY


# What is refused at first sight, and by whom: nobody, where no path can be made out.
_WRONG = [
    ("two lengths", "north", _ask("Content-Length: 2", "Content-Length: 3") + b"{}"),
    ("one length twice", "north", _ask("Content-Length: 2", "Content-Length: 2") + b"{}"),
    ("a list of lengths", "north", _ask("Content-Length: 2, 2") + b"{}"),
    ("a negative length", "north", _ask("Content-Length: -1")),
    ("a signed length", "north", _ask("Content-Length: +2") + b"{}"),
    ("a length in hex", "north", _ask("Content-Length: 0x2") + b"{}"),
    ("an empty length", "north", _ask("Content-Length: ") + b"{}"),
    ("a length beyond 64 bits", "north", _ask(f"Content-Length: {'9' * 30}")),
    ("a length and chunks", "north", _ask("Content-Length: 2", _CHUNKED) + b"0\r\n\r\n"),
    ("chunks and a length", "north", _ask(_CHUNKED, "Content-Length: 2") + b"0\r\n\r\n"),
    ("chunks twice", "north", _ask(_CHUNKED, _CHUNKED) + b"0\r\n\r\n"),
    ("chunks, but not at the end", "north", _ask(f"{_CHUNKED}, identity") + b"0\r\n\r\n"),
    ("chunks misspelt", "north", _ask("Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
    ("a transfer without an end", "north", _ask("Transfer-Encoding: identity") + b"{}"),
    ("a chunk without a size", "north", _ask(_CHUNKED) + b"zz\r\n"),
    ("a negative chunk", "north", _ask(_CHUNKED) + b"-1\r\n"),
    ("a chunk beyond 64 bits", "north", _ask(_CHUNKED) + b"fffffffffffffffff\r\n"),
    ("a chunk longer than it says", "north", _ask(_CHUNKED) + b"2\r\n{}}\r\n0\r\n\r\n"),
    ("a chunk with bare LF", "north", _ask(_CHUNKED) + b"2\n{}\n0\n\n"),
    ("bare LF", "north", _ask().replace(b"\r\n", b"\n")),
    ("bare CR", "north", _ask("a: b\rc: d")),
    ("a NUL in a value", "north", _ask("a: b\0c")),
    ("a NUL in a name", "north", _ask("a\0: b")),
    ("a folded header", "north", _ask("a: b\r\n c")),
    ("a folded first header", "north", _ask(host=" Host: x")),
    ("a blank before the colon", "north", _ask("a : b")),
    ("a header without a colon", "north", _ask("abc")),
    ("a header without a name", "north", _ask(": b")),
    ("two Hosts", "north", _ask("Host: y")),
    ("an unknown method", "north", _ask(line="FOO /north/tickets HTTP/1.1")),
    ("a method in small letters", "north", _ask(line="post /north/tickets HTTP/1.1")),
    ("a method with a control", None, _ask(line="PO\x01ST /north/tickets HTTP/1.1")),
    ("a target with a control", "north", _ask(line="POST /north/\x01 HTTP/1.1")),
    ("a target that is no UTF-8", "north", _ask(line="POST /north/\xff HTTP/1.1")),
    ("a target with a blank", "north", _ask(line="POST /north/x y HTTP/1.1")),
    ("another path of the source", "north", _ask("bad", line="POST /old//north/?/south HTTP/1.1")),
    ("another source", "south", _ask("bad", line="POST /south/tickets HTTP/1.1")),
    ("a path of nobody", None, _ask("bad", line="POST /nobody HTTP/1.1")),
    ("no path", None, _ask("bad", line="POST * HTTP/1.1")),
    ("tabs for blanks", None, _ask(line="POST\t/north/tickets\tHTTP/1.1")),
    ("HTTP/0.9 without a version", "north", b"GET /north/tickets\r\n\r\n"),
    ("HTTP/0.9 with one", "north", _ask(line="POST /north/tickets HTTP/0.9")),
    ("HTTP/1.2", "north", _ask(line="POST /north/tickets HTTP/1.2")),
    ("HTTP/2.0", "north", _ask(line="POST /north/tickets HTTP/2.0")),
    ("the preface of HTTP/2", None, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("a header of 100 KB", "north", _ask("a: " + "x" * 100_000)),
    ("200 headers", "north", _ask(*(f"a{number}: b" for number in range(200)))),
    ("a target of 100 KB", "north", _ask(line=f"POST /north/{'x' * 100_000} HTTP/1.1")),
    ("TLS", None, bytes.fromhex("16030100a5010000a10303") + bytes(150)),
    ("TLS of old", None, b"\x80\x2e\x01\x03\x01" + bytes(40)),
    ("SSH", None, b"SSH-2.0-x\r\n"),
    ("SOCKS", None, b"\x05\x01\x00"),
    ("NULs", None, bytes(100)),
]


@pytest.mark.parametrize(("owner", "sent"), [pytest.param(*case, id=name) for name, *case in _WRONG])
async def test_what_is_wrong_is_refused_at_once_by_its_owner_and_nothing_behind_it_is_a_request(
    at: Door, line: Line, store: Store, owner: str | None, sent: bytes
) -> None:
    started = time.monotonic()
    await line.send(sent.replace(b"KEY", at.key.encode()))
    reply = await line.reply()

    assert (reply.status, await line.rest()) == (400, b"")
    assert time.monotonic() - started < _WITHIN
    reply.refuses(owner)
    assert "server" not in reply.headers
    for apart in (0.0, 0.01):
        followed = await at.open()
        followed.writer.write(sent.replace(b"KEY", at.key.encode()))
        await asyncio.sleep(apart)
        followed.writer.write(at.ticket)
        assert ((await followed.reply()).status, await followed.rest()) == (400, b"")
        followed.writer.close()
    assert await store.tickets_like("", [workspace.id for workspace in await store.workspaces()]) == []


async def test_what_is_wrong_behind_a_request_takes_nothing_from_it(at: Door, line: Line) -> None:
    await line.send(at.ticket)
    await asyncio.sleep(0.001)
    await line.send(_ask("bad", line="POST /south/tickets HTTP/1.1"))
    first, second = await line.reply(), await line.reply()

    assert (first.status, second.status, await line.rest()) == (200, 400, b"")
    second.refuses("south")


async def test_three_at_once_are_answered_in_order(at: Door, line: Line) -> None:
    await line.send(at.ticket + at.head("Content-Length: 2", path="/north/nothing") + b"{}" + at.ticket)

    assert [(await line.reply()).status for _ in range(3)] == [200, 404, 200]


async def test_many_at_once_are_answered_in_order(at: Door, line: Line) -> None:
    pair = at.ticket + at.head("Content-Length: 2", path="/north/nothing") + b"{}"
    line.writer.write(pair * 100)

    assert [(await line.reply()).status for _ in range(200)] == [200, 404] * 100


@pytest.mark.parametrize("broken", [b"zz\r\n", b"2\r\n{}}\r\n", b"\0"])
async def test_a_chunk_that_breaks_later_is_refused_at_once(at: Door, line: Line, broken: bytes) -> None:
    await line.send(at.head(_CHUNKED) + b"2\r\n{}\r\n")
    await asyncio.sleep(0.03)
    started = time.monotonic()
    await line.send(broken + at.ticket)
    reply = await line.reply()

    assert (reply.status, reply.headers["connection"], await line.rest()) == (400, "close", b"")
    assert time.monotonic() - started < _WITHIN
    reply.refuses("north")


_PACKED = gzip.compress(BODY, mtime=0)


@pytest.mark.parametrize(
    ("status", "coding", "body"),
    [
        (200, "gzip", _PACKED),
        (200, "GZIP", _PACKED),
        (200, "identity", BODY),
        (200, "", BODY),
        (400, "gzip", BODY),
        (400, "gzip", _PACKED[:-12]),
        (400, "gzip", _PACKED[:15] + b"\xff" + _PACKED[16:]),
        (400, "deflate", BODY),
        (413, "gzip", gzip.compress(b" " * 20 * 1024**2, mtime=0)),
        (415, "br", BODY),
        (415, "zstd", BODY),
        (415, "nonsense", BODY),
        (415, "gzip, gzip", gzip.compress(_PACKED, mtime=0)),
        (415, "identity, gzip", _PACKED),
    ],
)
async def test_a_body_is_inflated_or_refused(
    at: Door, line: Line, status: int, coding: str, body: bytes
) -> None:
    started = time.monotonic()
    await line.send(at.head(f"Content-Length: {len(body)}", f"Content-Encoding: {coding}") + body)
    reply = await line.reply()

    assert reply.status == status
    assert time.monotonic() - started < 2 * _WITHIN
    if status != 200:
        reply.refuses("north")


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (200, _sized("Expect: 100-continue")),
        (417, _sized("Expect: miracles")),
        (413, _ask("Content-Length: 10737418240")),
        (413, _ask("Content-Length: 18446744073709551615")),
        (413, _ask(_CHUNKED) + b"200000\r\n" + b" " * 0x200000),
        (200, _ask(_CHUNKED) + b"2b;a=b\r\n" + BODY + b"\r\n0\r\nA: b\r\n\r\n"),
        (200, _sized(line="POST http://example.org/north/tickets HTTP/1.1")),
        (200, _sized(line="POST /north/tickets#there HTTP/1.1")),
        (200, b"\r\n\r\n" + _sized()),
        (200, _sized(line="POST /north/tickets HTTP/1.0").replace(b"Host: x\r\n", b"")),
        (200, _sized().replace(b"Host: x\r\n", b"")),  # as some game servers ask an IP address
        (405, _ask("Connection: upgrade", "Upgrade: websocket", line="GET /north/tickets HTTP/1.1")),
    ],
)
async def test_odd_http_has_its_answer(at: Door, line: Line, status: int, sent: bytes) -> None:
    line.writer.write(sent.replace(b"KEY", at.key.encode()))
    if b"100-continue" in sent:
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    async with asyncio.timeout(2):
        reply = await read_reply(line.reader)

    assert reply.status == status
    assert "server" not in reply.headers
    if status != 200:
        reply.refuses("north")
