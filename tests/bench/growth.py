"""Growth: the same intake and the same queries over few tickets and over many."""

import asyncio
import json
import shutil
import sys
from collections import defaultdict

from tests.bench.cores import on
from tests.bench.load import ROOT, LoadFailed
from tests.bench.measuring import measure
from tests.bench.plan import Bench
from tests.bench.process import DidNotStart, running
from tests.bench.report_table import Report, Runs, Table
from tests.bench.seed_database import create_seeded_folder, to_disk
from tests.bench.seed_workspace import BridgeFolder
from tests.bench.serving import MINECRAFT, RunningServer

_CONNECTIONS = 32
_INTAKE = f"intake, {_CONNECTIONS} connections (requests/s)"
_START = "start until it listens"
_SIZE = "size on the disk, a ticket (bytes)"
_Found = dict[str, dict[int, dict[int, float]]]  # by query, by tickets stored, by round


async def growth(bench: Bench) -> Report:
    """Measure every size of the plan, smallest first, and largest first in every second round."""
    report, bridge = Report(), {}
    for size in bench.plan.sizes:
        bench.step(f"growth: making {size:,} tickets")
        bridge[size] = await create_seeded_folder(bench.new_folder("stored"), size)
    found: _Found = defaultdict(lambda: defaultdict(dict))
    for number in range(bench.plan.rounds):
        sizes = bench.plan.sizes if number % 2 == 0 else bench.plan.sizes[::-1]
        for size in sizes:
            bench.step(f"growth, round {number + 1}: {size:,} tickets")
            for question, seconds in (await _measure_queries(bench, bridge[size])).items():
                found[question][size][number] = seconds
            found[_SIZE][size][number] = bridge[size].database.stat().st_size / size
            await _measure_intake(bench, bridge[size], size, number, found, report.wrong)
    report.tables.append(_table(bench, found))
    return report


async def _measure_queries(bench: Bench, bridge: BridgeFolder) -> dict[str, float]:
    with on(bench.cores.server):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.store_queries", str(bridge.database), str(bench.plan.samples),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
    output, _ = await process.communicate()
    seconds: dict[str, float] = json.loads(output)
    return seconds


async def _measure_intake(
    bench: Bench, bridge: BridgeFolder, size: int, number: int, found: _Found, wrong: list[str]
) -> None:
    """Measure the intake over a copy, so that every round starts with the same number of tickets."""
    folder = bench.new_folder("copy")
    moved = bridge.at(folder)
    shutil.copyfile(bridge.database, moved.database)
    to_disk(moved.database)
    command = [sys.executable, "-m", "tests.bench.run_bridge", str(folder)]
    try:
        async with running(
            command, bench.cores, port=moved.port, folder=folder, database=moved.database
        ) as process:
            served = RunningServer(process=process, key=moved.keys["modl"])
            one = await measure(bench, served, MINECRAFT, _CONNECTIONS)
            found[_START][size][number] = process.seconds
    except (DidNotStart, LoadFailed) as error:
        wrong.append(f"intake over {size:,} tickets, round {number + 1}: {error}")
    else:
        if one.wrong is None:
            found[_INTAKE][size][number] = one.load.rate
        else:
            wrong.append(f"intake over {size:,} tickets, round {number + 1}: {one.wrong}.")
    finally:
        shutil.rmtree(folder)


def _table(bench: Bench, found: _Found) -> Table:
    sizes = bench.plan.sizes
    least, most = sizes[0], sizes[-1]
    rows = []
    for question in sorted(found, key=lambda one: (one != _INTAKE, one == _START, one == _SIZE)):
        by_size = found[question]
        scale, form = (1.0, ",.0f") if question in (_INTAKE, _SIZE) else (1e3, ",.2f")
        cells = [
            Runs(tuple(by_size[size].values())).shown(form, scale) if by_size[size] else "-" for size in sizes
        ]
        shared = sorted(by_size[least].keys() & by_size[most].keys())
        ratio = Runs(tuple(by_size[most][number] / by_size[least][number] for number in shared))
        rows.append([question, *cells, ratio.shown(".2f") if shared else "-"])
    head = [
        "milliseconds, but for intake and size",
        *(f"{size:,}" for size in sizes),
        f"{most:,} over {least:,}",
    ]
    notes = ["Questions are asked of the store itself, one at a time, without HTTP or Discord around them."]
    return Table(title="Growth: the same with more tickets stored", head=head, rows=rows, notes=notes)
