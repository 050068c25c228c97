"""Runs every proof in its long form: `python -m tests.proofs.prove [RUN ...] [--write] [--SETTING VALUE ...]`

Without a RUN, all of them; `--list` names them. Each setting of a proof can be given: `prove kills --window 0
--kills 40`. `--controls` injects each bug and checks that its proof notices. `--write` puts the figures into
docs/reliability.md. Exits with 1 if a promise was broken.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.proofs import fuzz
from tests.proofs.audit import AuditSettings, audit, can_trace
from tests.proofs.backups import BackupSettings, backups
from tests.proofs.clock import ClockSettings, clock
from tests.proofs.external_proofs import EXTERNAL, run_external
from tests.proofs.foreign_writer import ForeignWriterSettings, RawReplySettings, foreign_writer, raw_reply
from tests.proofs.kills import KillSettings, kills
from tests.proofs.lanes import LanesSettings, lanes
from tests.proofs.outage import OutageSettings, outage
from tests.proofs.outcome import OnProgress, Outcome, Proof, ignore_progress
from tests.proofs.own_tickets import OwnTicketsSettings, own_tickets
from tests.proofs.report_table import write_figures
from tests.proofs.return_path import ReturnSettings, return_path
from tests.proofs.unlinked import UnlinkedSettings, unlinked

LONG: dict[str, Proof] = {
    "kills": Proof(kills, KillSettings(window=300, echo=True, late=0.02)),
    "kills-0": Proof(kills, KillSettings(window=0, echo=False, seed=2)),
    "audit": Proof(audit, AuditSettings()),
    "outage": Proof(outage, OutageSettings()),
    "lanes": Proof(lanes, LanesSettings()),
    "foreign-writer": Proof(foreign_writer, ForeignWriterSettings()),
    "raw-reply": Proof(raw_reply, RawReplySettings()),
    "backup": Proof(backups, BackupSettings()),
    "unlinked": Proof(unlinked, UnlinkedSettings()),
    "clock": Proof(clock, ClockSettings()),
    "own-tickets": Proof(own_tickets, OwnTicketsSettings()),
    "return": Proof(return_path, ReturnSettings()),
    "fuzz": Proof(fuzz.prove, fuzz.FuzzSettings()),
}

_BRIEF = KillSettings(kills=1, tickets=60, channels=2, speed=5, life=0.5)
_FEW = LanesSettings(tickets=3, speed=5)
_ONE_ROUND_EACH = ReturnSettings(
    rounds=4, phase=1.0, tickets=4, slow=0.3, slow_push=0.5, game_speed=2400, within=120
)
# By injected bug: the short form of the proof that notices it, and a part of the sentence it then reports.
# The same form without the bug must find nothing wrong.
SHORT: dict[str, tuple[Proof, str]] = {
    "sync-off": (Proof(audit, AuditSettings(answers=60)), "before their ticket was on the disk"),
    "answer-before-commit": (Proof(audit, AuditSettings(answers=60)), "before their ticket was on the disk"),
    "deferred-begin": (Proof(foreign_writer, ForeignWriterSettings(seconds=2)), "were refused"),
    "accept-before-push": (Proof(return_path, _ONE_ROUND_EACH), "did not get"),
    "missing-trigger": (Proof(raw_reply, RawReplySettings()), "were taken"),
    "no-snapshot": (
        Proof(backups, BackupSettings(backups=2, megabytes=100, within=30)),
        "did not end",
    ),
    "no-file-watch": (Proof(unlinked, UnlinkedSettings(cases=2, within=20)), "still there"),
    "trusted-clock": (Proof(clock, ClockSettings(tickets=40, channels=6, within=20)), "deliveries waited"),
    "settle-before-send": (Proof(kills, replace(_BRIEF, drops=0.0, never=0.3)), "not shown"),
    "random-nonce": (Proof(kills, replace(_BRIEF, late=0.45)), "twice"),
    "no-history-scan": (Proof(kills, replace(_BRIEF, window=0, drops=0.3, echo=False)), "twice"),
    # No bound on how much slower tickets get: of forty, a single one on a busy machine would decide.
    "no-breaker": (
        Proof(outage, OutageSettings(seconds=60, speed=10, tickets=20, surplus=2.5, channels=1, slower=1e9)),
        "caused",
    ),
    "one-queue": (Proof(lanes, _FEW), "not posted within"),
    "refusal-stops-channel": (Proof(lanes, _FEW), "not posted within"),
}


async def run_with_bug(bug: str, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Inject a bug and run its proof: good if the proof reports what is then wrong."""
    proof, expected = SHORT[bug]
    found = await replace(proof, settings=replace(proof.settings, bug=bug)).run(on_progress)
    sentence = next((one for one in found.wrong if expected in one), None)
    return Outcome(
        name=f"injected: {bug}",
        figures={"noticed by": found.name, "which says": (sentence or "nothing").partition(":")[0]},
        wrong=[] if sentence else ["the bug was not noticed"],
    )


def _with_settings(proof: Proof, arguments: Sequence[str]) -> Proof:
    """The proof with the settings named on the command line. Exits for a setting it does not have."""
    parser = argparse.ArgumentParser(
        prog="prove", description=f"Settings of {type(proof.settings).__name__}."
    )
    for one in fields(proof.settings):
        value = getattr(proof.settings, one.name)
        kind: Any = _parse_bool if isinstance(value, bool) else (str if value is None else type(value))
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=kind, default=value)
    return replace(proof, settings=replace(proof.settings, **vars(parser.parse_args(arguments))))


def _parse_bool(text: str) -> bool:
    return text.lower() in ("yes", "true", "1", "on")


def _print(console: Console, outcome: Outcome) -> None:
    result = "[green]as promised[/]" if outcome.good else "[red]NOT AS PROMISED[/]"
    table = Table(outcome.name, result, title_justify="left")
    for name, figure in outcome.figures.items():
        table.add_row(name, figure)
    console.print(table)
    for sentence in outcome.wrong:
        console.print(f"  {sentence}", markup=False, highlight=False)


def _prove(console: Console, name: str, proof: Proof) -> Outcome:
    """Run one proof, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        try:
            outcome = asyncio.run(proof.run(lambda done, of: progress.update(task, completed=done, total=of)))
        except RuntimeError as error:  # the bridge did not come up: that is a finding, too
            outcome = Outcome(name=name, wrong=[str(error)])
    _print(console, outcome)
    return outcome


def _run_controls(console: Console) -> list[Outcome]:
    outcomes = []
    for bug, (proof, _) in SHORT.items():
        if proof.check is audit and not can_trace():
            console.print(f"injected: {bug}: strace is missing or not permitted, so this is not tried")
            continue
        outcomes.append(_prove(console, bug, Proof(run_with_bug, bug)))
    return outcomes


def _run_proofs(console: Console, options: argparse.Namespace, settings: Sequence[str]) -> list[Outcome]:
    outcomes = []
    for name in options.runs or [*LONG, *EXTERNAL]:
        if name in EXTERNAL:
            outcome = run_external(name)
            _print(console, outcome)
        elif name == "audit" and not can_trace():
            console.print("audit: strace is missing or not permitted, so this is not tried")
            continue
        else:
            outcome = _prove(console, name, _with_settings(LONG[name], settings))
        outcomes.append(outcome)
        if options.write:
            write_figures(name, outcome, command=f"make prove RUN='{' '.join([name, *settings])}'")
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=", ".join([*LONG, *EXTERNAL]))
    parser.add_argument("--controls", action="store_true", help="inject each bug instead")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    parser.add_argument("--list", action="store_true", help="print the names of the runs")
    options, settings = parser.parse_known_args()
    unknown = [name for name in options.runs if name not in (*LONG, *EXTERNAL)]
    if unknown:
        parser.error(f"there is no run {unknown[0]}: use {', '.join([*LONG, *EXTERNAL])}")
    console = Console()
    if options.list:
        console.print(*LONG, *EXTERNAL, sep="\n")
        return 0
    outcomes = _run_controls(console) if options.controls else _run_proofs(console, options, settings)
    if options.controls and options.write:
        write_figures("controls", _summary(outcomes), command="make prove-controls")
    return 0 if all(outcome.good for outcome in outcomes) else 1


def _summary(outcomes: Sequence[Outcome]) -> Outcome:
    """All controls in one table."""
    figures = {one.name: one.figures["which says"] for one in outcomes}
    return Outcome(name="controls", figures=figures, wrong=[w for one in outcomes for w in one.wrong])


if __name__ == "__main__":
    sys.exit(main())
