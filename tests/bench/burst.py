"""A burst of reports into one channel, drained by the real discord.py through the stand-in's rate limits."""

import asyncio
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from bot.sandbox import Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import DEFAULT_LIMITS, RateLimit
from tests.bench.load import Load, put_on
from tests.bench.plan import Bench
from tests.bench.process import running
from tests.bench.report_table import Report, Table
from tests.bench.seed_workspace import Premises, furnished
from tests.bench.serving import ROBLOX, Contract
from tests.support.burst_harness import shown_in

_DIGEST = 10  # embeds, the most Discord takes in a message
_ROUTE = "POST /channels/{id}/messages"
_CHANNEL = "reports"
_PATIENCE = 20  # times as long as the rate limit allows it to take


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the channel shows in the end."""

    messages: int
    urgent: int  # tickets
    urgent_within: int  # the first so many messages show every urgent ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a burst came on the screen."""

    accepted_in: float  # seconds from the first request until the last ticket was acknowledged
    seconds: float  # from the first request until the last ticket was shown
    allowed: float  # seconds that the rate limit alone takes for ten tickets a message
    shown: Shown
    wrong: list[str]


async def burst(bench: Bench) -> Report:
    """With the rate limits Discord has."""
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
    ]
    head = [
        "tickets",
        "all acknowledged after (s)",
        "all shown after (s)",
        "the rate limit takes (s)",
        "ratio",
        "messages",
        "urgent ones shown",
    ]
    limit = DEFAULT_LIMITS[_ROUTE]
    notes = [
        f"The rate limit: {limit.requests} messages every {limit.per:g} s in one channel, and {_DIGEST} "
        "tickets in each message, the urgent ones apart from the others. What was posted before the channel "
        "was crowded has messages of its own, which that does not count. One burst."
    ]
    table = Table(title="A burst into one channel", head=head, rows=[line], notes=notes)
    return Report(tables=[table], wrong=drained.wrong)


async def drain(bench: Bench, buckets: Mapping[str, RateLimit] | None = None) -> Drained:
    """`buckets` change the stand-in's rate limits."""
    folder, plan = bench.new_folder("burst"), bench.plan
    sandbox = Sandbox(rate_limits=buckets or True)
    guild = demo_guild(sandbox)
    limit = (dict(DEFAULT_LIMITS) | dict(buckets or {}))[_ROUTE]
    allowed = plan.burst / _DIGEST / limit.requests * limit.per
    async with sandbox.serve():
        premises = await furnished(folder, sandbox, guild)
        command = [sys.executable, "-m", "tests.bench.bridged", str(folder)]
        async with running(
            command, bench.cores, port=premises.port, folder=folder, database=premises.database
        ):
            await connected(sandbox)
            begun = time.monotonic()
            loads = await _file(bench, premises)
            accepted_in = time.monotonic() - begun
            left = await _drained(premises.database, begun + _PATIENCE * allowed + 30)
            seconds = time.monotonic() - begun
    wrong = [wrong for load in loads if (wrong := load.wrong(load.accepted))]
    if left:
        wrong.append(f"{left} tickets of the burst were not posted.")
    seen = shown(sandbox, premises.database, plan.burst, wrong)
    return Drained(accepted_in=accepted_in, seconds=seconds, allowed=allowed, shown=seen, wrong=wrong)


async def connected(sandbox: Sandbox) -> None:
    """Returns once the bot has a session, and had a moment to set itself up."""
    async with asyncio.timeout(60):
        while not sandbox.state.gateway.sessions:  # noqa: ASYNC110 - it is the stand-in's, and tells nobody
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def _file(bench: Bench, premises: Premises) -> list[Load]:
    """The urgent ones among the others: a share of them after each share of those."""
    plan, loads = bench.plan, []
    shares = max(1, min(5, plan.urgent))
    for number in range(shares):
        urgent = len(range(number, plan.urgent, shares))
        others = len(range(number, plan.burst - plan.urgent, shares))
        for priority, count in (("medium", others), ("urgent", urgent)):
            loads.append(await _send(bench, premises, priority, count))
    return loads


async def _send(bench: Bench, premises: Premises, priority: str, count: int) -> Load:
    body = dict(ROBLOX.body) | {"priority": priority}
    contract: Contract = replace(ROBLOX, body=body)
    errand = contract.errand(
        premises.port, premises.keys["series"], connections=min(32, max(1, count)), warm=0.0, seconds=60.0
    )
    return await put_on(replace(errand, requests=count), bench.cores)


async def _drained(database: Path, until: float) -> int:
    """Returns once nothing waits for Discord; how much still does if that takes too long."""
    with closing(sqlite3.connect(database, timeout=60)) as db:
        while True:
            (left,) = db.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()
            if not left or time.monotonic() > until:
                return int(left)
            await asyncio.sleep(0.05)


def shown(sandbox: Sandbox, database: Path, tickets: int, wrong: list[str]) -> Shown:
    """Every ticket must be in the file, and shown once; what is not so is added to `wrong`."""
    posts = [shown_in(message) for message in sandbox.messages(_CHANNEL)]
    times = Counter(name for post in posts for name in post)
    with closing(sqlite3.connect(database)) as db:
        priorities = dict(db.execute("SELECT public_id, priority FROM tickets"))
    urgent = {name for name, priority in priorities.items() if priority == "urgent"}
    if len(priorities) != tickets:
        wrong.append(f"{tickets} tickets were filed in the burst, and {len(priorities)} are in the file.")
    if times != Counter(dict.fromkeys(priorities, 1)):
        wrong.append(f"of {len(priorities)} tickets {len(times)} are shown, {times.total()} times in all.")
    last = max((place for place, post in enumerate(posts, 1) if urgent & set(post)), default=0)
    return Shown(messages=len(posts), urgent=len(urgent), urgent_within=last)
