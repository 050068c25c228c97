"""Proof: a file of the database that is deleted or replaced under the bridge ends it within seconds."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from storage import lock_path
from tests.proofs.load import Ledger, under_load
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import BridgeProcess, bridge_process

_STARTUP_TIMEOUT = 60.0  # seconds in which a second bridge is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedSettings:
    cases: int = 8  # of CASES, from the first
    within: float = 5.0  # seconds in which the process ends
    bug: str | None = None


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    """Put a copy in its place, as `cp` to another name and `mv` do."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


Change = Callable[[Path], None]
CASES: tuple[tuple[str, Change], ...] = tuple(
    (suffix, change) for change in (delete, replace) for suffix in ("", ".lock", "-wal", "-shm")
)


@dataclass(slots=True)
class Findings:
    seconds: list[float] = field(default_factory=list)  # from each change to the end of the process
    after: list[int] = field(default_factory=list)  # tickets acknowledged after each change
    wrong: list[str] = field(default_factory=list)


async def unlinked(settings: UnlinkedSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Delete or replace one file after the other, each under a bridge of its own, while tickets come in."""
    findings = Findings()
    for number, (suffix, change) in enumerate(CASES[: settings.cases]):
        with tempfile.TemporaryDirectory() as folder:
            async with bridge_process(Path(folder), channels=2, bug=settings.bug) as bridge:
                await _run_case(bridge, suffix, change, settings, findings)
        on_progress(number + 1, settings.cases)
        if findings.wrong:
            break
    return Outcome(
        name="files deleted or replaced under the bridge",
        wrong=findings.wrong,
        figures={
            "files deleted or replaced": f"{len(findings.seconds)}",
            "seconds until the process ended, at most": f"{max(findings.seconds, default=0.0):.1f}",
            "tickets acknowledged after it, at most": f"{max(findings.after, default=0)}",
        },
    )


async def _run_case(
    bridge: BridgeProcess, suffix: str, change: Change, settings: UnlinkedSettings, findings: Findings
) -> None:
    ledger, database = Ledger(), bridge.config.database
    case = f"{database.name}{suffix}: {change.__name__}"
    await bridge.start()
    async with under_load(bridge, ledger, pace=0.2, seed=1, staff=None):
        await bridge.wait_for_2xx()
        health = asyncio.create_task(_wait_until_degraded(bridge))
        if suffix == ".lock":
            findings.wrong += await _change_and_start_second(bridge, case, change)
        else:
            await asyncio.to_thread(change, database.with_name(database.name + suffix))
        changed_at, acknowledged = time.monotonic(), len(ledger.tickets)
        try:
            async with asyncio.timeout(settings.within):
                status = await bridge.wait_for_exit()
        except TimeoutError:
            findings.wrong.append(f"{case}: still there {settings.within:.0f} s later")
        else:
            findings.seconds.append(time.monotonic() - changed_at)
            findings.wrong += _wrong_end(bridge, case, status)
        findings.after.append(len(ledger.tickets) - acknowledged)
    health.cancel()
    await asyncio.wait([health])
    reason = "nothing" if health.cancelled() else health.result()
    if not findings.wrong and f"{database.name}{suffix} was deleted or replaced" not in reason:
        findings.wrong.append(f"{case}: /healthz said: {reason}")


async def _change_and_start_second(bridge: BridgeProcess, case: str, change: Change) -> list[str]:
    """Change the lock file while the bridge can notice nothing; a second one must be refused all the same."""
    bridge.send_signal(signal.SIGSTOP)
    try:
        await asyncio.to_thread(change, lock_path(bridge.config.database))
        second = await bridge.start_command("run")
        try:
            async with asyncio.timeout(_STARTUP_TIMEOUT):
                await second.wait()
        except TimeoutError:
            second.kill()
            await second.wait()
    finally:
        bridge.send_signal(signal.SIGCONT)
    printed = await asyncio.to_thread(bridge.config.command_log.read_text, errors="replace")
    if "Another ticketbridge is using" in printed:
        return []
    return [f"{case}: a second bridge was not kept out: {printed[-300:]}"]


def _wrong_end(bridge: BridgeProcess, case: str, status: int) -> list[str]:
    log = bridge.config.log.read_text(errors="replace")
    wrong = [] if status == 1 else [f"{case}: it ended with {status}"]
    return wrong if "Ticketbridge ends" in log else [*wrong, f"{case}: the log does not say why"]


async def _wait_until_degraded(bridge: BridgeProcess) -> str:
    """Ask /healthz until it is 503; its reason."""
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{bridge.config.port}/healthz") as response:
                    if response.status == 503:
                        reason: str = (await response.json())["reason"]
                        return reason
            await asyncio.sleep(0.02)
