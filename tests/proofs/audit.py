"""Proof: no answer that acknowledges a ticket leaves before the ticket is on the disk.

Not asked of the bridge but of the kernel: strace tells each write to the database's log, each sync of it that
has come back, and each answer that leaves. Between them stands the promise.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.proofs.load import Ledger, under_load
from tests.proofs.outcome import Outcome, Step
from tests.proofs.process_harness import PATIENCE, opened
from tests.proofs.tracing import CALLS

_PAGE = 4096  # bytes of a page of the database, all of which are to be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """How it is done."""

    answers: int = 10_000
    pace: float = 0.05  # seconds between two tickets of each sender
    seed: int = 1
    plant: str | None = None
    most: float = 900.0  # seconds


@cache
def can_trace() -> bool:
    """Whether strace is there, and may look at a process."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True).returncode == 0  # noqa: S607


async def audit(told: Audited, step: Step = lambda done, of: None) -> Outcome:
    """Have so many tickets acknowledged, and look at each answer's time."""
    ledger, began = Ledger(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        findings = Path(folder) / "audit.json"
        async with opened(Path(folder), plant=told.plant, wrap=_strace(findings)) as house:
            await house.start()
            enough = asyncio.Event()

            def count() -> None:
                step(min(len(ledger.tickets), told.answers), told.answers)
                if len(ledger.tickets) >= told.answers:
                    enough.set()

            async with under_load(
                house, ledger, pace=told.pace, seed=told.seed, staff=None, acknowledged=count
            ):
                await house.answers()
                await asyncio.wait([asyncio.create_task(enough.wait())], timeout=told.most)
            await house.stop()
            seen = await asyncio.to_thread(_read, findings)
    return _outcome(told, ledger, seen, time.monotonic() - began)


def _strace(findings: Path) -> tuple[str, ...]:
    """The tracer keeps aside (-D), so that signals meet the bridge itself."""
    reader = f"|{sys.executable} -m tests.proofs.tracing {findings}"
    traced = ["strace", "-D", "-f", "--seccomp-bpf", "-ttt", "-y", "-s", str(_PAGE)]
    return (*traced, "-e", f"trace={','.join(CALLS)}", "-o", reader)


def _read(findings: Path) -> dict[str, Any]:
    """What the reader of the trace found, once it is through. Raises RuntimeError if it never is."""
    until = time.monotonic() + 4 * PATIENCE
    while not findings.exists():
        if time.monotonic() > until:
            raise RuntimeError("strace has not come to an end")
        time.sleep(0.1)
    seen: dict[str, Any] = json.loads(findings.read_text())
    return seen


def _outcome(told: Audited, ledger: Ledger, seen: dict[str, Any], seconds: float) -> Outcome:
    acknowledged = set(ledger.tickets.values())
    unseen = acknowledged - set(seen["answered"])
    wrong = []
    if seen["early"]:
        wrong.append(f"{len(seen['early'])} answers left before their ticket was on the disk")
    if unseen:
        wrong.append(f"{len(unseen)} answers were not seen by strace")
    if len(acknowledged) < told.answers:
        wrong.append(f"only {len(acknowledged)} answers in {told.most:.0f} s")
    return Outcome(
        name="audit of answers",
        wrong=wrong,
        figures={
            "answers that acknowledge a ticket": f"{len(acknowledged)}",
            "seen by strace": f"{len(acknowledged) - len(unseen)}",
            "before their ticket was on the disk": f"{len(seen['early'])}",
            "completed syncs of the log": f"{seen['syncs']}",
            "seconds": f"{seconds:.0f}",
        },
    )
