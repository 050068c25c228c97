"""Health checks and metrics: who may read them, and how requests fail while the database does."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from bot.webhook import IdempotencyPolicy, TrustedProxies
from bot.webhook.client_ip import Network
from bot.webhook.health import NoObservability
from storage import Store, open_store
from tests.support.bridge_harness import wait_for
from tests.support.connections import writer_of
from tests.webhook.conftest import Gate, Reply, standing

HERE = (ip_network("127.0.0.0/8"),)
ELSEWHERE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
BEHIND = TrustedProxies(HERE)
LARGE = b'{"subject":"A subject","body":"%s"}' % (b"some words " * 3000)
AGAIN = IdempotencyPolicy(body_ttl=timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(NoObservability):
    """A bridge that is not ready, and counts its responses."""

    responses: list[tuple[str, str, int]] = field(default_factory=list)

    async def unready_reasons(self) -> Sequence[str]:
        return ["Discord: not connected."]

    async def render_metrics(self) -> bytes:
        return b"figures 1\n"

    def on_response(self, source: str, path: str, status: int, seconds: float) -> None:
        assert seconds > 0
        self.responses.append((source, path, status))


WATCH = Disconnected(allowed_networks=HERE)


async def got(gate: Gate, path: str, **headers: str) -> Reply:
    return await gate.send(path, None, method="GET", headers=headers)


async def fill_up(store: Store) -> None:
    """Let the database file grow no more."""
    (row,) = await writer_of(store).execute_fetchall("PRAGMA page_count")
    await writer_of(store).execute(f"PRAGMA max_page_count = {row[0]}")


async def free_space(store: Store) -> None:
    await writer_of(store).execute("PRAGMA max_page_count = 1000000")


async def refused(gate: Gate, path: str) -> Reply:
    """The first error on a full disk."""
    for _ in range(50):
        gate.time[0] += 60
        reply = await gate.send(path, LARGE)
        if reply.status != 200:
            return reply
    raise AssertionError("the disk is never full")


async def test_healthz_is_200_once_tickets_are_accepted(gate: Gate) -> None:
    reply = await got(gate, "/healthz")

    assert (reply.status, reply.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("owner", ["north", "south"])
async def test_500_with_a_time_to_retry_while_the_disk_is_full(gate: Gate, owner: str) -> None:
    await fill_up(gate.store)

    reply = await refused(gate, f"/{owner}/tickets")

    assert reply.status == 500
    assert reply.refuses(owner) == "Something failed on our side. Try again in a moment."
    assert reply.headers["retry-after"] == "5"


async def test_healthz_names_a_full_disk_and_recovers_by_itself(gate: Gate) -> None:
    await fill_up(gate.store)
    await refused(gate, "/north/tickets")
    kept = len(await gate.kept())
    reply = await got(gate, "/healthz")
    assert reply.status == 503
    assert reply.json["status"] == "degraded"
    assert "the disk is full" in str(reply.json["reason"])

    await free_space(gate.store)

    async def is_well() -> bool:
        return (await got(gate, "/healthz")).status == 200

    await wait_for(is_well, seconds=60)
    assert (await gate.send("/north/tickets", LARGE)).status == 200
    assert len(await gate.kept()) == kept + 1


async def test_500_while_another_program_locks_the_database_and_no_ticket_is_stored(
    store: Store, tmp_path: Path
) -> None:
    await store.close()
    hasty = await open_store(tmp_path / "tickets.db", busy_timeout=0.8)
    async with standing(hasty, tmp_path, AGAIN) as gate:
        for owner in ("north", "south"):
            assert (await gate.send(f"/{owner}/tickets")).status == 200
        with closing(sqlite3.connect(gate.path, isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")

            replies = await asyncio.gather(
                *(gate.send(f"/{owner}/tickets") for owner in 4 * ["north", "south"])
            )

            assert {reply.status for reply in replies} == {500}
            assert (await got(gate, "/healthz")).status == 503
        assert len(await gate.kept()) == 2
    await hasty.close()


async def test_503_for_requests_beyond_the_write_queue_and_the_others_are_stored(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.engine.MAX_QUEUE", 3)
    async with standing(store, tmp_path, AGAIN) as gate:
        assert (await gate.send("/south/tickets")).status == 200
        with closing(sqlite3.connect(gate.path, isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            sent = [asyncio.create_task(gate.send("/south/tickets")) for _ in range(8)]
            await wait_for(lambda: sum(task.done() for task in sent) == 5)
            foreign.execute("ROLLBACK")

        replies = await asyncio.gather(*sent)

        assert sorted(reply.status for reply in replies) == [200] * 3 + [503] * 5
        for reply in replies:
            if reply.status == 503:
                assert reply.headers["retry-after"] == "5"
                assert reply.refuses("south") == "Too much at once. Try again in a moment."
        assert len(await gate.kept()) == 4


async def test_readyz_is_public_and_its_reasons_are_for_the_allowed_networks(
    store: Store, tmp_path: Path
) -> None:
    async with standing(store, tmp_path, AGAIN, watch=WATCH) as gate:
        reply = await got(gate, "/readyz")
        assert (reply.status, reply.json) == (503, {"ready": False, "reasons": ["Discord: not connected."]})
    async with standing(store, tmp_path, AGAIN, watch=replace(WATCH, allowed_networks=ELSEWHERE)) as gate:
        reply = await got(gate, "/readyz")
        assert (reply.status, reply.json) == (503, {"ready": False})


async def test_readyz_fails_while_the_database_cannot_store_tickets(store: Store, tmp_path: Path) -> None:
    async with standing(store, tmp_path, AGAIN, watch=NoObservability(allowed_networks=HERE)) as gate:
        assert (await got(gate, "/readyz")).json == {"ready": True, "reasons": []}
        await fill_up(store)
        await refused(gate, "/north/tickets")

        reply = await got(gate, "/readyz")

        assert reply.status == 503
        assert "the disk is full" in str(reply.json["reasons"])


async def test_metrics_are_text_for_the_allowed_networks_and_403_for_others(
    store: Store, tmp_path: Path
) -> None:
    async with standing(store, tmp_path, AGAIN, watch=WATCH) as gate:
        reply = await got(gate, "/metrics")
        assert (reply.status, reply.body) == (200, b"figures 1\n")
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    async with standing(store, tmp_path, AGAIN, watch=replace(WATCH, allowed_networks=ELSEWHERE)) as gate:
        reply = await got(gate, "/metrics")
        assert reply.status == 403
        assert b"figures" not in reply.body
        assert "metrics_allowed_networks" in reply.refuses(None)


@pytest.mark.parametrize(
    ("proxies", "readers", "headers", "status"),
    [
        (TrustedProxies(), HERE, {"X-Forwarded-For": "192.0.2.1"}, 403),  # no proxy is trusted
        (TrustedProxies(), HERE, {"X-Forwarded-For": "127.0.0.1"}, 403),
        (TrustedProxies(), HERE, {"Forwarded": "for=127.0.0.1"}, 403),
        (BEHIND, HERE, {}, 200),  # from this machine itself
        (BEHIND, HERE, {"X-Forwarded-For": "192.0.2.1"}, 403),
        (BEHIND, HERE, {"X-Forwarded-For": "127.0.0.1, 192.0.2.1"}, 403),
        (BEHIND, HERE, {"X-Forwarded-For": "127.0.0.1"}, 200),
        (BEHIND, HERE, {"X-Forwarded-For": "unknown"}, 403),
        (BEHIND, HERE, {"X-Forwarded-For": ""}, 403),
        (BEHIND, ELSEWHERE, {"X-Forwarded-For": "192.0.2.1"}, 200),
        (BEHIND, ELSEWHERE, {"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}, 200),
        (BEHIND, ELSEWHERE, {"X-Forwarded-For": "192.0.2.1, 10.0.0.1"}, 403),
        (BEHIND, ELSEWHERE, {"Forwarded": "for=192.0.2.1:4711;proto=https"}, 200),
        (BEHIND, ELSEWHERE, {"Forwarded": 'for="[2001:db8::1]:80"'}, 200),
        (BEHIND, ELSEWHERE, {"Forwarded": "for=192.0.2.1, for=10.0.0.1"}, 403),
        (BEHIND, ELSEWHERE, {"Forwarded": "for=_hidden"}, 403),
        (BEHIND, ELSEWHERE, {"Forwarded": "proto=https"}, 403),
        (BEHIND, ELSEWHERE, {"Forwarded": "for=192.0.2.1", "X-Forwarded-For": "192.0.2.2"}, 403),
    ],
)
async def test_a_forwarded_request_has_the_address_that_a_trusted_proxy_names(
    store: Store,
    tmp_path: Path,
    proxies: TrustedProxies,
    readers: Sequence[Network],
    headers: dict[str, str],
    status: int,
) -> None:
    watch = replace(WATCH, allowed_networks=readers)
    async with standing(store, tmp_path, AGAIN, proxies, watch) as gate:
        assert (await got(gate, "/metrics", **headers)).status == status
        assert ("reasons" in (await got(gate, "/readyz", **headers)).json) is (status == 200)


async def test_every_response_is_reported_by_source_and_route(store: Store, tmp_path: Path) -> None:
    watch = Disconnected()
    async with standing(store, tmp_path, AGAIN, watch=watch) as gate:
        await gate.send("/north/tickets")
        await gate.send("/north/tickets", key="wrong")
        await got(gate, "/north/tickets/SECRET")
        await gate.send("/south/broken")
        await got(gate, "/SECRET")

    assert watch.responses == [
        ("north", "/north/tickets", 200),
        ("north", "/north/tickets", 401),
        ("north", "/north/tickets/{id}", 404),
        ("south", "/south/broken", 500),
        ("", "an unknown path", 404),
    ]
