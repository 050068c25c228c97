"""Benchmark: `python -m tests.bench [--short]`, the same as `make bench` and `make bench-short`.

Everything on one machine, the server on one core and the clients on the others. What it finds is printed;
with --page it is also written into that page, between its markers, with a chart beside it.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as Drawn

from tests.bench import chart, cores, wrk
from tests.bench.burst import burst
from tests.bench.growth import growth
from tests.bench.page import as_markdown, circumstances, with_figures
from tests.bench.plan import FULL, SHORT, Bench
from tests.bench.report_table import Report, Table
from tests.bench.serving import install_node_peer
from tests.bench.side_by_side import side_by_side, wire_forms
from tests.bench.starting import starting

PARTS: dict[str, Callable[[Bench], Awaitable[Report]]] = {
    "side-by-side": side_by_side,
    "protobuf": wire_forms,
    "growth": growth,
    "burst": burst,
    "starting": starting,
}


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--short", action="store_true", help="fewer rounds, shorter ones, fewer tickets")
    options.add_argument("--only", choices=PARTS, action="append", help="this part; may be given again")
    options.add_argument("--rounds", type=int, help="of everything that is compared")
    options.add_argument(
        "--client", choices=("wrk", "own"), help="what makes the load; wrk if it is installed"
    )
    options.add_argument(
        "--node", type=Path, help="a folder for the peer in node, to keep what was installed"
    )
    options.add_argument("--page", type=Path, help="write the figures into this page")
    return options.parse_args()


async def run(bench: Bench, parts: list[str]) -> Report:
    """Run one part after the other."""
    report = Report()
    for name in parts:
        report.add(await PARTS[name](bench))
    return report


def _measure(options: argparse.Namespace, console: Console) -> tuple[Report, list[str]]:
    plan = SHORT if options.short else FULL
    plan = replace(plan, rounds=options.rounds) if options.rounds else plan
    parts = options.only or list(PARTS)
    with_wrk = options.client == "wrk" or (options.client is None and wrk.installed())
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="ticketbridge-bench-") as folder,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("getting ready")
        modules = (
            install_node_peer(options.node or Path(folder) / "node") if "side-by-side" in parts else None
        )
        bench = Bench(
            plan=plan,
            cores=cores.split(),
            folder=Path(folder),
            wrk=with_wrk,
            node_modules=modules,
            step=lambda what: progress.update(task, description=what),
        )
        with cores.on(bench.cores.client):  # the sandbox is on the clients' side
            report = asyncio.run(run(bench, parts))
    client = "wrk" if with_wrk else "the client in tests/bench/client.py"
    command = ["python", "-m", "tests.bench", *sys.argv[1:]]
    return report, circumstances(command, date.today(), str(bench.cores), client, plan.rounds)


def _write(page: Path, report: Report, lines: list[str]) -> None:
    picture = page.with_suffix(".svg") if report.bars and chart.drawable() else None
    if picture:
        chart.draw(report.bars, picture)
    figures = as_markdown(report, lines, picture.name if picture else None)
    page.write_text(with_figures(page.read_text(encoding="utf-8"), figures), encoding="utf-8")


def _draw_chart(table: Table) -> Drawn:
    drawn = Drawn(*table.head, title=table.title, title_justify="left", caption="\n".join(table.notes))
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def main() -> int:
    options, console = _options(), Console()
    report, lines = _measure(options, console)
    for line in lines:
        console.print(line, markup=False, highlight=False)
    for table in report.tables:
        console.print(_draw_chart(table))
    for wrong in report.wrong:
        console.print(f"left out: {wrong}", markup=False, highlight=False)
    if options.page:
        _write(options.page, report, lines)
    return 0 if report.tables else 1


if __name__ == "__main__":
    sys.exit(main())
