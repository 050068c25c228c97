"""Errors: always JSON, always in the format of the source that owns the path."""

import asyncio
import gzip
import logging
import sqlite3
from collections.abc import AsyncIterator

import pytest

from bot.webhook.server.limits import ConnectionLimits
from tests.webhook.conftest import BODY, Gate

BODY_LIMIT = ConnectionLimits().body_bytes

BOTH = pytest.mark.parametrize("owner", ["north", "south"])
_TRUNCATED = gzip.compress(BODY, mtime=0)[:-12]


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536 + 1):
        yield b" " * 65536


@BOTH
@pytest.mark.parametrize(
    ("status", "path", "method", "headers", "body"),
    [
        (400, "/tickets", "POST", {}, b"no json"),
        (400, "/tickets", "POST", {}, b""),
        (400, "/tickets", "POST", {}, b"[]"),
        (400, "/tickets", "POST", {}, b"\xff\xfe{\x00"),
        (400, "/tickets", "POST", {"Content-Encoding": "gzip"}, b"no gzip at all"),
        (400, "/tickets", "POST", {"Content-Encoding": "gzip"}, _TRUNCATED),
        (400, "/tickets", "POST", {"Content-Encoding": "deflate"}, b"no deflate at all"),
        (400, "/tickets", "POST", {"Content-Type": "text/plain; charset=nonsense"}, BODY),
        (400, "/tickets", "POST", {"Content-Type": "text/plain; charset=idna"}, BODY),
        (400, "/tickets", "POST", {"Content-Type": "text/plain; charset=zlib"}, BODY),
        (400, "/tickets", "POST", {"Content-Type": "text/plain; charset=us-ascii"}, b'{"subject":"\xff"}'),
        (400, "/tickets", "POST", {"Content-Type": "text/plain; charset=utf-16"}, b"odd"),
        (401, "/tickets", "POST", {"x-api-key": "wrong"}, BODY),
        (404, "", "POST", {}, BODY),
        (404, "/", "POST", {}, BODY),
        (404, "/x", "POST", {}, BODY),
        (404, "/x", "GET", {}, None),
        (404, "//x/", "POST", {}, BODY),
        (404, "/%00", "POST", {}, BODY),
        (404, "/😀", "POST", {}, BODY),
        (404, "/tickets/1/2", "POST", {}, BODY),
        *(
            (405, "/tickets", method, {}, None)
            for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
        ),
        (405, "//tickets/", "GET", {}, None),
        (413, "/tickets", "POST", {}, b" " * (BODY_LIMIT + 1)),
        (
            413,
            "/tickets",
            "POST",
            {"Content-Encoding": "gzip"},
            gzip.compress(b" " * 30 * BODY_LIMIT, mtime=0),
        ),
        (417, "/tickets", "POST", {"Expect": "miracles"}, BODY),
        (500, "/broken", "POST", {}, BODY),
    ],
)
async def test_every_error_has_the_format_of_the_path_s_source(
    gate: Gate, owner: str, status: int, path: str, method: str, headers: dict[str, str], body: bytes | None
) -> None:
    reply = await gate.send(f"/{owner}{path}", body, method=method, headers=headers)

    assert reply.status == status
    reply.refuses(owner)
    assert "server" not in reply.headers
    assert await gate.kept() == []


@BOTH
async def test_a_body_as_large_as_allowed_is_read(gate: Gate, owner: str) -> None:
    assert (await gate.send(f"/{owner}/tickets", BODY.ljust(BODY_LIMIT))).status == 200


@BOTH
async def test_413_for_a_chunked_body_beyond_the_limit(gate: Gate, owner: str) -> None:
    reply = await gate.send(f"/{owner}/tickets", _chunks(BODY_LIMIT))

    assert reply.status == 413
    reply.refuses(owner)


@BOTH
async def test_413_for_a_content_length_beyond_the_limit_before_the_body_is_sent(
    gate: Gate, owner: str
) -> None:
    reply = await gate.raw(gate.head(f"/{owner}/tickets", "Content-Length: 10737418240"))

    assert (reply.status, reply.headers["connection"]) == (413, "close")
    reply.refuses(owner)


@BOTH
async def test_an_incomplete_body_creates_no_ticket(gate: Gate, owner: str) -> None:
    head = gate.head(f"/{owner}/tickets", f"Content-Length: {len(BODY) + 1}")

    # aiohttp takes an end in the middle for a client that has gone, and hangs up too.
    with pytest.raises(asyncio.IncompleteReadError):
        await gate.raw(head + BODY, half_close=True)
    assert await gate.kept() == []


@BOTH
async def test_405_names_the_allowed_method(gate: Gate, owner: str) -> None:
    reply = await gate.send(f"/{owner}/tickets", None, method="GET")

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@BOTH
async def test_head_is_405_and_has_no_body(gate: Gate, owner: str) -> None:
    reply = await gate.send(f"/{owner}/tickets", None, method="HEAD")

    assert (reply.status, reply.body) == (405, b"")
    assert "server" not in reply.headers


@pytest.mark.parametrize(
    "path",
    ["/", "/x", "/northern/tickets", "/southx", "/old", "/%2e%2e/north", "/healthz/x", "/x/north/tickets"],
)
async def test_404_in_the_default_format_for_a_path_without_a_source(gate: Gate, path: str) -> None:
    reply = await gate.raw(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert reply.status == 404
    reply.refuses(None)


@pytest.mark.parametrize("path", ["/old/north", "/old/north/x", "/old//north/"])
async def test_every_prefix_of_a_source_has_its_error_format(gate: Gate, path: str) -> None:
    (await gate.send(path)).refuses("north")


async def test_healthz_accepts_no_post(gate: Gate) -> None:
    reply = await gate.send("/healthz")

    assert reply.status == 405
    reply.refuses(None)


@BOTH
@pytest.mark.parametrize("table", ["outbox", "api_keys"])
async def test_500_with_retry_after_when_the_database_fails(gate: Gate, owner: str, table: str) -> None:
    with sqlite3.connect(gate.path) as db:
        db.execute(f"DROP TABLE {table}")
    db.close()

    reply = await gate.send(f"/{owner}/tickets")

    assert (reply.status, reply.headers["retry-after"]) == (500, "5")
    assert table not in reply.refuses(owner)
    assert await gate.kept() == []


@BOTH
async def test_500_for_a_bug_which_is_logged_without_the_exception_s_message(
    gate: Gate, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await gate.send(f"/{owner}/broken", b"some words")

    assert (reply.status, reply.headers["connection"]) == (500, "close")
    assert "some words" not in reply.refuses(owner)
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert f"/{owner}/broken failed: RuntimeError at " in record.getMessage()
    assert "some words" not in caplog.text


@pytest.mark.parametrize(
    "line", ["OPTIONS *", "CONNECT example.org:443", "POST http://example.org/x", "POST http://example.org"]
)
async def test_404_for_an_unusual_request_target(gate: Gate, line: str) -> None:
    reply = await gate.raw(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert reply.status == 404
    reply.refuses(None)


@pytest.mark.parametrize("line", ["POST *", "POST example.org:443", "CONNECT http://example.org/x", "FOO /x"])
async def test_4xx_for_a_request_target_that_does_not_fit_its_method(gate: Gate, line: str) -> None:
    reply = await gate.raw(f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert reply.status in (400, 404)  # as the release of aiohttp has it
