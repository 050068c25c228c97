"""Measures start-up and memory of the bridge, and the packages that take most of both."""

import asyncio
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from bot.sandbox import Sandbox, demo_guild
from tests.bench.burst import connected
from tests.bench.client import Client
from tests.bench.cores import on
from tests.bench.imports import PYTHON
from tests.bench.load import ROOT
from tests.bench.measuring import measure
from tests.bench.plan import Bench
from tests.bench.process import running
from tests.bench.report_table import Report, Runs, Table
from tests.bench.seed_workspace import BridgeFolder, create_bridge_folder
from tests.bench.serving import MINECRAFT, RunningServer

_REST = "everything after the imports"
_CONNECTIONS = 128
_SHOWN = 3  # causes


async def starting(bench: Bench) -> Report:
    """Measure start-up to the first 2xx, memory idle and under load, and three causes of each."""
    report = Report()
    starts = [await _start(bench, number) for number in range(bench.plan.starts + 1)][
        1:
    ]  # the first run fills caches
    idle, loaded = await _memory(bench, report)
    seconds, held = await _causes(bench)
    total = statistics.median(starts)
    seconds[_REST], held[_REST] = total - sum(seconds.values()), idle - sum(held.values())
    rows = [
        [
            "start to the first accepted request (ms)",
            Runs(tuple(starts)).shown(scale=1e3),
            *_largest(seconds, total),
        ],
        ["memory, idle (MB)", f"{idle:.0f}", *_largest(held, idle)],
        [f"memory, at most, under load of {_CONNECTIONS} connections (MB)", f"{loaded:.0f}", "", "", ""],
    ]
    head = ["", "figure", "largest cause", "second", "third"]
    notes = [
        f"{len(starts)} starts, with Discord away; memory of a bridge that is connected to the stand-in. A "
        "package's share is what its own modules took when they were imported, without what they import."
    ]
    report.tables.append(Table(title="Start-up and memory", head=head, rows=rows, notes=notes))
    return report


async def _start(bench: Bench, number: int) -> float:
    """Seconds from the start of `ticketbridge run` over a small file to its first 2xx."""
    bench.step(f"start-up {number}")
    folder = bench.new_folder("start")
    bridge = await create_bridge_folder(folder)
    command = [sys.executable, "-m", "bot", "run", "--config", str(folder / "config.toml")]
    started_at = time.monotonic()
    async with running(command, bench.cores, port=bridge.port, folder=folder, database=bridge.database):
        _accepted(bridge)
        return time.monotonic() - started_at


def _accepted(bridge: BridgeFolder) -> None:
    """Create one ticket."""
    load_spec = MINECRAFT.load_spec(bridge.port, bridge.keys["modl"], connections=1, warm=0.0, seconds=30.0)
    answers = Client(replace(load_spec, requests=1)).run()
    assert answers.statuses.total() == 1, answers.statuses
    assert set(answers.statuses) == {"200"}, answers.statuses


async def _memory(bench: Bench, report: Report) -> tuple[float, float]:
    """MB idle and connected to Discord, and the peak until the end of a load."""
    bench.step("memory")
    folder, sandbox = bench.new_folder("memory"), Sandbox()
    guild = demo_guild(sandbox)
    async with sandbox.serve():
        bridge = await create_bridge_folder(folder, sandbox, guild)
        command = [sys.executable, "-m", "tests.bench.run_bridge", str(folder)]
        async with running(
            command, bench.cores, port=bridge.port, folder=folder, database=bridge.database
        ) as process:
            await connected(sandbox)
            await asyncio.sleep(bench.plan.idle_seconds)
            idle = process.megabytes()
            served = RunningServer(process=process, key=bridge.keys["modl"])
            one = await measure(bench, served, MINECRAFT, _CONNECTIONS)
            if one.wrong:
                report.wrong.append(f"memory under load: {one.wrong}.")
            return idle, process.megabytes("VmHWM")


async def _causes(bench: Bench) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds and megabytes by package, the medians of several processes."""
    seconds, held = defaultdict(list), defaultdict(list)
    for _ in range(bench.plan.starts):
        started_at = time.monotonic()
        await _run_json(bench, "-c", "pass")
        seconds[PYTHON].append(time.monotonic() - started_at)
        shares: dict[str, list[float]] = json.loads(
            await _run_json(bench, "-m", "tests.bench.imports", "bot.cli.run")
        )
        for package, (took, grew) in shares.items():
            held[package].append(grew)
            if package != PYTHON:
                seconds[package].append(took)
    return _medians(seconds), _medians(held)


async def _run_json(bench: Bench, *arguments: str) -> bytes:
    with on(bench.cores.server):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
    output, _ = await process.communicate()
    return output


def _medians(found: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in found.items()}


def _largest(shares: Mapping[str, float], total: float) -> list[str]:
    """The largest shares, as `discord 34 %`."""
    names = sorted(shares, key=lambda name: -shares[name])[:_SHOWN]
    return [f"{name}, {shares[name] / total:.0%}" for name in names]
