"""Writes measured figures into docs/reliability.md, between the markers of their run."""

import os
import platform
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from tests.proofs.outcome import Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


def write_figures(run: str, outcome: Outcome, *, command: str, document: Path = DOCUMENT) -> None:
    """Replace the text between `<!-- run -->` and `<!-- end of run -->`. ValueError: no such markers."""
    begin, end = f"<!-- {run} -->", f"<!-- end of {run} -->"
    text = document.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise ValueError(f"{document} has no place for the figures of {run}: {begin} ... {end}")
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    table = _table(outcome, command)
    document.write_text(between.sub(lambda _: f"{begin}\n{table}\n{end}", text), encoding="utf-8")


def _table(outcome: Outcome, command: str) -> str:
    result = "As promised" if outcome.good else "**NOT AS PROMISED**"
    lines = [f"{result}: `{command}`, {_when_and_where()}.", "", f"| {outcome.name} | |", "|---|---|"]
    lines += [f"| {_cell(name)} | {_cell(figure)} |" for name, figure in outcome.figures.items()]
    lines += ["", *(f"- {sentence}" for sentence in outcome.wrong)] if outcome.wrong else []
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _when_and_where() -> str:
    day = datetime.now(UTC).date().isoformat()
    cores = len(os.sched_getaffinity(0))
    return f"{day}, {cores} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
