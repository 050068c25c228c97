"""Proofs that have a command or tests of their own, run in a process as one step each."""

import subprocess
import sys
import time
from pathlib import Path

from tests.proofs.outcome import Outcome

_ROOT = Path(__file__).parents[2]
_PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")

# By run: its title, and the module that runs it with its arguments.
EXTERNAL: dict[str, tuple[str, tuple[str, ...]]] = {
    "disk": ("a disk that fails, is full or is locked", ("tests.proofs.disk",)),
    "outages": ("refusals and storms of 429", (*_PYTEST, "tests/proofs/test_outages.py")),
    "gateway": ("a gateway that comes and goes", (*_PYTEST, "tests/cogs/messages/test_backfill.py")),
}


def run_external(name: str) -> Outcome:
    """Run it to its end; its last line becomes a figure."""
    title, command = EXTERNAL[name]
    started_at = time.monotonic()
    process = subprocess.run(  # noqa: S603 - a command of ours
        [sys.executable, "-m", *command], cwd=_ROOT, capture_output=True, text=True, timeout=3600
    )
    seconds = time.monotonic() - started_at
    lines = [line for line in (process.stdout + process.stderr).splitlines() if line.strip()]
    return Outcome(
        name=f"{name}: {title}",
        figures={"seconds": f"{seconds:.0f}", "its last line": lines[-1] if lines else ""},
        wrong=[] if process.returncode == 0 else lines[-20:],
    )
