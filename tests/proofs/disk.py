"""A disk that fails under the bridge: `python -m tests.proofs.disk --rounds N`.

`ticketbridge run` in its own process. strace makes one of its writes fail, now this one and now that; or a
small file system is filled up; or another program locks the file. Held: what was answered with 200 is there,
exactly once; what broke the disk ends the process within `END` seconds; a full one does not, and all is well
`BACK` seconds after there is room; a lock fails nobody, or everybody within `PATIENCE`.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.proofs.isolated_run import Served, furnished, served, what_is_lost
from tests.support.bridge_harness import wait_for

END = 2.0  # seconds
BACK = 5.0
PATIENCE = 6.0
_OPENING = 12  # calls of a thread, among them all that open the file
_REQUESTS = 60  # sent at most until a write fails: what fails may be a checkpoint, which nobody waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One system call that fails once."""

    call: str
    error: str
    fatal: bool  # whether the process is to end by it
    calls: int  # of which one fails: about as many as the requests make


FAULTS = (
    Fault(call="fdatasync", error="EIO", fatal=True, calls=60),
    Fault(call="pwrite64", error="EIO", fatal=True, calls=500),
    Fault(call="pwrite64", error="ENOSPC", fatal=False, calls=500),
)


@dataclass(slots=True)
class Findings:
    """What came of it all."""

    rounds: int = 0
    met: int = 0  # rounds in which a request was told of the fault
    kept: int = 0  # tickets that were answered with 200
    ends: list[float] = field(default_factory=list)  # seconds from the first 500 to the end of the process
    wrong: list[str] = field(default_factory=list)


def can_inject() -> bool:
    """Whether strace is there, and may do this."""
    command = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours
    return False


async def faults(rounds: int, *, seed: int = 1, step: Callable[[], object] = lambda: None) -> Findings:
    """So many processes, each with one fault at some write; `step` is called after each."""
    findings, chance = Findings(), random.Random(seed)  # noqa: S311 - repeatable, no secret
    for number in range(rounds):
        fault = FAULTS[number % len(FAULTS)]
        with tempfile.TemporaryDirectory() as folder:
            when = _OPENING + chance.randrange(fault.calls)
            await _round(Path(folder) / "tickets.db", fault, when, findings)
        findings.rounds += 1
        step()
    return findings


async def _round(database: Path, fault: Fault, when: int, findings: Findings) -> None:
    name = f"{fault.call} {fault.error} {when}"
    key = await furnished(database)
    inject = f"inject={fault.call}:error={fault.error}:when={when}"
    strace = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={fault.call}", "-e", inject)
    async with served(database, key, *strace) as bridge:
        kept, failed = await _until_it_fails(bridge)
        if failed and fault.fatal:
            findings.wrong += await _ends(bridge, name, findings)
    findings.met += bool(failed)
    findings.kept += len(kept)
    findings.wrong += [f"{name}: {wrong}" for wrong in what_is_lost(database, kept)]
    async with served(database, key) as bridge:
        for token in [*kept[-1:], *failed]:
            if await bridge.file(token) != 200:
                findings.wrong.append(f"{name}: {token} is not taken after the start anew")
    findings.wrong += [f"{name}: {wrong}" for wrong in what_is_lost(database, [*kept, *failed])]


async def _until_it_fails(bridge: Served) -> tuple[list[str], list[str]]:
    """What was kept, and what was not answered with 200: at most one."""
    kept: list[str] = []
    for number in range(_REQUESTS):
        token = f"ticket-{number}"
        if await bridge.file(token) != 200:
            return kept, [token]
        kept.append(token)
        await asyncio.sleep(0.041)  # a key may send 25 a second
    return kept, []


async def _ends(bridge: Served, name: str, findings: Findings) -> list[str]:
    """What is wrong with how the process ends."""
    failed_at = time.monotonic()
    try:
        async with asyncio.timeout(END):
            status = await bridge.process.wait()
    except TimeoutError:
        return [f"{name}: still there {END} s after the failure"]
    findings.ends.append(time.monotonic() - failed_at)
    told = [line for line in bridge.log if "Ticketbridge ends" in line and "ticketbridge restore" in line]
    wrong = [] if status == 1 else [f"{name}: it ended with {status}"]
    return wrong if len(told) == 1 else [*wrong, f"{name}: it said why {len(told)} times"]


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A file system of that size, in memory; None where this process may not mount one."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder]
        try:
            mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours
        except OSError:
            mounted = False
        try:
            yield Path(folder) if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", folder], check=True)  # noqa: S603, S607 - ours


async def full(disk: Path) -> Findings:
    """Fill the disk up under the bridge, send tickets all the while, and make room again."""
    findings, database = Findings(rounds=1), disk / "tickets.db"
    key = await furnished(database)
    async with served(database, key) as bridge:
        kept = [f"before-{number}" for number in range(5)]
        for token in kept:
            assert await bridge.file(token) == 200
        filler = disk / "filler"
        _fill(filler, shutil.disk_usage(disk).free)
        refused = await _until_refused(bridge, kept)
        if not refused or await bridge.health() != 503:
            findings.wrong.append(f"a full disk: {len(refused)} refused, health {await bridge.health()}")
        findings.met += len(refused)
        filler.unlink()
        freed = time.monotonic()

        async def is_well() -> bool:
            return await bridge.health() == 200

        await wait_for(is_well, BACK)
        for token in refused:
            if await bridge.file(token) != 200:
                findings.wrong.append(f"{token} is not taken though there is room")
        if time.monotonic() - freed > BACK:
            findings.wrong.append(f"not well {BACK} s after there was room")
        bridge.process.send_signal(signal.SIGTERM)
        if await bridge.process.wait() != 0:
            findings.wrong.append("it did not live through a full disk")
    findings.kept += len(kept)
    findings.wrong += what_is_lost(database, [*kept, *refused])
    return findings


def _fill(filler: Path, size: int) -> None:
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while size > 0:
            size -= file.write(b"\0" * min(size, 4096)) or size


async def _until_refused(bridge: Served, kept: list[str]) -> list[str]:
    """Send larger tickets; those that were kept join `kept`, those that were not are returned."""
    refused: list[str] = []
    for number in range(100):
        token = f"large-{number}"
        status = await bridge.file(token, size=20_000)
        (kept if status == 200 else refused).append(token)
        if len(refused) == 5:
            break
        await asyncio.sleep(0.041)
    return refused


async def locked(seconds: float, times: int, findings: Findings) -> list[tuple[int, float]]:
    """Lock the file so long and so often; the status of each request sent meanwhile, and how long it took."""
    answers: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "tickets.db"
        async with served(database, await furnished(database)) as bridge:
            for number in range(times):
                with closing(sqlite3.connect(database, isolation_level=None)) as other:
                    other.execute("BEGIN IMMEDIATE")
                    waiting = [asyncio.create_task(_timed(bridge, f"{number}-{n}")) for n in range(10)]
                    await asyncio.sleep(seconds)
                answers += await asyncio.gather(*waiting)
            if await bridge.file("afterwards") != 200:
                findings.wrong.append("a lock that is gone is not forgotten")
    return answers


async def _timed(bridge: Served, token: str) -> tuple[int, float]:
    began = time.monotonic()
    return await bridge.file(token), time.monotonic() - began


async def locks(times: int) -> Findings:
    """A lock for 3 s so many times, and one for 10 s."""
    findings = Findings(rounds=times + 1)
    short, long = await locked(3.0, times, findings), await locked(10.0, 1, findings)
    slow = sorted(seconds for _, seconds in short)[-max(1, len(short) // 100) - 1]
    if any(status != 200 for status, _ in short) or slow > 3.5:
        findings.wrong.append(f"a lock for 3 s: {short}")
    if any(status != 500 or seconds > PATIENCE for status, seconds in long):
        findings.wrong.append(f"a lock for 10 s: {long}")
    return findings


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=50)
    told = options.parse_args()
    every = [asyncio.run(locks(max(1, told.rounds // 3)))]
    if can_inject():
        every.append(asyncio.run(faults(told.rounds)))
    with small_disk(8) as disk:
        if disk is not None:
            every.append(asyncio.run(full(disk)))
    for findings in every:
        print(json.dumps(asdict(findings)))
    return 1 if any(findings.wrong for findings in every) else 0


if __name__ == "__main__":
    sys.exit(main())
