"""Repeated requests: one ticket, and the first response to the byte."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.message import MessageKind
from bot.tickets.workspace import Category
from bot.webhook import IdempotencyPolicy
from storage import Store
from tests.support.bridge_harness import wait_for
from tests.webhook.conftest import BODY, Gate, make_key, standing

OTHER = b'{"subject":"Another subject","body":"some words"}'
TOKEN = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
async def gate(store: Store, tmp_path: Path) -> AsyncIterator[Gate]:
    async with standing(store, tmp_path, IdempotencyPolicy()) as gate:
        gate.time[0] += 10
        yield gate


async def test_the_same_idempotency_key_is_one_ticket_and_one_response(gate: Gate) -> None:
    first = await gate.send("/south/tickets", headers=TOKEN)
    gate.time[0] += 23 * 3600
    again = await gate.send("/south/tickets", headers=TOKEN)

    assert (again.status, again.body) == (200, first.body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await gate.kept()) == 1


async def test_a_repeated_request_is_not_logged_as_a_created_ticket(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.webhook")
    for _ in range(3):
        await gate.send("/south/tickets", headers=TOKEN)
    await gate.send("/south/tickets", headers={"Idempotency-Key": "another"})

    # The line of the last one is written in the turn after its answer, so those of all before it are there.
    last = max(await gate.kept(), key=lambda ticket: ticket.id)
    await wait_for(lambda: f"{last.public_id} created" in caplog.text)
    assert sum(record.getMessage().endswith(" created") for record in caplog.records) == 2


async def test_concurrent_requests_with_one_idempotency_key_are_one_ticket(gate: Gate) -> None:
    replies = await asyncio.gather(*(gate.send("/south/tickets", headers=TOKEN) for _ in range(20)))

    assert {(reply.status, reply.body) for reply in replies} == {(200, replies[0].body)}
    assert len(await gate.kept()) == 1


async def test_422_for_an_idempotency_key_with_another_body(gate: Gate) -> None:
    await gate.send("/south/tickets", headers=TOKEN)

    reply = await gate.send("/south/tickets", OTHER, headers=TOKEN)

    assert reply.status == 422
    assert "Idempotency-Key" in reply.refuses("south")
    assert len(await gate.kept()) == 1


async def test_a_rejected_request_does_not_use_up_its_idempotency_key(gate: Gate) -> None:
    bad = await gate.send("/south/tickets", b"{}", headers=TOKEN)
    good = await gate.send("/south/tickets", headers=TOKEN)

    assert (bad.status, good.status) == (400, 200)


async def test_another_idempotency_key_is_another_ticket_even_with_the_same_body(gate: Gate) -> None:
    await gate.send("/south/tickets", headers=TOKEN)
    await gate.send("/south/tickets", headers={"Idempotency-Key": "another"})

    assert len(await gate.kept()) == 2


async def test_an_idempotency_key_belongs_to_its_api_key(gate: Gate) -> None:
    other, _ = await make_key(gate.store, "south")

    first = await gate.send("/south/tickets", headers=TOKEN)
    second = await gate.send("/south/tickets", OTHER, headers=TOKEN, key=other)

    assert (first.status, second.status) == (200, 200)
    assert first.body != second.body


async def test_a_stored_response_survives_a_restart(gate: Gate, store: Store, tmp_path: Path) -> None:
    first = await gate.send("/south/tickets", headers=TOKEN)

    async with standing(store, tmp_path, IdempotencyPolicy()) as later:
        again = await later.send("/south/tickets", headers=TOKEN, key=gate.keys["south"])

    assert again.body == first.body


@pytest.mark.parametrize("token", ["", " ", "x" * 256, "two words", "é", "a\tb"])
async def test_400_for_a_malformed_idempotency_key(gate: Gate, token: str) -> None:
    head = gate.head("/south/tickets", f"Idempotency-Key: {token}", f"Content-Length: {len(BODY)}")

    reply = await gate.raw(head + BODY)

    assert reply.status == 400
    assert "Idempotency-Key" in reply.refuses("south")


async def test_400_for_two_idempotency_keys(gate: Gate) -> None:
    head = gate.head("/south/tickets", "Idempotency-Key: a", "Idempotency-Key: b", "Content-Length: 2")

    assert (await gate.raw(head + b"{}")).status == 400


async def test_the_same_body_is_the_same_ticket_for_a_minute(gate: Gate) -> None:
    first = await gate.send("/south/tickets")
    gate.time[0] += 59.9
    again = await gate.send("/south/tickets")
    gate.time[0] += 0.2
    later = await gate.send("/south/tickets")

    assert again.body == first.body
    assert later.body != first.body
    assert len(await gate.kept()) == 2


async def test_the_same_body_compressed_is_the_same_body(gate: Gate) -> None:
    first = await gate.send("/south/tickets")
    again = await gate.send("/south/tickets", gzip.compress(BODY), headers={"Content-Encoding": "gzip"})

    assert again.body == first.body


async def test_the_same_body_from_another_key_or_on_another_path_is_another_ticket(gate: Gate) -> None:
    other, _ = await make_key(gate.store, "south")

    await gate.send("/south/tickets")
    await gate.send("/south/tickets", key=other)
    await gate.send("/north/tickets")

    assert len(await gate.kept()) == 3


async def test_with_a_body_ttl_of_zero_each_request_is_a_ticket(store: Store, tmp_path: Path) -> None:
    async with standing(store, tmp_path, IdempotencyPolicy(body_ttl=timedelta(0))) as gate:
        await gate.send("/south/tickets")
        await gate.send("/south/tickets")
        assert len(await gate.kept()) == 2


async def test_a_post_repeated_after_its_connection_dropped_is_one_ticket(gate: Gate) -> None:
    """As the JDK does by itself: the connection closes before the answer, the same POST comes again."""
    request = gate.head("/south/tickets", f"Content-Length: {len(BODY)}") + BODY
    _, writer = await asyncio.open_connection(gate.host, gate.port)
    writer.write(request)
    await writer.drain()
    writer.transport.abort()

    answers = {(await gate.raw(request)).body for _ in range(3)}

    assert len(answers) == 1
    assert len(await gate.kept()) == 1


async def test_a_repeated_reply_is_stored_once(gate: Gate) -> None:
    await gate.send("/south/tickets")
    (ticket,) = await gate.kept()
    path = f"/south/tickets/{ticket.public_id}/say"

    twice = [await gate.send(path, b'{"text":"hello"}') for _ in range(2)]
    gate.time[0] += 61
    later = await gate.send(path, b'{"text":"hello"}')

    assert [reply.status for reply in (*twice, later)] == [200, 200, 200]
    assert len(await gate.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])) == 2


async def test_a_stored_response_is_sent_whatever_is_forbidden_since(gate: Gate) -> None:
    first = await gate.send("/south/tickets", headers=TOKEN)
    (workspace,) = await gate.store.workspaces.list_all()
    await gate.store.workspaces.change(
        workspace.id, lambda kept: kept.with_category(Category(id="bugs", name="Bugs"))
    )

    again = await gate.send("/south/tickets", headers=TOKEN)
    new = await gate.send("/south/tickets", OTHER)
    invalid = await gate.send("/south/tickets", b"{}", headers=TOKEN)

    assert (again.status, again.body) == (200, first.body)
    assert (new.status, invalid.status) == (400, 422)
