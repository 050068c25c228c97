"""A flood of keys that open nothing: refused, and remembered nowhere."""

import asyncio
from collections import Counter

from bot.sources.registry import load_sources
from tests.proofs.fuzz import Served, served
from tests.webhook.conftest import Reply, read_reply

FLOOD = 6000  # requests, each with a key of its own
GROWTH = 10.0  # MB


async def _send(server: Served, keys: list[str], statuses: Counter[int]) -> None:
    """One connection, a request for each key. The path and header are of whichever source limits keys."""
    source = next(one for one in load_sources().values() if one.rate_limit.per == "key")
    path = source.intake_endpoints[0].path
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for key in keys:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{source.key_headers[0]}: {key}\r\n"
        writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())
        reply: Reply = await read_reply(reader)
        statuses[reply.status] += 1
    writer.close()


async def test_bogus_keys_cost_nothing_that_lasts() -> None:
    statuses: Counter[int] = Counter()
    source = next(one for one in load_sources().values() if one.rate_limit.per == "key")
    async with served() as server:
        await _send(server, [server.keys[source.name]], Counter())
        await _send(server, [f"tb_early_{number}" for number in range(500)], statuses)
        before = server.memory()
        lines = [[f"tb_{line}_{number}" * 10 for number in range(FLOOD // 8)] for line in range(8)]
        await asyncio.gather(*(_send(server, keys, statuses) for keys in lines))
        grown = server.memory() - before
        known: Counter[int] = Counter()
        await _send(server, [server.keys[source.name]], known)

    assert statuses[401] + statuses[429] == FLOOD + 500
    assert statuses[401] <= 60  # 30 a minute; the rest is told to wait
    assert grown <= GROWTH
    assert known[401] == known[429] == 0
