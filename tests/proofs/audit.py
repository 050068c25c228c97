"""Proof: no answer that acknowledges a ticket leaves before the ticket is on the disk.

The bridge is not asked: strace reports each write to the database's log, each sync of it that has come back,
and each answer that leaves.
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
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import PROCESS_TIMEOUT, bridge_process
from tests.proofs.tracing import CALLS

_PAGE = 4096  # bytes of a page of the database, all of which strace must print


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    answers: int = 10_000
    pace: float = 0.05  # seconds between two tickets of each game server
    seed: int = 1
    bug: str | None = None
    most: float = 900.0  # seconds


@cache
def can_trace() -> bool:
    """Whether strace is installed and permitted."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True).returncode == 0  # noqa: S607


async def audit(settings: AuditSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Have so many tickets acknowledged under strace, and check the moment of each answer."""
    ledger, started_at = Ledger(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "audit.json"
        async with bridge_process(Path(folder), bug=settings.bug, wrap=_strace(report)) as bridge:
            await bridge.start()
            enough = asyncio.Event()

            def count() -> None:
                on_progress(min(len(ledger.tickets), settings.answers), settings.answers)
                if len(ledger.tickets) >= settings.answers:
                    enough.set()

            async with under_load(
                bridge, ledger, pace=settings.pace, seed=settings.seed, staff=None, on_accepted=count
            ):
                await bridge.wait_for_2xx()
                await asyncio.wait([asyncio.create_task(enough.wait())], timeout=settings.most)
            await bridge.stop()
            trace = await asyncio.to_thread(_read_report, report)
    return _outcome(settings, ledger, trace, time.monotonic() - started_at)


def _strace(report: Path) -> tuple[str, ...]:
    """The command that traces the bridge. -D: the tracer is the child, so that signals reach the bridge."""
    reader = f"|{sys.executable} -m tests.proofs.tracing {report}"
    traced = ["strace", "-D", "-f", "--seccomp-bpf", "-ttt", "-y", "-s", str(_PAGE)]
    return (*traced, "-e", f"trace={','.join(CALLS)}", "-o", reader)


def _read_report(report: Path) -> dict[str, Any]:
    """Wait for the report of `tests.proofs.tracing`. Raises RuntimeError if it never comes."""
    deadline = time.monotonic() + 2 * PROCESS_TIMEOUT
    while not report.exists():
        if time.monotonic() > deadline:
            raise RuntimeError("strace has not come to an end")
        time.sleep(0.1)
    trace: dict[str, Any] = json.loads(report.read_text())
    return trace


def _outcome(settings: AuditSettings, ledger: Ledger, trace: dict[str, Any], seconds: float) -> Outcome:
    acknowledged = set(ledger.tickets.values())
    unseen = acknowledged - set(trace["answered"])
    wrong = []
    if trace["early"]:
        wrong.append(f"{len(trace['early'])} answers left before their ticket was on the disk")
    if unseen:
        wrong.append(f"{len(unseen)} answers were not seen by strace")
    if len(acknowledged) < settings.answers:
        wrong.append(f"only {len(acknowledged)} answers in {settings.most:.0f} s")
    return Outcome(
        name="audit of answers",
        wrong=wrong,
        figures={
            "answers that acknowledge a ticket": f"{len(acknowledged)}",
            "seen by strace": f"{len(acknowledged) - len(unseen)}",
            "before their ticket was on the disk": f"{len(trace['early'])}",
            "completed syncs of the log": f"{trace['syncs']}",
            "seconds": f"{seconds:.0f}",
        },
    )
