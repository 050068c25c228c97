"""Every proof in its long form: `python -m tests.proofs.prove [RUN ...] [--write] [--SETTING VALUE ...]`

Without a RUN, all of them; `--list` says which there are. Each setting of a proof can be given: `prove kills
--window 0 --kills 40`. `--controls` plants each bug and sees it noticed. `--write` puts the figures into
docs/reliability.md. It ends with 1 if anything was not as promised.
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

from tests.proofs.audit import Audited, audit, can_trace
from tests.proofs.foreign_writer import BESIDE, run_beside
from tests.proofs.kills import Kills, kills
from tests.proofs.locks import Foreign, RawReply, foreign_writer, raw_reply
from tests.proofs.outage import Away, outage
from tests.proofs.outcome import Outcome, Proof, Step
from tests.proofs.report_table import write_figures

LONG: dict[str, Proof] = {
    "kills": Proof(kills, Kills(window=300, echo=True, late=0.02)),
    "kills-0": Proof(kills, Kills(window=0, echo=False, seed=2)),
    "audit": Proof(audit, Audited()),
    "outage": Proof(outage, Away()),
    "foreign-writer": Proof(foreign_writer, Foreign()),
    "raw-reply": Proof(raw_reply, RawReply()),
}

_BRIEF = Kills(kills=2, tickets=60, channels=2, speed=5)
# Each bug with the proof that notices it, in that proof's short form, and a word of what the proof then says.
# The same form without the bug must find everything as promised.
SHORT: dict[str, tuple[Proof, str]] = {
    "sync-off": (Proof(audit, Audited(answers=60)), "before their ticket was on the disk"),
    "answer-before-commit": (Proof(audit, Audited(answers=60)), "before their ticket was on the disk"),
    "deferred-begin": (Proof(foreign_writer, Foreign(seconds=2)), "were refused"),
    "missing-trigger": (Proof(raw_reply, RawReply()), "were taken"),
    "settle-before-send": (Proof(kills, replace(_BRIEF, drops=0.0, never=0.3)), "not shown"),
    "random-nonce": (Proof(kills, replace(_BRIEF, late=0.3)), "twice"),
    "no-history-scan": (Proof(kills, replace(_BRIEF, window=0, drops=0.3, echo=False)), "twice"),
    # How much slower it gets is for the long form to say: of forty tickets, one beside other tests decides.
    "no-breaker": (Proof(outage, Away(seconds=60, speed=20, tickets=40, channels=1, slower=200)), "caused"),
}


async def noticed(plant: str, step: Step = lambda done, of: None) -> Outcome:
    """Plant a bug: good if its proof says what is then wrong."""
    proof, word = SHORT[plant]
    found = await replace(proof, settings=replace(proof.settings, plant=plant)).run(step)
    said = next((sentence for sentence in found.wrong if word in sentence), None)
    return Outcome(
        name=f"planted: {plant}",
        figures={"noticed by": found.name, "which says": (said or "nothing").partition(":")[0]},
        wrong=[] if said else ["the bug was not noticed"],
    )


def _settings(proof: Proof, given: Sequence[str]) -> Proof:
    """The proof with those of its settings that were given changed. Ends the program for what it has not."""
    parser = argparse.ArgumentParser(
        prog="prove", description=f"Settings of {type(proof.settings).__name__}."
    )
    for one in fields(proof.settings):
        value = getattr(proof.settings, one.name)
        kind: Any = _yes if isinstance(value, bool) else (str if value is None else type(value))
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=kind, default=value)
    return replace(proof, settings=replace(proof.settings, **vars(parser.parse_args(given))))


def _yes(word: str) -> bool:
    return word.lower() in ("yes", "true", "1", "on")


def _shown(console: Console, outcome: Outcome) -> None:
    verdict = "[green]as promised[/]" if outcome.good else "[red]NOT AS PROMISED[/]"
    table = Table(outcome.name, verdict, title_justify="left")
    for name, figure in outcome.figures.items():
        table.add_row(name, figure)
    console.print(table)
    for sentence in outcome.wrong:
        console.print(f"  {sentence}", markup=False, highlight=False)


def _prove(console: Console, name: str, proof: Proof) -> Outcome:
    """One proof, with a bar while it goes on."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        try:
            outcome = asyncio.run(proof.run(lambda done, of: progress.update(task, completed=done, total=of)))
        except RuntimeError as error:  # the bridge did not come up: that is a finding, too
            outcome = Outcome(name=name, wrong=[str(error)])
    _shown(console, outcome)
    return outcome


def _controls(console: Console) -> list[Outcome]:
    found = []
    for plant, (proof, _) in SHORT.items():
        if proof.of is audit and not can_trace():
            console.print(f"planted: {plant}: strace is missing or not permitted, so this is not tried")
            continue
        found.append(_prove(console, plant, Proof(lambda told, step: noticed(told, step), plant)))
    return found


def _long(console: Console, told: argparse.Namespace, given: Sequence[str]) -> list[Outcome]:
    found = []
    for name in told.runs or [*LONG, *BESIDE]:
        if name in BESIDE:
            outcome = run_beside(name)
            _shown(console, outcome)
        elif name == "audit" and not can_trace():
            console.print("audit: strace is missing or not permitted, so this is not tried")
            continue
        else:
            outcome = _prove(console, name, _settings(LONG[name], given))
        found.append(outcome)
        if told.write:
            write_figures(name, outcome, command=f"make prove RUN='{' '.join([name, *given])}'")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=", ".join([*LONG, *BESIDE]))
    parser.add_argument("--controls", action="store_true", help="plant each bug instead")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    parser.add_argument("--list", action="store_true", help="the runs there are")
    told, given = parser.parse_known_args()
    unknown = [name for name in told.runs if name not in (*LONG, *BESIDE)]
    if unknown:
        parser.error(f"there is no run {unknown[0]}: use {', '.join([*LONG, *BESIDE])}")
    console = Console()
    if told.list:
        console.print(*LONG, *BESIDE, sep="\n")
        return 0
    found = _controls(console) if told.controls else _long(console, told, given)
    if told.controls and told.write:
        write_figures("controls", _summary(found), command="make prove-controls")
    return 0 if all(outcome.good for outcome in found) else 1


def _summary(found: Sequence[Outcome]) -> Outcome:
    """All controls in one table."""
    figures = {one.name: one.figures["which says"] for one in found}
    return Outcome(name="controls", figures=figures, wrong=[w for one in found for w in one.wrong])


if __name__ == "__main__":
    sys.exit(main())
