"""What one client may cost: each limit seen from a live connection."""

import asyncio
import gc
import gzip
import logging
import socket
import struct
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from bot.webhook.server.limits import ConnectionLimits
from storage import Store
from tests.support.bridge_harness import wait_for
from tests.webhook.conftest import BODY
from tests.webhook.server.conftest import LONGER, PATIENT, SHORT, Client, RunningServer, running


def test_the_limits_are_as_documented_and_stay_so() -> None:
    limits = ConnectionLimits()

    assert asdict(limits) == {
        "connections": 512,
        "head_seconds": 5.0,
        "body_seconds": 10.0,
        "idle_seconds": 15.0,
        "answer_seconds": 10.0,
        "lingering_seconds": 1.0,
        "target_bytes": 8192,
        "headers": 64,
        "header_bytes": 8192,
        "body_bytes": 1048576,
        "unread_bytes": 65536,
    }
    with pytest.raises(FrozenInstanceError):
        limits.headers = 1000  # type: ignore[misc]  # frozen: that is what is tested


@pytest.mark.parametrize(
    ("head", "most"),
    [
        # Host, the key, and the length are headers too.
        pytest.param(
            lambda server, n: server.head("Content-Length: 43", *["a: b"] * (n - 3)), 64, id="headers"
        ),
        pytest.param(
            lambda server, n: server.head("Content-Length: 43", f"long: {'x' * n}"), 8192, id="header"
        ),
        pytest.param(
            lambda server, n: server.head(
                "Content-Length: 43", line=f"POST {'/north/tickets?'.ljust(n, 'x')} HTTP/1.1"
            ),
            8192,
            id="target",
        ),
    ],
)
async def test_a_head_may_be_so_large_and_no_larger(
    server: RunningServer, head: Callable[[RunningServer, int], bytes], most: int
) -> None:
    within = await server.send(head(server, most) + BODY)
    beyond = await server.send(head(server, most + 1) + BODY)

    assert (len(BODY), within.status, beyond.status) == (43, 200, 400)


async def test_a_body_may_be_so_large_and_no_larger(store: Store) -> None:
    larger, packed = BODY + b" ", gzip.compress(BODY + b" ")
    async with running(store, replace(PATIENT, body_bytes=len(BODY))) as server:
        replies = [
            await server.send(server.ticket),
            await server.send(server.head(f"Content-Length: {len(larger)}") + larger),
            await server.send(server.head("Content-Length: 50", "Content-Encoding: gzip") + packed[:50]),
            await server.send(
                server.head("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(larger), larger)
            ),
        ]

    assert [reply.status for reply in replies] == [200, 413, 413, 413]


async def test_a_body_declared_too_large_is_refused_before_it_is_sent(server: RunningServer) -> None:
    reply = await server.send(server.head(f"Content-Length: {10 * 1024**3}"))

    assert (reply.status, reply.headers["connection"]) == (413, "close")
    reply.refuses("north")


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST", b"POST /north/tickets HTTP/1.1\r\nHost: x\r\n", b"\r\n" * 10_000],
)
async def test_a_first_head_that_does_not_end_is_answered_408_and_closed(store: Store, sent: bytes) -> None:
    async with running(store, replace(PATIENT, head_seconds=SHORT)) as server:
        client = await server.connect()
        await client.send(sent)
        reply = await client.reply()

        assert (reply.status, reply.headers["connection"], await client.rest()) == (408, "close", b"")
        reply.refuses(None)


async def test_a_head_that_drips_is_late_and_so_is_a_later_one(store: Store) -> None:
    async with running(store, replace(PATIENT, head_seconds=LONGER)) as server:
        first, later = await server.connect(), await server.connect()
        await later.send(server.ticket)
        assert (await later.reply()).status == 200

        assert (await first.drip(server.ticket)).status == 408
        assert (await later.drip(server.ticket)).status == 408


async def test_the_time_of_a_head_ends_with_it(store: Store) -> None:
    async with running(store, replace(PATIENT, head_seconds=LONGER)) as server:
        idle, busy = await server.connect(), await server.busy_client()
        await idle.send(server.ticket)
        assert (await idle.reply()).status == 200

        assert (await (await server.connect()).reply()).status == 408  # theirs would have ended before
        await idle.send(server.ticket)
        await busy.send(BODY)

        assert [(await idle.reply()).status, (await busy.reply()).status] == [200, 200]


@pytest.mark.parametrize("framing", [f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("drips", [True, False])
async def test_a_body_that_does_not_end_is_answered_408_and_closed(
    store: Store, framing: str, drips: bool
) -> None:
    async with running(store, replace(PATIENT, body_seconds=SHORT, lingering_seconds=SHORT)) as server:
        client = await server.connect()
        await client.send(server.head(framing))
        body = b"2b\r\n" + BODY if "chunked" in framing else BODY
        reply = await client.drip(body if drips else b"")

        assert (reply.status, reply.headers["connection"], await client.rest()) == (408, "close", b"")
        reply.refuses("north")


async def test_a_connection_without_requests_is_closed(store: Store) -> None:
    async with running(store, replace(PATIENT, idle_seconds=LONGER)) as server:
        client = await server.connect()
        await client.send(server.ticket + b"POST /nor")  # a head behind another request is idle time too

        assert (await client.reply()).status == 200
        assert await client.rest() == b""


async def test_a_client_too_many_is_answered_503_and_the_busy_ones_are_served(store: Store) -> None:
    async with running(store, replace(PATIENT, connections=3)) as server:
        busy = [await server.busy_client() for _ in range(3)]
        extra = await server.connect()
        refused = await extra.reply()

        assert (refused.status, refused.headers["connection"], await extra.rest()) == (503, "close", b"")
        assert int(refused.headers["retry-after"]) > 0
        refused.refuses(None)
        for client in busy:
            await client.send(BODY)
            assert (await client.reply()).status == 200
        assert (await server.send(server.ticket)).status == 200


async def test_idle_connections_make_room_those_that_sent_nothing_first(store: Store) -> None:
    async with running(store, replace(PATIENT, connections=3)) as server:
        known, silent, half = [await server.connect() for _ in range(3)]
        await known.send(server.ticket)
        assert (await known.reply()).status == 200
        await half.send(server.ticket[:20])

        newcomers = [await server.connect() for _ in range(2)]
        for client in (*newcomers, known):
            await client.send(server.ticket)
            assert (await client.reply()).status == 200

        assert [await client.rest() for client in (silent, half)] == [b"", b""]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"POST /north/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", id="refused"),
        pytest.param(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 9, id="reads nothing"),
    ],
)
async def test_clients_that_no_handler_works_for_do_not_keep_others_out(store: Store, sent: bytes) -> None:
    async with running(store, replace(PATIENT, connections=5)) as server:
        for _ in range(30):
            client = await server.connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
            client.writer.write(sent)

        async def is_accepted() -> bool:
            return (await server.send(server.ticket)).status == 200

        await wait_for(is_accepted)  # 503 only while handlers are at work for the others


async def test_a_client_that_does_not_take_its_responses_is_cut(store: Store) -> None:
    async with running(store, replace(PATIENT, answer_seconds=SHORT)) as server:
        with pytest.raises(ConnectionError):
            await _send_forever(server.port, b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 100)


async def _send_forever(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setblocking(False)
        while True:
            await asyncio.get_running_loop().sock_sendall(client, data)


async def test_a_body_that_is_refused_unread_is_not_inflated(server: RunningServer, client: Client) -> None:
    refused = (
        b"POST /north/tickets HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"
    )
    await client.send(refused + b"no gzip!!" + server.ticket)

    assert [(await client.reply()).status for _ in range(2)] == [401, 200]


@pytest.mark.parametrize(("status", "length"), [(401, 900_000), (413, 9_000_000)])
async def test_a_client_that_is_refused_while_it_sends_gets_the_response(
    store: Store, status: int, length: int
) -> None:
    async with running(store, replace(PATIENT, lingering_seconds=4.0)) as server:
        head = server.head(f"Content-Length: {length}")
        if status == 401:
            head = head.replace(b"x-api-key", b"x-no-key")

        for _ in range(5):
            assert (await server.send(head + b" " * 900_000)).status == status


@pytest.mark.parametrize("part", [30, -5])
async def test_a_request_that_ends_in_the_middle_is_no_ticket(
    server: RunningServer, client: Client, part: int
) -> None:
    await client.send(server.ticket[:part])
    client.writer.write_eof()

    assert await client.rest() == b""
    assert await server.tickets() == 0


@pytest.mark.parametrize("reset", [True, False])
async def test_clients_that_drop_leave_nothing_in_the_log(
    store: Store, caplog: pytest.LogCaptureFixture, reset: bool
) -> None:
    caplog.set_level(logging.WARNING)
    async with running(store, replace(PATIENT, body_seconds=SHORT)) as server:
        page = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
        refused = server.ticket.replace(b"x-api-key", b"x-no-key")
        chunked = server.head("Transfer-Encoding: chunked") + b"2\r\n{}\r\n"
        whole = (
            b"",
            server.ticket,
            server.ticket * 3,
            page,
            page * 3,
            refused,
            b"\0 no HTTP\r\n\r\n",
            chunked,
        )
        cut = [server.ticket[:length] for length in range(1, len(server.ticket), 9)]
        for sent in (*whole, *cut, refused[:-9], chunked + b"zz\r\n"):
            for _ in range(3):
                _drop(server.port, sent, reset=reset)
                assert (await server.send(server.ticket)).status == 200
    gc.collect()  # asyncio tells of a task's exception when the task is gone

    assert [record.getMessage() for record in caplog.records] == []


def _drop(port: int, sent: bytes, *, reset: bool) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.send(sent)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
