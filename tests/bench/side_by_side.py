"""Compares servers: one after the other, each time with an empty database, every second round backwards."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from tests.bench.commit import one_commit
from tests.bench.load import LoadFailed
from tests.bench.measuring import Measurement, measure
from tests.bench.plan import Bench
from tests.bench.process import DidNotStart
from tests.bench.report_table import Bar, Report, Runs, Table
from tests.bench.serving import (
    EVERY,
    FASTAPI,
    FASTIFY,
    IN_PROTOBUF,
    INTAKE,
    NOOP,
    OWN_LOOP,
    VALIDATE,
    Server,
)

_BUSY = 0.9  # of its core; above it the client is the bottleneckd
_Runs = dict[tuple[str, int], dict[int, Measurement]]  # by server and connections, then by round


async def side_by_side(bench: Bench, every: Sequence[Server] = EVERY) -> Report:
    """Measure every server that can run here, with each number of connections."""
    missing = {server.name: server.missing(bench.node_modules) for server in every}
    servers = [server for server in every if missing[server.name] is None]
    report = Report(wrong=[f"{name}: {why}" for name, why in missing.items() if why])
    loop = await _loop_of_ours(bench)
    found: _Runs = defaultdict(dict)
    commits: dict[int, float] = {}
    for number in range(bench.plan.rounds):
        commits[number] = await one_commit(bench)
        for server in servers if number % 2 == 0 else servers[::-1]:
            bench.step(f"side by side, round {number + 1}: {server.name}")
            await _measure(bench, server, loop, number, found, report.wrong)
    shown = [
        server for server in servers if any((server.name, many) in found for many in bench.plan.connections)
    ]
    report.tables += [
        _rates(bench, shown, found, loop),
        _ratios(bench, found),
        _tails(bench, found),
        _alone(found, commits),
    ]
    report.bars += [_bar(bench, server, found) for server in shown]
    return report


async def wire_forms(bench: Bench) -> Report:
    """Measure the intake of the same ticket by protobuf and by JSON, one right after the other."""
    forms, loop = (INTAKE["modl"], IN_PROTOBUF), await _loop_of_ours(bench)
    found: _Runs = defaultdict(dict)
    report = Report()
    for number in range(bench.plan.rounds):
        for form in forms if number % 2 == 0 else forms[::-1]:
            bench.step(f"wire forms, round {number + 1}: {form.name}")
            await _measure(bench, form, loop, number, found, report.wrong)
    report.tables.append(_forms(bench, found))
    return report


def _forms(bench: Bench, found: _Runs) -> Table:
    json_form, rows = INTAKE["modl"], []
    for many in bench.plan.connections:
        ratio = _ratio(found, (IN_PROTOBUF.name, many), (json_form.name, many), lambda run: run.load.rate)
        if ratio is None:
            continue
        mine, theirs = found[IN_PROTOBUF.name, many], found[json_form.name, many]
        rows.append(
            [
                str(many),
                _runs(mine, lambda run: run.load.rate).shown(),
                _runs(theirs, lambda run: run.load.rate).shown(),
                ratio.shown(".2f"),
                f"{_runs(mine, lambda run: run.processor).median * 1e6:.0f}",
                f"{_runs(theirs, lambda run: run.processor).median * 1e6:.0f}",
            ]
        )
    head = ["connections", "by protobuf (requests/s)", "by JSON (requests/s)", "ratio"]
    head += ["processor by protobuf (us/request)", "by JSON"]
    return Table(title="Minecraft, protobuf: over the same tickets in JSON", head=head, rows=rows)


async def _loop_of_ours(bench: Bench) -> str:
    """The event loop of the bridge, which the peers on aiohttp use too."""
    ours = INTAKE["modl"]
    async with ours.serve(bench.new_folder("loop"), bench.cores, loop="", node_modules=None) as served:
        return served.process.loop()


async def _measure(
    bench: Bench, server: Server, loop: str, number: int, found: _Runs, wrong: list[str]
) -> None:
    """One round of one server. A failed run is reported, and has no figure."""
    folder = bench.new_folder(server.kind)
    try:
        async with server.serve(folder, bench.cores, loop=loop, node_modules=bench.node_modules) as served:
            for many in bench.plan.connections:
                one = await measure(bench, served, server.contract, many)
                if one.wrong is None:
                    found[server.name, many][number] = one
                else:
                    wrong.append(f"{server.name}, {many} connections, round {number + 1}: {one.wrong}.")
    except (DidNotStart, LoadFailed) as error:
        wrong.append(f"{server.name}, round {number + 1}: {error or 'it did not start'}")


def _rates(bench: Bench, servers: Sequence[Server], found: _Runs, loop: str) -> Table:
    rows, strained = [], False
    for server in servers:
        for many in bench.plan.connections:
            runs = found.get((server.name, many))
            if not runs:
                continue
            busy = max((run.load.busy or 0.0) for run in runs.values())
            strained |= busy > _BUSY
            rows.append(
                [
                    server.name,
                    str(many),
                    _runs(runs, lambda run: run.load.rate).shown() + (" *" if busy > _BUSY else ""),
                    _runs(runs, lambda run: run.load.p50).shown(".2f", 1e3),
                    _runs(runs, lambda run: run.load.p99).shown(".1f", 1e3),
                    f"{_runs(runs, lambda run: run.processor).median * 1e6:.0f}",
                    "yes" if server.keeps else "-",
                ]
            )
    notes = [f"Those on aiohttp ran on {loop}, as ticketbridge does where nothing else is said."]
    if strained:
        notes.append(
            "* The client used more than nine tenths of its core: the server may be faster than this."
        )
    head = [
        "server",
        "connections",
        "requests/s",
        "p50 (ms)",
        "p99 (ms)",
        "processor (us/request)",
        "durable",
    ]
    return Table(title="Side by side", head=head, rows=rows, notes=notes)


def _ratios(bench: Bench, found: _Runs) -> Table:
    pairs = [
        *((INTAKE[source], VALIDATE[source]) for source in INTAKE),
        (INTAKE["modl"], OWN_LOOP),
        (INTAKE["modl"], FASTAPI),
        (INTAKE["modl"], FASTIFY),
    ]
    rows = []
    for ours, peer in pairs:
        for many in bench.plan.connections:
            ratio = _ratio(found, (ours.name, many), (peer.name, many), lambda run: run.load.rate)
            if ratio:
                rows.append([ours.name, peer.name, str(many), ratio.shown(".2f"), str(len(ratio.values))])
    head = ["requests/s of", "over those of", "connections", "ratio", "rounds"]
    return Table(title="Our intake over each of the others", head=head, rows=rows)


def _tails(bench: Bench, found: _Runs) -> Table:
    rows = []
    for ours in INTAKE.values():
        for many in bench.plan.connections:
            runs = found.get((ours.name, many))
            if runs:
                ratio = _runs(runs, lambda run: run.load.p99 / run.load.p50)
                rows.append([ours.name, str(many), ratio.shown(".1f")])
    return Table(title="p99 over p50", head=["server", "connections", "ratio"], rows=rows)


def _alone(found: _Runs, commits: dict[int, float]) -> Table:
    """One connection: its time over that of one synced commit and one answer."""
    noop = found.get((NOOP.name, 1), {})
    rows = []
    for ours in INTAKE.values():
        mine = found.get((ours.name, 1), {})
        shared = sorted(mine.keys() & noop.keys())
        if not shared:
            continue
        least = [commits[number] + noop[number].load.p50 for number in shared]
        ratio = Runs(tuple(mine[number].load.p50 for number in shared)).over(Runs(tuple(least)))
        rows.append(
            [
                ours.name,
                f"{Runs(tuple(mine[number].load.p50 for number in shared)).median * 1e3:.2f}",
                f"{Runs(tuple(commits[number] for number in shared)).median * 1e3:.2f}",
                f"{Runs(tuple(noop[number].load.p50 for number in shared)).median * 1e3:.2f}",
                ratio.shown(".2f"),
            ]
        )
    head = ["server", "its answer (p50, ms)", "one synced commit (ms)", "no-op answer (p50, ms)", "ratio"]
    return Table(title="One connection: over a synced commit plus a no-op answer", head=head, rows=rows)


def _bar(bench: Bench, server: Server, found: _Runs) -> Bar:
    groups = {many: found.get((server.name, many)) for many in bench.plan.connections if many > 1}
    rates = {
        f"{many} connections": _runs(runs, lambda run: run.load.rate).median
        for many, runs in groups.items()
        if runs
    }
    return Bar(name=server.name, values=rates)


def _runs(runs: dict[int, Measurement], figure: Callable[[Measurement], float]) -> Runs:
    return Runs(tuple(figure(runs[number]) for number in sorted(runs)))


def _ratio(
    found: _Runs, mine: tuple[str, int], theirs: tuple[str, int], figure: Callable[[Measurement], float]
) -> Runs | None:
    """The ratio over the rounds in which both succeeded; None if there are none."""
    ours, others = found.get(mine, {}), found.get(theirs, {})
    shared = sorted(ours.keys() & others.keys())
    if not shared:
        return None
    return Runs(tuple(figure(ours[number]) / figure(others[number]) for number in shared))
