"""Authentication: one known and valid key of the source; everything else gets the same 401."""

import logging
import sqlite3
from datetime import timedelta

import pytest

from bot.tickets.api_keys import generate_api_key
from tests.webhook.conftest import BODY, NOW, Gate, make_key

BOTH = pytest.mark.parametrize("owner", ["north", "south"])


@pytest.mark.parametrize("header", ["north-key", "North-Key", "NORTH-KEY", "x-api-key", "X-Api-Key"])
async def test_either_header_carries_the_key(gate: Gate, header: str) -> None:
    head = f"POST /north/tickets HTTP/1.1\r\nHost: x\r\n{header}: {gate.keys['north']}\r\n"

    reply = await gate.raw(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)

    assert reply.status == 200


async def test_the_same_key_twice_is_one_key(gate: Gate) -> None:
    assert (await gate.send("/north/tickets", headers={"north-key": gate.keys["north"]})).status == 200


async def test_two_keys_are_no_key(gate: Gate) -> None:
    other, _ = await make_key(gate.store, "north")

    replies = [
        await gate.send("/north/tickets", headers={"north-key": other}),
        await gate.send("/north/tickets", headers={"north-key": ""}),
        await gate.raw(gate.head("/north/tickets", f"x-api-key: {other}", "Content-Length: 2") + b"{}"),
    ]

    assert [reply.status for reply in replies] == [401, 401, 401]


@BOTH
@pytest.mark.parametrize(
    "key", ["wrong", "", " ", "Bearer x", "\udcff", "é", "' OR 1=1 --", "tb_aaaaaaaa_" + "a" * 40, "k" * 7000]
)
async def test_401_for_an_unknown_key(gate: Gate, owner: str, key: str) -> None:
    head = f"POST /{owner}/tickets HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Length: 2\r\n\r\n{{}}"

    reply = await gate.raw(head.encode("utf-8", "surrogateescape"))

    assert reply.status == 401
    reply.refuses(owner)


@BOTH
async def test_every_invalid_key_gets_the_same_response(gate: Gate, owner: str) -> None:
    revoked, prefix = await make_key(gate.store, owner)
    await gate.store.api_keys.revoke(prefix, NOW)
    foreign = gate.keys["south" if owner == "north" else "north"]

    expired, _ = await make_key(gate.store, owner, expires_at=NOW)
    unknown, _ = generate_api_key()

    wrong = ("", unknown, revoked, expired, foreign)
    answers = [await gate.send(f"/{owner}/tickets", key=key) for key in wrong]
    answers.append(await gate.raw(f"POST /{owner}/tickets HTTP/1.1\r\nHost: x\r\n\r\n".encode()))

    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
    assert await gate.kept() == []


@BOTH
async def test_a_revoked_key_is_invalid_from_the_next_request_on(gate: Gate, owner: str) -> None:
    before = await gate.send(f"/{owner}/tickets")
    await gate.store.api_keys.revoke(gate.prefixes[owner], NOW)
    after = await gate.send(f"/{owner}/tickets")

    assert (before.status, after.status) == (200, 401)


async def test_a_key_is_valid_until_it_expires(gate: Gate) -> None:
    key, _ = await make_key(gate.store, "north", expires_at=NOW + timedelta(hours=1))

    gate.time[0] += 3599.9
    before = await gate.send("/north/tickets", key=key)
    gate.time[0] += 0.1
    after = await gate.send("/north/tickets", key=key)

    assert (before.status, after.status) == (200, 401)


async def test_the_last_use_of_a_key_is_stored_to_the_minute(gate: Gate) -> None:
    noted = []
    for seconds in (0, 59, 1, 30):
        gate.time[0] += seconds
        await gate.send("/north/tickets")
        noted += [key.last_used_at for key in await gate.store.api_keys.list_all() if key.source == "north"]

    assert noted == [NOW, NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=60)]


async def test_failed_attempts_are_limited_and_a_valid_key_is_not(gate: Gate) -> None:
    await gate.send("/north/tickets")
    fresh, _ = await make_key(gate.store, "north")

    guesses = [await gate.send("/north/tickets", key=f"guess-{number}") for number in range(40)]
    known = await gate.send("/north/tickets")
    unseen = await gate.send("/north/tickets", key=fresh)
    gate.time[0] += 60
    later = await gate.send("/north/tickets", key=fresh)

    assert [guess.status for guess in guesses] == [401] * 30 + [429] * 10
    assert int(guesses[-1].headers["retry-after"]) == 60
    assert (known.status, unseen.status, later.status) == (200, 200, 200)


async def test_a_key_revoked_during_failed_attempts_is_invalid(gate: Gate) -> None:
    await gate.send("/north/tickets")
    for number in range(31):
        await gate.send("/north/tickets", key=f"guess-{number}")
    await gate.store.api_keys.revoke(gate.prefixes["north"], NOW)

    assert (await gate.send("/north/tickets")).status in (401, 429)
    assert len(await gate.kept()) == 1


async def test_guessing_through_a_key_check_is_limited_too(gate: Gate) -> None:
    statuses = [
        (await gate.send(f"/north/key/guess-{number}", None, method="GET", key="")).status
        for number in range(31)
    ]

    assert statuses == [200] * 30 + [429]


@BOTH
async def test_a_new_key_is_valid_at_once(gate: Gate, owner: str) -> None:
    key, _ = await make_key(gate.store, owner)

    assert (await gate.send(f"/{owner}/tickets", key=key)).status == 200


@BOTH
async def test_a_key_in_the_url_is_not_read(gate: Gate, owner: str) -> None:
    reply = await gate.send(f"/{owner}/tickets?x-api-key={gate.keys[owner]}", key="")

    assert reply.status == 401


@BOTH
async def test_the_key_is_checked_before_the_body(gate: Gate, owner: str) -> None:
    head = f"POST /{owner}/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n".encode()

    assert (await gate.raw(head)).status == 401


@BOTH
async def test_the_logs_contain_no_key_and_no_text_of_a_player(
    gate: Gate, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await gate.send(f"/{owner}/tickets")
    await gate.send(f"/{owner}/tickets", key="secret-guess")
    await gate.send(f"/{owner}/tickets", b'{"subject":"some words')
    await gate.send(f"/{owner}/broken", b"some words")
    await gate.raw(b"some words\r\n\r\n")

    (ticket,) = await gate.kept()
    assert f"Ticket {ticket.public_id} created" in caplog.text
    for hidden in ("some words", "A subject", "secret-guess", gate.keys[owner]):
        assert hidden not in caplog.text


async def test_a_database_failure_logs_no_key(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(gate.path) as foreign:
        foreign.execute("ALTER TABLE api_keys RENAME TO elsewhere")

    checked = await gate.send(f"/north/key/{gate.keys['north']}", None, method="GET", key="")
    found = await gate.send("/north/tickets/SECRET-WORDS", None, method="GET")

    assert (checked.status, found.status) == (500, 500)
    assert "/north/key/{key}" in [getattr(record, "path", None) for record in caplog.records]
    assert gate.keys["north"] not in caplog.text
    assert "SECRET-WORDS" not in caplog.text
