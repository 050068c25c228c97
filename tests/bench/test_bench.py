"""Short forms of the benchmark's parts: they check what is measured, not how fast anything is."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from bot.sandbox import Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import RateLimit
from bot.tickets.queries import Scope, TicketPage
from tests.bench import chart, wrk
from tests.bench.burst import drain, shown
from tests.bench.cores import Cores, split
from tests.bench.growth import growth
from tests.bench.imports import OURS, PYTHON
from tests.bench.load import ROOT, Load, run_load
from tests.bench.measuring import measure
from tests.bench.page import BEGIN, END, NoMarkers, as_markdown, with_figures
from tests.bench.plan import SHORT, Bench
from tests.bench.process import Process, rows
from tests.bench.report_table import Bar, Report, Runs, Table
from tests.bench.seed_database import MODELS, PENDING, create_seeded_folder
from tests.bench.serving import (
    FASTAPI,
    IN_PROTOBUF,
    INTAKE,
    MINECRAFT,
    NOOP,
    ROBLOX,
    VALIDATE,
    RunningServer,
    Server,
)
from tests.bench.side_by_side import side_by_side, wire_forms
from tests.bench.store_queries import EMPTY_QUERIES, queries
from tests.storage.samples import HUB, NOW, counted, ids, new_ticket, opened

LOAD = Load(rate=10.0, p50=0.1, p99=0.2, accepted=10, different=10)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    plan = replace(SHORT, rounds=1, seconds=1.0, warm_seconds=0.0, connections=(1,), samples=2, burst=30)
    return Bench(plan=plan, cores=split(), folder=tmp_path, wrk=False, node_modules=None)


@asynccontextmanager
async def answering(*statuses: int) -> AsyncIterator[int]:
    """A server that answers with these statuses in turns; its port."""
    count = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=statuses[count % len(statuses)], body=str(count).encode())

    app = web.Application()
    app.router.add_post(MINECRAFT.path, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_every_answer_is_counted_by_its_status(bench: Bench) -> None:
    async with answering(200, 503) as port:
        load_spec = MINECRAFT.load_spec(port, "key", connections=3, warm=0.0, seconds=20.0)

        load = await run_load(replace(load_spec, requests=100), bench.cores)

    assert load.accepted == load.different == 50
    assert load.refused == Counter({"503": 50})
    assert load.wrong(None) == "not everything was accepted: 50 times 503, 0 broken connections"


@pytest.mark.parametrize(
    ("load", "stored", "wrong"),
    [
        (LOAD, 10, None),
        (LOAD, None, None),
        (LOAD, 9, "10 were accepted, and 9 are in the file"),
        (LOAD, 11, "10 were accepted, and 11 are in the file"),
        (replace(LOAD, unanswered=1), 11, None),
        (replace(LOAD, different=9), 10, "10 were accepted, with only 9 different answers"),
        (replace(LOAD, broken=1), 10, "not everything was accepted: no status, 1 broken connections"),
        (replace(LOAD, accepted=0), 0, "nothing was accepted"),
    ],
)
def test_a_run_that_does_not_add_up_is_not_counted(load: Load, stored: int | None, wrong: str | None) -> None:
    assert load.wrong(stored) == wrong


@pytest.mark.parametrize(
    "server",
    [
        INTAKE["series"],
        IN_PROTOBUF,
        pytest.param(
            FASTAPI,
            marks=pytest.mark.skipif(bool(FASTAPI.missing(None)), reason="the extra bench is not there"),
        ),
    ],
    ids=lambda server: str(server.name),
)
async def test_every_accepted_request_is_a_row_in_the_file(bench: Bench, server: Server) -> None:
    async with server.serve(bench.folder, bench.cores, loop="", node_modules=None) as served:
        one = await measure(bench, served, server.contract, 4)

        assert one.wrong is None
        assert one.load.accepted == rows(bench.folder / "tickets.db") > 0
        assert 0 < one.load.p50 <= one.load.p99
        assert os.sched_getaffinity(served.process.pid) == bench.cores.server
        if wrk.installed():
            by_wrk = await measure(replace(bench, wrk=True), served, server.contract, 4)

            assert by_wrk.wrong is None
            assert by_wrk.load.accepted > 0


async def test_a_server_that_stores_nothing_of_what_it_accepts_is_not_counted(bench: Bench) -> None:
    database = bench.folder / "tickets.db"
    async with opened(database), answering(200) as port:
        process = Process(
            pid=os.getpid(), port=port, database=database, log=bench.folder / "no.log", seconds=0.0
        )

        one = await measure(bench, RunningServer(process=process, key=""), MINECRAFT, 2)

    assert one.wrong == f"{one.load.accepted} were accepted, and 0 are in the file"


async def test_a_server_that_answers_errors_is_reported_without_figures(bench: Bench) -> None:
    keyless = replace(VALIDATE["modl"], name="keyless", contract=replace(MINECRAFT, header="X-No-Key"))

    report = await side_by_side(bench, [NOOP, keyless])

    rates, ratios, *_ = report.tables
    assert [row[0] for row in rates.rows] == [NOOP.name]
    assert ratios.rows == []
    assert [bar.name for bar in report.bars] == [NOOP.name]
    (wrong,) = report.wrong
    assert wrong.startswith("keyless, 1 connections, round 1: not everything was accepted: ")
    assert " times 401" in wrong


async def test_both_wire_forms_are_measured_in_the_same_run(bench: Bench) -> None:
    report = await wire_forms(bench)

    (table,) = report.tables
    assert report.wrong == []
    assert [row[0] for row in table.rows] == ["1"]
    assert len(table.rows[0]) == len(table.head)


async def test_a_seeded_database_has_what_its_queries_look_for(tmp_path: Path) -> None:
    bridge = await create_seeded_folder(tmp_path, 2 * MODELS + 1000)

    assert rows(bridge.database) == counted(bridge.database, "outbox") == 2 * MODELS + 1000
    async with opened(bridge.database) as store:
        (workspace,) = await store.workspaces.list_all()
        scope = Scope(workspace_id=workspace.id, source=ROBLOX.source)
        for name, query in queries(store, scope, 2 * MODELS + 1000).items():
            for number in range(3):
                answer = await query(number)
                found = answer.items if isinstance(answer, TicketPage) else answer
                # Page 40 and a player's open tickets may be empty where there are few.
                assert bool(found) == (name not in EMPTY_QUERIES) or "page" in name or "player" in name, name
        assert counted(bridge.database, "outbox WHERE state = 'pending'") == PENDING


async def test_growth_measures_the_same_over_every_size(bench: Bench) -> None:
    bench = replace(bench, plan=replace(bench.plan, sizes=(700, 1400)))

    report = await growth(bench)

    (table,) = report.tables
    assert report.wrong == []
    assert [len(row) for row in table.rows] == [4] * len(table.rows)
    assert not any("-" in row[1:] for row in table.rows)
    assert [rows(file) for file in sorted(bench.folder.glob("stored-*/tickets.db"))] == [700, 1400]


async def test_a_burst_is_posted_and_every_ticket_of_it_found(bench: Bench) -> None:
    fast = {"POST /channels/{id}/messages": RateLimit(requests=5, per=0.2)}

    drained = await drain(bench, fast)

    assert drained.wrong == []
    assert drained.allowed == 30 / 10 / 5 * 0.2
    assert 0 < drained.accepted_in <= drained.seconds
    assert drained.shown.urgent == bench.plan.urgent
    assert 1 <= drained.shown.urgent_within <= drained.shown.messages <= 30


async def test_a_ticket_of_a_burst_that_is_not_stored_or_not_shown_is_reported(tmp_path: Path) -> None:
    sandbox, wrong = Sandbox(), list[str]()
    demo_guild(sandbox)
    async with opened(tmp_path / "t.db") as store:
        workspace = await store.workspaces.add(HUB, NOW)
        await store.intake.add_ticket(workspace.id, new_ticket(source=ROBLOX.source), ids(), NOW)

    shown(sandbox, tmp_path / "t.db", 2, wrong)

    assert wrong == [
        "2 tickets were filed in the burst, and 1 are in the file.",
        "of 1 tickets 0 are shown, 0 times in all.",
    ]


def test_the_cost_of_imports_is_reported_by_package() -> None:
    command = [sys.executable, "-m", "tests.bench.imports", "bot.webhook"]
    costs = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)  # noqa: S603 - ours alone

    assert {OURS, PYTHON, "aiohttp", "pydantic"} <= costs.keys()
    assert all(seconds > 0 for package, (seconds, _) in costs.items() if package != PYTHON)


def test_runs_are_compared_round_by_round() -> None:
    ours, theirs = Runs((10.0, 40.0, 30.0)), Runs((5.0, 10.0, 10.0))

    assert ours.shown() == "30 (10 to 40)"
    assert ours.over(theirs).shown(".1f") == "3.0 (2.0 to 4.0)"


def test_figures_replace_the_old_ones_of_the_page_and_nothing_else() -> None:
    table = Table(title="T", head=["a", "b"], rows=[["1", "2"]], notes=["So it is."])
    figures = as_markdown(Report(tables=[table], wrong=["X: no node."]), ["Date: today"], "p.svg")

    page = with_figures(f"before\n{BEGIN}\nold\n{END}\nafter\n", figures)

    assert page.startswith(f"before\n{BEGIN}\n\n- Date: today\n")
    assert page.endswith(f"- X: no node.\n\n{END}\nafter\n")
    assert "| a | b |\n| --- | --- |\n| 1 | 2 |\n\nSo it is." in page
    assert "(p.svg)" in page
    assert "old" not in page
    with pytest.raises(NoMarkers):
        with_figures("a page without a place for them", figures)


def test_the_page_of_figures_has_a_place_for_them() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")

    assert "new figures" in with_figures(page, "new figures")


@pytest.mark.skipif(not chart.drawable(), reason="the extra bench is not there")
def test_the_chart_names_each_server_and_needs_no_external_resource(tmp_path: Path) -> None:
    chart.draw(
        [Bar(name="ours", values={"32 connections": 1234.0}), Bar(name="theirs", values={})],
        tmp_path / "c.svg",
    )

    drawn = (tmp_path / "c.svg").read_text()
    assert "ours" in drawn
    assert "theirs" in drawn
    assert "1,234" in drawn
    assert "<script" not in drawn


def test_a_machine_that_cannot_pin_says_so() -> None:
    both = frozenset([0])

    assert str(Cores(server=both, client=both)) == "not pinned apart on this machine"
    assert str(Cores(server=both, client=frozenset([1, 2]))) == "server on core 0, clients on core 1, 2"
