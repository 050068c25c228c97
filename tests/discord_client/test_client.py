"""Discord client: what it leaves behind when it is closed."""

import asyncio
from pathlib import Path
from typing import Any

from tests.support.bridge_harness import running_bridge, running_sandbox, wait_for


def waiting_for_guilds() -> "list[asyncio.Task[Any]]":
    """Tasks in which discord.py waits for the last guild before it dispatches `ready`."""
    return [task for task in asyncio.all_tasks() if "_delay_ready" in repr(task.get_coro())]


async def test_a_client_that_is_closed_before_it_was_ready_dispatches_nothing_later(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        async with running_bridge(tmp_path / "tickets.db", sandbox, guild):
            (task,) = await wait_for(waiting_for_guilds)

        await asyncio.wait([task])

    assert task.exception() is None
