"""Proof: a clock that is set back an hour, while tickets wait for Discord or at a restart, delays nothing."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.proofs.invariant_checker import check_invariants
from tests.proofs.kills import wait_until_posted
from tests.proofs.load import Ledger, ordinary_channels, under_load
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import BridgeProcess, bridge_process
from tests.support.bridge_harness import wait_for

_LOAD_TIMEOUT = 600.0  # seconds in which the tickets are acknowledged
_JUMP_LOGGED = "clock was set back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    back: float = 3600.0  # seconds
    tickets: int = 600  # acknowledged while Discord fails, at least
    channels: int = 18
    within: float = 120.0  # seconds in which everything is posted once Discord is back
    speed: float = 10.0  # how many times shorter the waits for Discord are
    seed: int = 1
    bug: str | None = None


@dataclass(slots=True)
class Findings:
    tickets: int = 0
    seconds: list[float] = field(default_factory=list)  # until everything was posted, by case
    wrong: list[str] = field(default_factory=list)


async def clock(settings: ClockSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Let tickets wait, set the clock back, let Discord answer again, and see everything posted."""
    findings = Findings()
    cases = (_set_back_while_waiting, _set_back_at_a_restart)
    for number, case in enumerate(cases):
        await _run_case(case, settings, findings)
        on_progress(number + 1, len(cases))
    return Outcome(
        name=f"a clock set back by {settings.back:.0f} s",
        wrong=findings.wrong,
        figures={
            "tickets acknowledged": f"{findings.tickets}",
            "everything posted within (s), set back while tickets waited": f"{findings.seconds[0]:.0f}",
            "set back at a restart": f"{findings.seconds[1]:.0f}",
        },
    )


Case = Callable[[BridgeProcess, float], Awaitable[None]]


async def _run_case(case: Case, settings: ClockSettings, findings: Findings) -> None:
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(
            Path(folder), channels=settings.channels, bug=settings.bug, speed=settings.speed
        ) as bridge:
            bridge.set_clock(0.0)
            await bridge.start()
            async with under_load(bridge, ledger, pace=0.2, seed=settings.seed, staff=None):
                await bridge.wait_for_2xx()
                bridge.sandbox.fail("503", times=None)
                await wait_for(lambda: len(ledger.tickets) >= settings.tickets, _LOAD_TIMEOUT)
                await case(bridge, settings.back)
                back_at = time.monotonic()
                await asyncio.sleep(1.0)  # tickets come in after it, too
            pending = await wait_until_posted(bridge, settings.within)
            findings.seconds.append(time.monotonic() - back_at)
            await bridge.stop()
            name = case.__name__.strip("_").replace("_", " ")
            if pending:
                findings.wrong.append(f"{name}: {pending} deliveries waited for {settings.within:.0f} s")
            else:
                checked = check_invariants(
                    ledger, bridge.config.database, bridge.sandbox, ordinary_channels(bridge)
                )
                findings.wrong += [f"{name}: {wrong}" for wrong in checked.wrong]
            log = await asyncio.to_thread(bridge.config.log.read_text, errors="replace")
            if _JUMP_LOGGED not in log:
                findings.wrong.append(f"{name}: the log does not say so")
    findings.tickets += len(ledger.tickets)


async def _set_back_while_waiting(bridge: BridgeProcess, seconds: float) -> None:
    bridge.set_clock(-seconds)
    bridge.sandbox.clear_faults()


async def _set_back_at_a_restart(bridge: BridgeProcess, seconds: float) -> None:
    await bridge.stop()
    bridge.set_clock(-seconds)
    bridge.sandbox.clear_faults()
    await bridge.start()
    await bridge.wait_for_2xx()
