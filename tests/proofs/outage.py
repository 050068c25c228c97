"""Proof: with Discord away for ten minutes, tickets are accepted as before and posted afterwards.

The ten minutes pass ten times as fast: every wait for Discord in the process is divided by `speed`, and so is
the outage. Figures are in the outage's own seconds, so that the bounds are those of real time; the load is
not divided, and is that many times harder.
"""

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.invariant_checker import Findings, check_invariants
from tests.proofs.kills import wait_until_posted
from tests.proofs.load import Ledger, ordinary_channels, under_load
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress, p99
from tests.proofs.process_harness import BridgeProcess, bridge_process

_FAULTS = ("refused", "503", "hang", "reset")  # each for a quarter of the time
_REQUEST_GAP = 5.0  # seconds, at least, between two requests for the same channel while nothing answers


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageSettings:
    seconds: float = 600.0  # of the outage
    tickets: int = 1500  # acknowledged during it, at least
    surplus: float = 1.15  # how many more are sent, for those that take longer
    speed: float = 10.0
    channels: int = 18
    unknown_outcome_delay: float = 1.0  # instead of 10, which alone would bound the requests
    slower: float = 1.5  # how many times longer 99 of 100 tickets may take than before the outage
    seed: int = 1
    bug: str | None = None


@dataclass(slots=True)
class _Measured:
    before: list[float]  # seconds of each ticket
    during: list[float]
    requests: Counter[str]  # by fault: the most for one channel
    allowed: Counter[str]
    tickets: int = 0


async def outage(settings: OutageSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Take Discord away and bring it back under load, then check what is stored and what is posted."""
    ledger, started_at = Ledger(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(
            Path(folder),
            channels=settings.channels,
            bug=settings.bug,
            speed=settings.speed,
            unknown_outcome_delay=settings.unknown_outcome_delay,
        ) as bridge:
            await bridge.start()
            measured = await _run_outage(bridge, ledger, settings, on_progress)
            ended_at = time.monotonic()
            pending = await wait_until_posted(bridge)
            catch_up = (time.monotonic() - ended_at) * settings.speed
            await bridge.stop()
            findings = check_invariants(
                ledger, bridge.config.database, bridge.sandbox, ordinary_channels(bridge)
            )
    seconds = time.monotonic() - started_at
    return _outcome(settings, measured, findings, pending=pending, catch_up=catch_up, seconds=seconds)


async def _run_outage(
    bridge: BridgeProcess, ledger: Ledger, settings: OutageSettings, on_progress: OnProgress
) -> _Measured:
    """The same load all the time: for half the outage's time before it, then during it."""
    duration = settings.seconds / settings.speed
    pace = len(bridge.config.channels) * duration / (settings.tickets * settings.surplus)
    measured = _Measured([], [], Counter(), Counter())
    async with under_load(bridge, ledger, pace=pace, seed=settings.seed, staff=None):
        await bridge.wait_for_2xx()
        await asyncio.sleep(1)  # the first connections are slower, and not measured
        ledger.seconds.clear()
        await asyncio.sleep(duration / 2)
        measured.before, ledger.seconds = ledger.seconds, []
        tickets_before = len(ledger.tickets)
        for number, fault in enumerate(_FAULTS):
            on_progress(number, len(_FAULTS))
            fault_started_at = time.monotonic()
            measured.requests[fault] = await _fail_for(bridge, fault, duration / len(_FAULTS))
            lasted = (time.monotonic() - fault_started_at) * settings.speed  # longer on a busy machine
            measured.allowed[fault] = int(lasted / _REQUEST_GAP) + 1
        measured.during, measured.tickets = ledger.seconds, len(ledger.tickets) - tickets_before
    return measured


async def _fail_for(bridge: BridgeProcess, fault: str, seconds: float) -> int:
    """Inject one fault for so long; the most requests that came for any one channel."""
    state = bridge.sandbox.state
    if fault == "refused":
        await bridge.close_discord()
        await asyncio.sleep(seconds)
        bridge.sandbox.fail("503", times=None)  # no request succeeds until the next fault begins
        await bridge.open_discord()
        return 0
    bridge.sandbox.clear_faults()
    bridge.sandbox.fail(fault, times=None)
    state.requests.clear()
    await asyncio.sleep(seconds)
    if fault == _FAULTS[-1]:
        bridge.sandbox.clear_faults()
    channels = (
        request.path.split("/")[2] for request in state.requests if request.path.startswith("/channels/")
    )
    return max(Counter(channels).values(), default=0)


def _outcome(
    settings: OutageSettings,
    measured: _Measured,
    findings: Findings,
    *,
    pending: int,
    catch_up: float,
    seconds: float,
) -> Outcome:
    before, during = p99(measured.before), p99(measured.during)
    wrong = list(findings.wrong)
    if pending:
        wrong.append(f"{pending} deliveries were not posted after it")
    if measured.tickets < settings.tickets:
        wrong.append(f"only {measured.tickets} tickets were acknowledged during it")
    for fault, count in (measured.requests - measured.allowed).items():
        allowed = measured.allowed[fault]
        wrong.append(f"one channel caused {allowed + count} requests, not {allowed} ({fault})")
    if during > settings.slower * before:
        wrong.append(f"99 of 100 tickets took {during * 1000:.0f} ms instead of {before * 1000:.0f} ms")
    return Outcome(
        name="outage",
        wrong=wrong,
        figures={
            f"Discord away (s, passed {settings.speed:g} times as fast)": f"{settings.seconds:.0f}",
            "tickets acknowledged during it": f"{measured.tickets}",
            "99 of 100 within (ms), before and during": f"{before * 1000:.1f}, {during * 1000:.1f}",
            f"requests for one channel in {settings.seconds / len(_FAULTS):.0f} s, at most": ", ".join(
                f"{fault} {measured.requests[fault]}" for fault in _FAULTS[1:]
            )
            + f" (allowed: {max(measured.allowed.values())})",
            "everything posted after it within (s)": f"{catch_up:.0f}",
            "messages that show several tickets": f"{findings.digests}",
            "lost, twice, out of order": f"{findings.lost}, {findings.twice}, {findings.out_of_order}",
            "seconds": f"{seconds:.0f}",
        },
    )
