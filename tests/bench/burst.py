"""A burst of reports into one channel, posted by the real discord.py through the sandbox's rate limits."""

import asyncio
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from bot.sandbox import Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import DEFAULT_LIMITS, RateLimit
from tests.bench.load import Load, run_load
from tests.bench.plan import Bench
from tests.bench.process import running
from tests.bench.report_table import Report, Table, percentile
from tests.bench.seed_workspace import BridgeFolder, create_bridge_folder
from tests.bench.serving import MINECRAFT, ROBLOX, Contract
from tests.support.burst_harness import shown_in

_DIGEST = 10  # embeds, the most that Discord allows in a message
_ROUTE = "POST /channels/{id}/messages"
_CHANNEL = "reports"
_PATIENCE = 20  # times as long as the rate limit allows it to take


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the channel shows at the end."""

    messages: int
    urgent: int  # tickets
    urgent_within: int  # the first so many messages show every urgent ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How fast a burst was posted."""

    accepted_in: float  # seconds from the first request until the last ticket was acknowledged
    seconds: float  # from the first request until the last ticket was shown
    allowed: float  # seconds that the rate limit alone takes for ten tickets a message
    shown: Shown
    presses: list[float]  # seconds of each press of a button while the tickets came in
    wrong: list[str]


async def burst(bench: Bench) -> Report:
    """Run a burst with Discord's rate limits."""
    bench.step(f"burst: {bench.plan.burst:,} tickets into one channel")
    drained = await drain(bench)
    line = [
        f"{bench.plan.burst:,}",
        f"{drained.accepted_in:.2f}",
        f"{drained.seconds:.1f}",
        f"{drained.allowed:.1f}",
        f"{drained.seconds / drained.allowed:.2f}",
        str(drained.shown.messages),
        f"{drained.shown.urgent} within the first {drained.shown.urgent_within}",
        f"{percentile(drained.presses, 50) * 1e3:.0f} / {percentile(drained.presses, 99) * 1e3:.0f} "
        f"of {len(drained.presses)}",
    ]
    head = [
        "tickets",
        "all acknowledged after (s)",
        "all shown after (s)",
        "the rate limit takes (s)",
        "ratio",
        "messages",
        "urgent ones shown",
        "a button, p50 / p99 (ms)",
    ]
    limit = DEFAULT_LIMITS[_ROUTE]
    notes = [
        f"The rate limit: {limit.requests} messages every {limit.per:g} s in one channel, and {_DIGEST} "
        "tickets in each message, the urgent ones apart from the others. What was posted before the channel "
        "was crowded has messages of its own, which that does not count. While the tickets come in, a "
        "moderator presses Claim and Unclaim of another ticket, again as soon as the press is confirmed. "
        "One burst."
    ]
    table = Table(title="A burst into one channel", head=head, rows=[line], notes=notes)
    return Report(tables=[table], wrong=drained.wrong)


async def drain(bench: Bench, buckets: Mapping[str, RateLimit] | None = None) -> Drained:
    """`buckets` change the sandbox's rate limits."""
    folder, plan = bench.new_folder("burst"), bench.plan
    sandbox = Sandbox(rate_limits=buckets or True)
    guild = demo_guild(sandbox)
    limit = (dict(DEFAULT_LIMITS) | dict(buckets or {}))[_ROUTE]
    allowed = plan.burst / _DIGEST / limit.requests * limit.per
    async with sandbox.serve():
        bridge = await create_bridge_folder(folder, sandbox, guild)
        command = [sys.executable, "-m", "tests.bench.run_bridge", str(folder)]
        async with running(command, bench.cores, port=bridge.port, folder=folder, database=bridge.database):
            await connected(sandbox)
            post = await _post_ticket(bridge, sandbox)
            presses: list[float] = []
            pressing = asyncio.create_task(_press_repeatedly(sandbox, post, presses))
            started_at = time.monotonic()
            loads = await _file(bench, bridge)
            accepted_in = time.monotonic() - started_at
            pressing.cancel()
            await asyncio.wait([pressing])
            left = await _drained(bridge.database, started_at + _PATIENCE * allowed + 30)
            seconds = time.monotonic() - started_at
    wrong = [wrong for load in loads if (wrong := load.wrong(load.accepted))]
    if left:
        wrong.append(f"{left} tickets of the burst were not posted.")
    seen = shown(sandbox, bridge.database, plan.burst, wrong)
    return Drained(
        accepted_in=accepted_in, seconds=seconds, allowed=allowed, shown=seen, presses=presses, wrong=wrong
    )


async def _post_ticket(bridge: BridgeFolder, sandbox: Sandbox) -> Mapping[str, Any]:
    """A ticket outside of the burst: its message in Discord."""
    await _send_one(bridge)
    async with asyncio.timeout(60):
        while not sandbox.messages("tickets"):  # noqa: ASYNC110 - the sandbox's, which has no event for it
            await asyncio.sleep(0.05)
    post: Mapping[str, Any] = sandbox.messages("tickets")[0]
    return post


async def _send_one(bridge: BridgeFolder) -> None:
    """Send one ticket."""
    headers = {MINECRAFT.header: bridge.keys["modl"]}
    url = f"http://127.0.0.1:{bridge.port}{MINECRAFT.path}"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json=dict(MINECRAFT.body)) as response,
    ):
        response.raise_for_status()


async def _press_repeatedly(sandbox: Sandbox, post: Mapping[str, Any], seconds: list[float]) -> None:
    """Press Claim and Unclaim in turns until cancelled; `seconds` gets the time to each confirmation."""
    ids = [button["custom_id"] for row in post["components"] for button in row["components"]]
    (claim,) = (custom_id for custom_id in ids if ":claim:" in custom_id)
    for custom_id in cycle((claim, claim.replace(":claim:", ":unclaim:"))):
        started_at = time.perf_counter()
        # Forged: the post may still show the other button, because Discord limits its edits.
        await sandbox.press("mia", int(post["id"]), custom_id, forge=True)
        seconds.append(time.perf_counter() - started_at)


async def connected(sandbox: Sandbox) -> None:
    """Wait until the bot has a session and has set itself up."""
    async with asyncio.timeout(60):
        while not sandbox.state.gateway.sessions:  # noqa: ASYNC110 - the sandbox's, which has no event for it
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def _file(bench: Bench, bridge: BridgeFolder) -> list[Load]:
    """Send the tickets, with the urgent ones spread evenly among the others."""
    plan, loads = bench.plan, []
    shares = max(1, min(5, plan.urgent))
    for number in range(shares):
        urgent = len(range(number, plan.urgent, shares))
        others = len(range(number, plan.burst - plan.urgent, shares))
        for priority, count in (("medium", others), ("urgent", urgent)):
            loads.append(await _send(bench, bridge, priority, count))
    return loads


async def _send(bench: Bench, bridge: BridgeFolder, priority: str, count: int) -> Load:
    body = dict(ROBLOX.body) | {"priority": priority}
    contract: Contract = replace(ROBLOX, body=body)
    load_spec = contract.load_spec(
        bridge.port, bridge.keys["series"], connections=min(32, max(1, count)), warm=0.0, seconds=60.0
    )
    return await run_load(replace(load_spec, requests=count), bench.cores)


async def _drained(database: Path, deadline: float) -> int:
    """Wait until no delivery is pending; the number that still is after too long."""
    with closing(sqlite3.connect(database, timeout=60)) as db:
        while True:
            (left,) = db.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()
            if not left or time.monotonic() > deadline:
                return int(left)
            await asyncio.sleep(0.05)


def shown(sandbox: Sandbox, database: Path, tickets: int, wrong: list[str]) -> Shown:
    """Check that every ticket is stored, and shown once; what is not is added to `wrong`."""
    posts = [shown_in(message) for message in sandbox.messages(_CHANNEL)]
    times = Counter(name for post in posts for name in post)
    with closing(sqlite3.connect(database)) as db:
        priorities = dict(
            db.execute(
                "SELECT public_id, priority FROM tickets WHERE source = :source", {"source": ROBLOX.source}
            )
        )
    urgent = {name for name, priority in priorities.items() if priority == "urgent"}
    if len(priorities) != tickets:
        wrong.append(f"{tickets} tickets were filed in the burst, and {len(priorities)} are in the file.")
    if times != Counter(dict.fromkeys(priorities, 1)):
        wrong.append(f"of {len(priorities)} tickets {len(times)} are shown, {times.total()} times in all.")
    last = max((place for place, post in enumerate(posts, 1) if urgent & set(post)), default=0)
    return Shown(messages=len(posts), urgent=len(urgent), urgent_within=last)
