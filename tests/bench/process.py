"""Runs a server in its own process on its own core."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cores import Cores, on
from tests.bench.load import ROOT

_PATIENCE = 300.0  # seconds to start: a file with a million tickets is checked first
_FAREWELL = 20.0  # seconds to exit
_CALM = 5  # equal counts in a row
_TICK = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    """A server exited before it listened. The message is the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A listening server."""

    pid: int
    port: int
    database: Path | None
    log: Path
    seconds: float  # from its start until it listened

    def processor_seconds(self) -> float:
        """Processor seconds of the process and all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def megabytes(self, what: str = "VmRSS") -> float:
        """Resident memory in MB; with VmHWM its peak."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))

    def loop(self) -> str:
        """The event loop of the process, by its loaded libraries."""
        return "uvloop" if "/uvloop/" in Path(f"/proc/{self.pid}/maps").read_text() else "asyncio"

    async def stored_rows(self) -> int | None:
        """The tickets in its database once their number is stable; None for a server without one.

        A request whose client hung up may still be carried out, and belongs to that run.
        """
        if self.database is None:
            return None
        counts = [rows(self.database)]
        while len(counts) < _CALM or counts[-_CALM] != counts[-1]:
            await asyncio.sleep(0.03)
            counts.append(rows(self.database))
        return counts[-1]


def rows(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=60)) as db:
        count: int = db.execute("SELECT count(*) FROM tickets").fetchone()[0]
        return count


@asynccontextmanager
async def running(
    command: Sequence[str],
    cores: Cores,
    *,
    port: int,
    folder: Path,
    database: Path | None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """Run a server until the block ends. Raises DidNotStart."""
    log = folder / "server.log"
    settings = {name: value for name, value in os.environ.items() if not name.startswith("TICKETBRIDGE_")}
    started_at = time.monotonic()
    with log.open("wb") as out, on(cores.server):
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=settings | dict(environment or {}), stdout=out, stderr=out
        )
    try:
        await _listens(process, port, log)
        seconds = time.monotonic() - started_at
        yield Process(pid=process.pid, port=port, database=database, log=log, seconds=seconds)
    finally:
        await _stop(process)


async def _listens(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        if process.returncode is not None or time.monotonic() > deadline:
            raise DidNotStart(_log_tail(log))
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.005)


def _log_tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_FAREWELL):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
