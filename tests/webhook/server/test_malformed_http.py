"""Bytes that are no HTTP, or HTTP that means two things: 400, and nothing behind it is read."""

import gzip
import logging
import zlib
from dataclasses import replace

import pytest

from storage import Store
from tests.webhook.conftest import BODY, read_reply
from tests.webhook.server.conftest import PATIENT, SHORT, Client, RunningServer, running

_CHUNKED = "Transfer-Encoding: chunked"
_LENGTH = f"Content-Length: {len(BODY)}"
_START = "POST /north/tickets HTTP/1.1"


def _request(*headers: str, line: str = _START, host: str = "Host: x") -> bytes:
    return ("\r\n".join((line, *filter(None, [host]), *headers)) + "\r\n\r\n").encode("latin1")


_MALFORMED = {
    "two lengths": _request("Content-Length: 2", "Content-Length: 3") + b"{}",
    "a list of lengths": _request("Content-Length: 2, 2") + b"{}",
    "a negative length": _request("Content-Length: -1"),
    "a signed length": _request("Content-Length: +2") + b"{}",
    "a length beyond 64 bits": _request(f"Content-Length: {'9' * 30}"),
    "a length and chunks": _request("Content-Length: 2", _CHUNKED) + b"0\r\n\r\n",
    "chunks twice": _request(_CHUNKED, _CHUNKED) + b"0\r\n\r\n",
    "chunks, but not at the end": _request(f"{_CHUNKED}, identity") + b"0\r\n\r\n",
    "chunks misspelt": _request("Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "a chunk without a size": _request(_CHUNKED) + b"zz\r\n",
    "a chunk beyond 64 bits": _request(_CHUNKED) + b"fffffffffffffffff\r\n",
    "a chunk longer than it says": _request(_CHUNKED) + b"2\r\n{}}\r\n0\r\n\r\n",
    "a chunk with bare LF": _request(_CHUNKED) + b"2\n{}\n0\n\n",
    "bare LF": _request().replace(b"\r\n", b"\n"),
    "bare CR": _request("a: b\rc: d"),
    "a NUL in a value": _request("a: b\0c"),
    "a folded header": _request("a: b\r\n c"),
    "a blank before the colon": _request("a : b"),
    "a header without a colon": _request("abc"),
    "two Hosts": _request("Host: y"),
    "no Host": _request(host=""),
    "an unknown method": _request(line="FOO /north/tickets HTTP/1.1"),
    "a method in small letters": _request(line="post /north/tickets HTTP/1.1"),
    "a target with a blank": _request(line="POST /north/x y HTTP/1.1"),
    "HTTP/0.9": b"GET /north/tickets\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "200 headers": _request(*(f"a{number}: b" for number in range(200))),
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(150),
    "SSH": b"SSH-2.0-x\r\n",
    "NULs": bytes(100),
}


@pytest.mark.parametrize("sent", [pytest.param(sent, id=name) for name, sent in _MALFORMED.items()])
async def test_what_is_malformed_is_400_and_nothing_behind_it_is_a_request(
    server: RunningServer, client: Client, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.send(sent + server.ticket)
    reply = await client.reply()

    assert (reply.status, await client.rest()) == (400, b"")
    assert await server.tickets() == 0
    assert "server" not in reply.headers
    assert reply.refuses(None) == "The request cannot be read."  # and no word of it is repeated
    assert caplog.records == []


async def test_what_is_malformed_behind_a_request_takes_nothing_from_it(
    server: RunningServer, client: Client
) -> None:
    await client.send(server.ticket)
    first = await client.reply()
    await client.send(_request("bad"))

    assert (first.status, (await client.reply()).status, await client.rest()) == (200, 400, b"")
    assert await server.tickets() == 1


async def test_what_is_malformed_in_one_segment_with_a_request_leaves_neither_unanswered(
    server: RunningServer, client: Client
) -> None:
    await client.send(server.ticket + _request("bad"))

    assert ((await client.reply()).status, await client.rest()) == (400, b"")
    assert await server.tickets() == 0


async def test_many_requests_at_once_are_answered_in_order(server: RunningServer, client: Client) -> None:
    nothing = server.head("Content-Length: 2", line="POST /north/nothing HTTP/1.1") + b"{}"
    client.writer.write((server.ticket + nothing) * 100)

    assert [(await client.reply()).status for _ in range(200)] == [200, 404] * 100


@pytest.mark.parametrize("broken", [b"zz\r\n", b"2\r\n{}}\r\n", b"\0"])
async def test_a_chunk_that_breaks_later_ends_request_and_connection(store: Store, broken: bytes) -> None:
    async with running(store, replace(PATIENT, body_seconds=SHORT, lingering_seconds=SHORT)) as server:
        client = await server.connect()
        await client.send(server.head(_CHUNKED, "Expect: 100-continue"))
        await client.reader.readuntil(b"\r\n\r\n")  # it is read now
        await client.send(b"2\r\n{}\r\n" + broken + server.ticket)
        reply = await client.reply()

        assert (reply.status, reply.headers["connection"], await client.rest()) == (408, "close", b"")
        reply.refuses("north")
        assert await server.tickets() == 0


_PACKED = gzip.compress(BODY, mtime=0)


@pytest.mark.parametrize(
    ("status", "coding", "body"),
    [
        (200, "gzip", _PACKED),
        (200, "GZIP", _PACKED),
        (200, "deflate", zlib.compress(BODY)),
        (200, "deflate", zlib.compress(BODY, wbits=-15)),
        (200, "identity", BODY),
        (200, "", BODY),
        (400, "gzip", b""),
        (400, "gzip", BODY),
        (400, "gzip", _PACKED[:-12]),
        (400, "gzip", _PACKED[:15] + b"\xff" + _PACKED[16:]),
        (400, "gzip", _PACKED + b"more"),
        (400, "deflate", BODY),
        (413, "gzip", gzip.compress(b" " * 20 * 1024**2, mtime=0)),
        (415, "br", BODY),
        (415, "gzip, gzip", gzip.compress(_PACKED, mtime=0)),
        (415, "identity, gzip", _PACKED),
    ],
)
async def test_a_body_is_inflated_or_refused_and_the_next_request_read(
    server: RunningServer, client: Client, status: int, coding: str, body: bytes
) -> None:
    await client.send(server.head(f"Content-Length: {len(body)}", f"Content-Encoding: {coding}") + body)
    reply = await client.reply()

    assert reply.status == status
    if status != 200:
        reply.refuses("north")
    if status != 413:
        await client.send(server.ticket)
        assert (await client.reply()).status == 200


@pytest.mark.parametrize(
    ("status", "headers", "line", "body"),
    [
        (200, (_LENGTH, "Expect: 100-continue"), _START, BODY),
        (417, (_LENGTH, "Expect: miracles"), _START, BODY),
        (400, ("Transfer-Encoding: gzip, chunked",), _START, b"2b\r\n" + BODY + b"\r\n0\r\n\r\n"),
        (413, ("Content-Length: 18446744073709551615",), _START, b""),
        (413, (_CHUNKED,), _START, b"200000\r\n" + b" " * 0x200000),
        (200, (_CHUNKED,), _START, b"2b;a=b\r\n" + BODY + b"\r\n0\r\nA: b\r\n\r\n"),
        (200, (_LENGTH,), "POST http://example.org/north/tickets HTTP/1.1", BODY),
        (200, (_LENGTH,), "POST /north/tickets#there HTTP/1.1", BODY),
        (200, (_LENGTH,), "\r\n\r\n" + _START, BODY),
        (200, (_LENGTH,), "POST /north/tickets HTTP/1.0", BODY),
        (405, ("Connection: upgrade", "Upgrade: websocket"), "GET /north/tickets HTTP/1.1", b""),
    ],
)
async def test_unusual_http_has_its_response(
    server: RunningServer, client: Client, status: int, headers: tuple[str, ...], line: str, body: bytes
) -> None:
    client.writer.write(server.head(*headers, line=line) + body)
    if "Expect: 100-continue" in headers:
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    reply = await read_reply(client.reader)

    assert (reply.status, "server" in reply.headers) == (status, False)
    if status != 200:
        reply.refuses("north")
