"""The client's address: only trusted proxies are believed."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from bot.webhook import IdempotencyPolicy, TrustedProxies
from storage import Store
from tests.webhook.conftest import standing

LOOPBACK = TrustedProxies([ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")])


async def test_behind_a_trusted_proxy_each_client_has_its_own_rate_limit(
    store: Store, tmp_path: Path
) -> None:
    async with standing(store, tmp_path, IdempotencyPolicy(), LOOPBACK) as gate:
        one, two = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2, 10.0.0.7"}
        for _ in range(20):
            assert (await gate.send("/south/tickets", headers=one)).status == 200

        assert (await gate.send("/south/tickets", headers=one)).status == 429
        assert (await gate.send("/south/tickets", headers=two)).status == 200


@pytest.mark.parametrize(
    ("forwarded", "proxies"),
    [
        ("192.0.2.{n}", TrustedProxies()),  # no proxy is trusted
        ("192.0.2.{n}", TrustedProxies([ip_network("10.0.0.0/8")])),  # the one that asks is not
        ("192.0.2.{n}, 198.51.100.1", LOOPBACK),  # what a client says of itself, before what the proxy says
        ("nonsense-{n}", LOOPBACK),
        ("nonsense-{n}, 10.0.0.7", LOOPBACK),
    ],
)
async def test_a_forged_x_forwarded_for_does_not_evade_the_rate_limit(
    store: Store, tmp_path: Path, forwarded: str, proxies: TrustedProxies
) -> None:
    async with standing(store, tmp_path, IdempotencyPolicy(), proxies) as gate:
        statuses = [
            (await gate.send("/south/tickets", headers={"X-Forwarded-For": forwarded.format(n=n)})).status
            for n in range(21)
        ]

    assert statuses == [200] * 20 + [429]


async def test_contradictory_headers_do_not_evade_the_rate_limit(store: Store, tmp_path: Path) -> None:
    async with standing(store, tmp_path, IdempotencyPolicy(), LOOPBACK) as gate:
        statuses = [
            (
                await gate.send(
                    "/south/tickets",
                    headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": f"for=198.51.100.{n}"},
                )
            ).status
            for n in range(21)
        ]

    assert statuses == [200] * 20 + [429]
