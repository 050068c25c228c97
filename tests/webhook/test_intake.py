"""Creating tickets: stored before the response, whatever the client's habits."""

import asyncio
import gzip
import logging
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from bot.tickets.outbox import DeliveryKind
from bot.webhook import BoundAddress, WebhookServer
from bot.webhook.intake import CreatedLog
from storage import Store
from tests.support.bridge_harness import wait_for
from tests.webhook.conftest import BODY, SOURCES, Gate, make_key, read_reply

BOTH = pytest.mark.parametrize("owner", ["north", "south"])


@BOTH
async def test_a_ticket_is_stored_with_the_request_s_body_before_the_response(gate: Gate, owner: str) -> None:
    reply = await gate.send(f"/{owner}/tickets")

    (ticket,) = await gate.kept()
    assert reply.status == 200
    assert reply.json == {"id": ticket.public_id, "subject": "A subject"}
    assert (ticket.source, await gate.store.tickets.raw_request(ticket.id)) == (owner, BODY.decode())


@BOTH
async def test_a_stored_ticket_has_deliveries_for_discord(gate: Gate, owner: str) -> None:
    await gate.send(f"/{owner}/tickets")

    (ticket,) = await gate.kept()
    waiting = [delivery.kind for delivery in await gate.store.outbox.pending_for_ticket(ticket.id)]
    assert waiting == ([DeliveryKind.POST] if owner == "north" else [DeliveryKind.POST, DeliveryKind.THREAD])


async def test_each_request_is_a_ticket(gate: Gate) -> None:
    replies = await asyncio.gather(*(gate.send("/south/tickets") for _ in range(8)))

    assert len({str(reply.json["id"]) for reply in replies}) == 8
    assert len(await gate.kept()) == 8


async def test_the_log_names_each_ticket_of_a_burst_once(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.webhook")
    await asyncio.gather(*(gate.send("/south/tickets") for _ in range(8)))
    await gate.send("/south/tickets")  # alone

    *burst, alone = await logged_tickets(caplog, 9)
    tickets = sorted(await gate.kept(), key=lambda ticket: ticket.id)
    assert sorted(one for record in burst for one in ticket_ids(record)) == [one.id for one in tickets[:-1]]
    assert alone.getMessage() == f"Ticket {tickets[-1].public_id} created"
    assert vars(alone)["ticket_id"] == tickets[-1].id
    for ticket in tickets:
        (line,) = [record for record in (*burst, alone) if ticket.public_id in record.getMessage()]
        assert ticket.id in ticket_ids(line)
        assert vars(line)["workspace_id"] == ticket.workspace_id
        assert (vars(line)["source"], vars(line)["key_prefix"]) == ("south", gate.prefixes["south"])


async def test_tickets_answered_in_one_turn_share_a_line_per_key(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.webhook")
    for _ in range(3):
        await gate.send("/north/tickets")
    await gate.send("/south/tickets")
    south, *north = await gate.kept()
    await logged_tickets(caplog, 4)
    caplog.clear()
    log = CreatedLog()

    for ticket in north:
        log.add(ticket, "north-key")
    log.add(south, "south-key")
    await asyncio.sleep(0)  # the next turn

    first, second = caplog.records
    names = ", ".join(ticket.public_id for ticket in north)
    assert (first.getMessage(), ticket_ids(first)) == (f"Tickets {names} created", [one.id for one in north])
    assert vars(first)["key_prefix"] == "north-key"
    assert second.getMessage() == f"Ticket {south.public_id} created"


def ticket_ids(record: logging.LogRecord) -> list[int]:
    fields = vars(record)
    return [fields["ticket_id"]] if "ticket_id" in fields else list(fields["ticket_ids"])


async def logged_tickets(caplog: pytest.LogCaptureFixture, count: int) -> list[logging.LogRecord]:
    """The lines of so many created tickets, once they are all there."""

    def created() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.getMessage().endswith(" created")]

    await wait_for(lambda: sum(len(ticket_ids(record)) for record in created()) == count)
    return created()


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_inflated(gate: Gate, coding: str, pack: type[bytes]) -> None:
    reply = await gate.send("/north/tickets", pack(BODY), headers={"Content-Encoding": coding})

    assert reply.status == 200
    (ticket,) = await gate.kept()
    assert await gate.store.tickets.raw_request(ticket.id) == BODY.decode()


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=utf-8",
        'application/json; charset="UTF8"',
        "text/plain; charset=us-ascii",
        "",
        ";;;=",
        "\udcff",
    ],
)
async def test_any_content_type_is_accepted(gate: Gate, kind: str) -> None:
    head = gate.head("/north/tickets", f"Content-Type: {kind}", f"Content-Length: {len(BODY)}")

    assert (await gate.raw(head + BODY)).status == 200


@pytest.mark.parametrize("charset", ["iso-8859-1", "Windows-1252", "utf-16", "utf-16le"])
async def test_a_body_in_another_charset_is_decoded(gate: Gate, charset: str) -> None:
    body = '{"subject":"wörse","body":""}'.encode(charset)

    reply = await gate.send(
        "/north/tickets", body, headers={"Content-Type": f"text/plain; charset={charset}"}
    )

    assert reply.json["subject"] == "wörse"


@pytest.mark.parametrize(
    "path", ["/north/tickets/", "//north/tickets", "/north//tickets///", "/north/tickets?a=//"]
)
async def test_doubled_and_trailing_slashes_are_ignored(gate: Gate, path: str) -> None:
    assert (await gate.send(path)).status == 200


async def test_headers_that_games_send_are_accepted(gate: Gate) -> None:
    headers = {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
        "X-Server-Domain": "demo",
        "Accept": "text/html, image/gif, image/jpeg, */*; q=0.2",
    }

    assert (await gate.send("/south/tickets", headers=headers)).status == 200


async def test_a_client_may_wait_for_100_continue(gate: Gate) -> None:
    reader, writer = await asyncio.open_connection(gate.host, gate.port)
    writer.write(gate.head("/north/tickets", f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
    interim = await reader.readuntil(b"\r\n\r\n")
    writer.write(BODY)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await read_reply(reader)).status == 200
    writer.close()


async def test_one_connection_carries_many_requests(gate: Gate) -> None:
    reader, writer = await asyncio.open_connection(gate.host, gate.port)
    one = gate.head("/south/tickets", f"Content-Length: {len(BODY)}") + BODY
    writer.write(one + gate.head("/south/tickets", "Content-Length: 2") + b"[]" + one)

    assert [(await read_reply(reader)).status for _ in range(3)] == [200, 400, 200]
    writer.close()


@pytest.mark.parametrize("rest", [["Content-Length: 400"], ["Transfer-Encoding: chunked"]])
async def test_a_client_that_disconnects_in_the_middle_of_a_body_leaves_nothing(
    gate: Gate, rest: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection(gate.host, gate.port)
    writer.write(gate.head("/north/tickets", *rest, "Expect: 100-continue"))
    await reader.readuntil(b"\r\n\r\n")  # the body is being read
    writer.write(b"2b\r\n" + BODY if "chunked" in rest[0] else BODY)
    writer.close()
    await writer.wait_closed()

    assert (await gate.send("/north/tickets")).status == 200
    assert len(await gate.kept()) == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("delay", [0.0, 0.0005, 0.001, 0.002, 0.004])
async def test_a_client_that_disconnects_before_the_response_leaves_a_whole_ticket_or_none(
    gate: Gate, delay: float
) -> None:
    _, writer = await asyncio.open_connection(gate.host, gate.port)
    writer.write(gate.head("/south/tickets", f"Content-Length: {len(BODY)}") + BODY)
    await asyncio.sleep(delay)  # picks the moment, and waits for nothing
    writer.transport.abort()

    assert (await gate.send("/south/tickets")).status == 200
    for ticket in await gate.kept():
        assert len(await gate.store.outbox.pending_for_ticket(ticket.id)) == 2


async def test_a_response_does_not_name_the_server_s_software(gate: Gate) -> None:
    assert "server" not in (await gate.send("/north/tickets")).headers


@pytest.mark.parametrize("again", [False, True])
async def test_a_response_has_the_same_headers_whether_the_connection_stays_open_or_not(
    gate: Gate, again: bool
) -> None:
    key = ["Idempotency-Key: one"] if again else []
    if again:
        await gate.raw(gate.head("/north/tickets", *key, f"Content-Length: {len(BODY)}") + BODY)

    def request(*headers: str) -> bytes:
        return gate.head("/north/tickets", *key, *headers, f"Content-Length: {len(BODY)}") + BODY

    stays, closes = await gate.raw(request()), await gate.raw(request("Connection: close"))

    assert closes.headers.pop("connection") == "close"
    for reply in (stays, closes):
        sent_at = parsedate_to_datetime(reply.headers.pop("date"))
        assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=5)
        assert reply.headers.pop("ratelimit-remaining") in ("4", "3", "2")
    assert stays.headers == closes.headers
    assert stays.headers["content-type"] == "application/json"
    assert ("idempotent-replayed" in stays.headers) == again


async def test_a_taken_port_is_an_os_error(gate: Gate, store: Store) -> None:
    with pytest.raises(OSError, match="address already in use"):
        async with WebhookServer(store, SOURCES).serve(gate.host, gate.port):
            pass


async def test_the_port_is_free_once_the_server_stops(store: Store) -> None:
    async with WebhookServer(store, SOURCES).serve("127.0.0.1", 0) as first:
        pass
    async with WebhookServer(store, SOURCES).serve("127.0.0.1", first.port) as second:
        assert second == first


async def test_requests_in_flight_get_a_response_when_the_server_stops(store: Store, tmp_path: Path) -> None:
    key, _ = await make_key(store, "north")
    head = (
        f"POST /north/tickets HTTP/1.1\r\nHost: x\r\nnorth-key: {key}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    with closing(sqlite3.connect(tmp_path / "tickets.db", isolation_level=None)) as foreign:
        async with WebhookServer(store, SOURCES).serve("127.0.0.1", 0) as at:
            foreign.execute("BEGIN IMMEDIATE")  # its handler waits for the database
            reader, writer = await asyncio.open_connection(at.host, at.port)
            writer.write(head.encode() + BODY)
            other_reader, other_writer = await asyncio.open_connection(at.host, at.port)
            other_writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
            await read_reply(other_reader)  # by now the first request is read, too
            other_writer.close()
            asyncio.get_running_loop().call_later(0.2, foreign.execute, "ROLLBACK")

        assert (await read_reply(reader)).status == 200
        writer.close()


async def test_connections_are_closed_when_the_server_stops(store: Store) -> None:
    async with WebhookServer(store, SOURCES).serve("127.0.0.1", 0) as at:
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_reply(reader)).status == 200

    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()


def test_the_bound_address_is_a_url() -> None:
    assert BoundAddress(host="127.0.0.1", port=8080).address == "http://127.0.0.1:8080"
    assert BoundAddress(host="::1", port=8080).address == "http://[::1]:8080"
