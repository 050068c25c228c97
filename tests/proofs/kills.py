"""Proof: killed again and again under load, with answers of Discord lost, it loses and repeats nothing."""

import asyncio
import random
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.invariant_checker import Findings, check_invariants, count_pending
from tests.proofs.load import Ledger, ordinary_channels, under_load
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress, p99
from tests.proofs.process_harness import BridgeProcess, bridge_process

_POSTING_TIMEOUT = 600.0  # seconds for everything to be posted after the last kill


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSettings:
    kills: int = 200
    tickets: int = 20_000  # acknowledged, at least
    window: float = 300.0  # seconds for which Discord knows a nonce
    drops: float = 0.05  # share of Discord's answers lost after the effect
    never: float = 0.0  # share of requests to Discord lost before they had an effect
    late: float = 0.0  # share of requests for new messages that are not answered and have their effect late
    effect_after: float = 2.0  # seconds after which such an effect comes
    speed: float = 1.0  # how many times shorter the waits for Discord are
    echo: bool = True  # whether the gateway sends the bot its own messages
    channels: int = 18
    pace: float = 0.12  # seconds between two tickets of each game server
    life: float = 2.4  # seconds a process has at most after its first answer
    seed: int = 1
    bug: str | None = None
    most: float = 1500.0  # seconds of killing; after them it goes on to the end with what there is


async def kills(settings: KillSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Kill and restart the bridge under load, then check what is stored and what is posted."""
    ledger = Ledger()
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(
            Path(folder),
            channels=settings.channels,
            bug=settings.bug,
            speed=settings.speed,
            nonce_window=settings.window,
            echo=settings.echo,
            seed=settings.seed,
        ) as bridge:
            _inject_faults(bridge, settings)
            await _kill_under_load(bridge, ledger, settings, on_progress)
            rate = len(ledger.tickets) / (time.monotonic() - started_at)
            pending = await wait_until_posted(bridge)
            await bridge.stop()
            findings = check_invariants(
                ledger, bridge.config.database, bridge.sandbox, ordinary_channels(bridge)
            )
    seconds = time.monotonic() - started_at
    return _outcome(settings, bridge, ledger, findings, rate=rate, pending=pending, seconds=seconds)


def _inject_faults(bridge: BridgeProcess, settings: KillSettings) -> None:
    if settings.late:
        bridge.sandbox.fail(
            "reset",
            method="POST",
            path=r"/channels/\d+/messages$",
            when="early",
            times=None,
            chance=settings.late,
            effect_delay=settings.effect_after,
        )
    if settings.never:
        bridge.sandbox.fail("reset", times=None, chance=settings.never)
    if settings.drops:
        bridge.sandbox.fail("reset", when="after", times=None, chance=settings.drops)


async def _kill_under_load(
    bridge: BridgeProcess, ledger: Ledger, settings: KillSettings, on_progress: OnProgress
) -> None:
    rng = random.Random(settings.seed)  # noqa: S311 - repeatable, no secret
    deadline = time.monotonic() + settings.most
    steps = settings.kills + settings.tickets
    enough = asyncio.Event()

    def show() -> None:
        on_progress(min(bridge.kills, settings.kills) + min(len(ledger.tickets), settings.tickets), steps)
        if len(ledger.tickets) >= settings.tickets:
            enough.set()

    await bridge.start()
    async with under_load(bridge, ledger, pace=settings.pace, seed=settings.seed, on_accepted=show):
        while bridge.kills < settings.kills and time.monotonic() < deadline:
            if rng.random() < 0.15:  # while it is still starting
                await asyncio.sleep(rng.uniform(0.0, 1.5))
            else:
                await bridge.wait_for_2xx()
                await asyncio.sleep(rng.uniform(0.0, settings.life))
            await bridge.kill()
            await bridge.start()
            show()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await enough.wait()
        await bridge.wait_for_2xx()


async def wait_until_posted(bridge: BridgeProcess, seconds: float = _POSTING_TIMEOUT) -> int:
    """Wait until Discord has everything; the number of deliveries still pending after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not await asyncio.to_thread(count_pending, bridge.config.database):
            return 0
        await asyncio.sleep(0.1)
    return count_pending(bridge.config.database)


def _outcome(
    settings: KillSettings,
    bridge: BridgeProcess,
    ledger: Ledger,
    findings: Findings,
    *,
    rate: float,
    pending: int,
    seconds: float,
) -> Outcome:
    wrong = list(findings.wrong)
    if pending:
        wrong.append(f"{pending} deliveries still waited {_POSTING_TIMEOUT:.0f} s after the last kill")
    if bridge.kills < settings.kills or len(ledger.tickets) < settings.tickets:
        wrong.append(f"only {bridge.kills} kills and {len(ledger.tickets)} tickets in {settings.most:.0f} s")
    return Outcome(
        name=f"kills, window {settings.window:.0f} s, {'with' if settings.echo else 'without'} echo",
        wrong=wrong,
        figures={
            "kills": f"{bridge.kills}",
            "tickets acknowledged": f"{len(ledger.tickets)} ({rate:.0f} a second)",
            "of these sent again with their key": f"{ledger.retried}",
            "of unknown outcome": f"{len(ledger.unknown)}",
            "saved": f"{findings.tickets}",
            "replies and follow-ups confirmed, saved": f"{len(ledger.messages)}, {findings.messages}",
            "messages that show several tickets": f"{findings.digests}",
            "lost": f"{findings.lost}",
            "twice": f"{findings.twice}",
            "out of order": f"{findings.out_of_order}",
            "first 2xx after a restart (s)": _percentiles(sorted(bridge.restarts)),
            "seconds": f"{seconds:.0f}",
        },
    )


def _percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    return f"median {statistics.median(seconds):.2f}, 99 of 100 {p99(seconds):.2f}, longest {seconds[-1]:.2f}"
