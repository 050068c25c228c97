"""Proofs that have a command or tests of their own, run as one step each."""

import subprocess
import sys
import time
from pathlib import Path

from tests.proofs.outcome import Outcome

_ROOT = Path(__file__).parents[2]
_PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")

# What each shows, and the module that does with its arguments.
BESIDE: dict[str, tuple[str, tuple[str, ...]]] = {
    "disk": ("a disk that fails, is full or is locked", ("tests.proofs.disk",)),
    "outages": ("refusals and storms of 429", (*_PYTEST, "tests/proofs/test_outages.py")),
    "gateway": ("a gateway that comes and goes", (*_PYTEST, "tests/cogs/messages/test_backfill.py")),
}


def run_beside(name: str) -> Outcome:
    """Run it to its end; its last line is told."""
    what, command = BESIDE[name]
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - a command of ours
        [sys.executable, "-m", *command], cwd=_ROOT, capture_output=True, text=True, timeout=3600
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return Outcome(
        name=f"{name}: {what}",
        figures={"seconds": f"{time.monotonic() - began:.0f}", "its last words": said[-1] if said else ""},
        wrong=[] if done.returncode == 0 else said[-20:],
    )
