"""Proof: a disk that fails under the bridge loses nothing: `python -m tests.proofs.disk --rounds N`.

`ticketbridge run` in its own process. strace makes one of its system calls fail, a different one each round;
or a small file system is filled up; or another program locks the file. Promises: what was answered with 200
is stored exactly once; a broken disk ends the process within `END` seconds; a full one does not, and the
bridge is healthy `BACK` seconds after there is space; a short lock fails no request, a long one every request
within `LOCK_TIMEOUT`.
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

from tests.proofs.isolated_bridge import (
    IsolatedBridge,
    create_workspace_and_key,
    find_losses,
    isolated_bridge,
)
from tests.support.bridge_harness import wait_for

END = 2.0  # seconds
BACK = 5.0
LOCK_TIMEOUT = 6.0
_OPENING_CALLS = 12  # calls of a thread that open the file
_REQUESTS = 60  # sent at most until a write fails; the one that fails may be a checkpoint, in no request
_REQUEST_INTERVAL = 0.041  # seconds: a key may send 25 requests a second
_DEADLINE = 60.0  # seconds for what must happen, however slow the machine is; END and BACK are measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One system call that fails once."""

    call: str
    error: str
    fatal: bool  # whether it must end the process
    calls: int  # of which one fails: about as many as the requests make


FAULTS = (
    Fault(call="fdatasync", error="EIO", fatal=True, calls=60),
    Fault(call="pwrite64", error="EIO", fatal=True, calls=500),
    Fault(call="pwrite64", error="ENOSPC", fatal=False, calls=500),
)


@dataclass(slots=True)
class Findings:
    rounds: int = 0
    met: int = 0  # rounds in which a request failed because of the fault
    kept: int = 0  # tickets that were answered with 200
    ends: list[float] = field(default_factory=list)  # seconds from the first 500 to the end of the process
    recoveries: list[float] = field(default_factory=list)  # seconds from free space to a healthy bridge
    wrong: list[str] = field(default_factory=list)

    @property
    def slow(self) -> list[str]:
        """What took longer than promised: for the long form, which runs alone on its machine."""
        late = [f"still there {END} s after the failure" for seconds in self.ends if seconds > END]
        return late + [f"not healthy {BACK} s after there was space" for one in self.recoveries if one > BACK]


def can_inject() -> bool:
    """Whether strace is installed and may make calls fail."""
    command = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours
    return False


async def faults(rounds: int, *, seed: int = 1, on_round: Callable[[], object] = lambda: None) -> Findings:
    """Run so many processes, each with one fault at some write; `on_round` is called after each."""
    findings, rng = Findings(), random.Random(seed)  # noqa: S311 - repeatable, no secret
    for number in range(rounds):
        fault = FAULTS[number % len(FAULTS)]
        with tempfile.TemporaryDirectory() as folder:
            when = _OPENING_CALLS + rng.randrange(fault.calls)
            await _round(Path(folder) / "tickets.db", fault, when, findings)
        findings.rounds += 1
        on_round()
    return findings


async def _round(database: Path, fault: Fault, when: int, findings: Findings) -> None:
    name = f"{fault.call} {fault.error} {when}"
    key = await create_workspace_and_key(database)
    inject = f"inject={fault.call}:error={fault.error}:when={when}"
    strace = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={fault.call}", "-e", inject)
    async with isolated_bridge(database, key, *strace) as bridge:
        accepted, failed = await _send_until_failure(bridge)
        if failed and fault.fatal:
            findings.wrong += await _check_end(bridge, name, findings)
    findings.met += bool(failed)
    findings.kept += len(accepted)
    findings.wrong += [f"{name}: {wrong}" for wrong in find_losses(database, accepted)]
    async with isolated_bridge(database, key) as bridge:
        for token in [*accepted[-1:], *failed]:
            if await bridge.create_ticket(token) != 200:
                findings.wrong.append(f"{name}: {token} is not accepted after a restart")
    findings.wrong += [f"{name}: {wrong}" for wrong in find_losses(database, [*accepted, *failed])]


async def _send_until_failure(bridge: IsolatedBridge) -> tuple[list[str], list[str]]:
    """The tickets that were accepted, and the one that was not answered with 200, if any."""
    accepted: list[str] = []
    for number in range(_REQUESTS):
        token = f"ticket-{number}"
        if await bridge.create_ticket(token) != 200:
            return accepted, [token]
        accepted.append(token)
        await asyncio.sleep(_REQUEST_INTERVAL)
    return accepted, []


async def _check_end(bridge: IsolatedBridge, name: str, findings: Findings) -> list[str]:
    """What is wrong with how the process ends."""
    failed_at = time.monotonic()
    try:
        async with asyncio.timeout(_DEADLINE):
            status = await bridge.process.wait()
    except TimeoutError:
        return [f"{name}: still there {_DEADLINE} s after the failure"]
    findings.ends.append(time.monotonic() - failed_at)
    reasons = [line for line in bridge.log if "Ticketbridge ends" in line and "ticketbridge restore" in line]
    wrong = [] if status == 1 else [f"{name}: it ended with {status}"]
    return wrong if len(reasons) == 1 else [*wrong, f"{name}: it logged the reason {len(reasons)} times"]


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
    """Fill the disk under the bridge, send tickets all the while, and free the space again."""
    findings, database = Findings(rounds=1), disk / "tickets.db"
    key = await create_workspace_and_key(database)
    async with isolated_bridge(database, key) as bridge:
        accepted = [f"before-{number}" for number in range(5)]
        for token in accepted:
            assert await bridge.create_ticket(token) == 200
        filler = disk / "filler"
        _fill(filler, shutil.disk_usage(disk).free)
        refused = await _send_until_refused(bridge, accepted)
        if not refused or await bridge.health() != 503:
            findings.wrong.append(f"a full disk: {len(refused)} refused, health {await bridge.health()}")
        findings.met += len(refused)
        filler.unlink()
        freed_at = time.monotonic()

        async def is_healthy() -> bool:
            return await bridge.health() == 200

        await wait_for(is_healthy, _DEADLINE)
        for token in refused:
            if await bridge.create_ticket(token) != 200:
                findings.wrong.append(f"{token} is not accepted though there is space")
        findings.recoveries.append(time.monotonic() - freed_at)
        bridge.process.send_signal(signal.SIGTERM)
        if await bridge.process.wait() != 0:
            findings.wrong.append("it did not survive a full disk")
    findings.kept += len(accepted)
    findings.wrong += find_losses(database, [*accepted, *refused])
    return findings


def _fill(filler: Path, size: int) -> None:
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while size > 0:
            size -= file.write(b"\0" * min(size, 4096)) or size


async def _send_until_refused(bridge: IsolatedBridge, accepted: list[str]) -> list[str]:
    """Send larger tickets until five were refused; those that were accepted are added to `accepted`."""
    refused: list[str] = []
    for number in range(100):
        token = f"large-{number}"
        status = await bridge.create_ticket(token, size=20_000)
        (accepted if status == 200 else refused).append(token)
        if len(refused) == 5:
            break
        await asyncio.sleep(_REQUEST_INTERVAL)
    return refused


async def locked(seconds: float, times: int, findings: Findings) -> list[tuple[int, float]]:
    """Lock the file so long and so often; the status of each request sent meanwhile, and its seconds."""
    answers: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "tickets.db"
        async with isolated_bridge(database, await create_workspace_and_key(database)) as bridge:
            for number in range(times):
                with closing(sqlite3.connect(database, isolation_level=None)) as other:
                    other.execute("BEGIN IMMEDIATE")
                    waiting = [asyncio.create_task(_timed(bridge, f"{number}-{n}")) for n in range(10)]
                    await asyncio.sleep(seconds)
                answers += await asyncio.gather(*waiting)
            if await bridge.create_ticket("afterwards") != 200:
                findings.wrong.append("requests still fail after the lock was released")
    return answers


async def _timed(bridge: IsolatedBridge, token: str) -> tuple[int, float]:
    started_at = time.monotonic()
    return await bridge.create_ticket(token), time.monotonic() - started_at


async def locks(times: int) -> Findings:
    """A lock for 3 s so many times, and one for 10 s."""
    findings = Findings(rounds=times + 1)
    short, long = await locked(3.0, times, findings), await locked(10.0, 1, findings)
    slow = sorted(seconds for _, seconds in short)[-max(1, len(short) // 100) - 1]
    if any(status != 200 for status, _ in short) or slow > 3.5:
        findings.wrong.append(f"a lock for 3 s: {short}")
    if any(status != 500 or seconds > LOCK_TIMEOUT for status, seconds in long):
        findings.wrong.append(f"a lock for 10 s: {long}")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    every = [asyncio.run(locks(max(1, options.rounds // 3)))]
    if can_inject():
        every.append(asyncio.run(faults(options.rounds)))
    with small_disk(8) as disk:
        if disk is not None:
            every.append(asyncio.run(full(disk)))
    for findings in every:
        findings.wrong += findings.slow
        print(json.dumps(asdict(findings)))
    return 1 if any(findings.wrong for findings in every) else 0


if __name__ == "__main__":
    sys.exit(main())
