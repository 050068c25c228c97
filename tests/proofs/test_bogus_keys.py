"""A flood of invalid API keys is refused and uses no memory that stays."""

import asyncio
import time
from collections import Counter

from bot.sources.registry import load_sources
from tests.proofs.webhook_process import WebhookProcess, webhook_process
from tests.webhook.conftest import Reply, read_reply

FLOOD = 3000  # requests, each with a key of its own
KEY_LENGTH = 5000  # so that leaked keys would be 15 MB
GROWTH = 8.0  # MB


async def _send(server: WebhookProcess, keys: list[str], statuses: Counter[int]) -> None:
    """Send a request for each key on one connection, to a source that limits requests per key."""
    source = next(one for one in load_sources().values() if one.rate_limit.per == "key")
    path = source.intake_endpoints[0].path
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for key in keys:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{source.key_headers[0]}: {key}\r\n"
        writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())
        reply: Reply = await read_reply(reader)
        statuses[reply.status] += 1
    writer.close()


async def test_invalid_keys_use_no_memory_that_stays() -> None:
    statuses: Counter[int] = Counter()
    started_at = time.monotonic()
    source = next(one for one in load_sources().values() if one.rate_limit.per == "key")
    async with webhook_process() as server:
        await _send(server, [server.keys[source.name]], Counter())
        await _send(server, [f"tb_early_{number}" for number in range(500)], statuses)
        before = server.memory()
        lines = [
            [f"tb_{line}_{number}_".ljust(KEY_LENGTH, "x") for number in range(FLOOD // 8)]
            for line in range(8)
        ]
        await asyncio.gather(*(_send(server, keys, statuses) for keys in lines))
        grown = server.memory() - before
        valid: Counter[int] = Counter()
        await _send(server, [server.keys[source.name]], valid)

    assert statuses[401] + statuses[429] == FLOOD + 500
    minutes = int((time.monotonic() - started_at) / 60) + 2  # partial ones count
    assert statuses[401] <= 30 * minutes  # 30 a minute get a 401, all others a 429
    assert grown <= GROWTH
    assert valid[401] == valid[429] == 0
