"""Writes figures into a Markdown page between two markers, with the machine, the date and the command."""

import os
import platform
import shlex
import sqlite3
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tests.bench.report_table import Report, Table

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class NoMarkers(Exception):
    """The page must have the two markers, each on a line of its own."""


def with_figures(page: str, figures: str) -> str:
    """The page with these figures instead of the old ones. Raises NoMarkers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarkers(NoMarkers.__doc__)
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}"


def as_markdown(report: Report, circumstances: Sequence[str], chart: str | None) -> str:
    """The figures as Markdown; `chart` is the picture's path relative to the page."""
    parts = ["\n".join(f"- {line}" for line in circumstances)]
    if chart:
        parts.append(f"![Accepted requests a second of each server]({chart})")
    parts += [_table(table) for table in report.tables]
    if report.wrong:
        parts.append("### Left out\n\n" + "\n".join(f"- {wrong}" for wrong in report.wrong))
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    drawn = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n\n".join([f"### {table.title}", drawn, *table.notes])


def circumstances(command: Sequence[str], today: date, pinned: str, client: str, rounds: int) -> list[str]:
    """Date, machine and command: a line each."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "pydantic", "discord.py"))
    return [
        f"Date: {today.isoformat()}",
        f"Command: `{shlex.join(command)}`",
        f"Machine: {_processor()}, {os.cpu_count()} cores, {_memory()} of memory, {platform.system()} "
        f"{platform.release()}",
        f"With: Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}",
        f"Pinned: {pinned}; load by {client}",
        f"Rounds: {rounds}, interleaved; each figure is the median (from the least to the most)",
    ]


def _processor() -> str:
    names = _parse("/proc/cpuinfo", "model name")
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> str:
    sizes = _parse("/proc/meminfo", "MemTotal")
    return f"{int(sizes[0].split()[0]) / 2**20:.0f} GiB" if sizes else "an unknown amount"


def _parse(file: str, name: str) -> list[str]:
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
