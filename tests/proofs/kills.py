"""Proof: killed again and again under load, with answers of Discord's lost, it loses and repeats nothing."""

import asyncio
import random
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.invariant_checker import Verdict, judge, waiting
from tests.proofs.load import Ledger, senders, under_load
from tests.proofs.outcome import Outcome, Step, p99
from tests.proofs.process_harness import House, opened

_DRAIN = 600.0  # seconds that what waits may take to be posted once the killing is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Kills:
    """How it is done."""

    kills: int = 200
    tickets: int = 20_000  # acknowledged, at least
    window: float = 300.0  # seconds for which Discord knows a nonce
    drops: float = 0.05  # of Discord's answers, lost after the effect
    never: float = 0.0  # of Discord's answers, lost ahead of an effect that never comes
    late: float = 0.0  # of Discord's answers to new messages, lost ahead of an effect that comes late
    effect_after: float = 2.0  # seconds after which such an effect comes
    speed: float = 1.0  # how many times shorter the waits for Discord are
    echo: bool = True  # whether the gateway tells the bot of what it posted
    channels: int = 18
    pace: float = 0.12  # seconds between two tickets of each sender
    life: float = 2.4  # seconds a process has at most after its first answer
    seed: int = 1
    plant: str | None = None
    most: float = 1500.0  # seconds of killing; past them it goes on to the end with what there is


async def kills(told: Kills, step: Step = lambda done, of: None) -> Outcome:
    """Kill, restart, and judge at last what is kept and what is shown."""
    ledger = Ledger()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with opened(
            Path(folder),
            channels=told.channels,
            plant=told.plant,
            speed=told.speed,
            nonce_window=told.window,
            echo=told.echo,
            seed=told.seed,
        ) as house:
            _trouble(house, told)
            await _kill_under_load(house, ledger, told, step)
            rate = len(ledger.tickets) / (time.monotonic() - began)
            left = await drained(house)
            await house.stop()
            ordinary = frozenset(house.opening.channels[s.category] for s in senders(house) if s.ordinary)
            verdict = judge(ledger, house.opening.database, house.sandbox, ordinary)
    return _outcome(told, house, ledger, verdict, rate=rate, left=left, seconds=time.monotonic() - began)


def _trouble(house: House, told: Kills) -> None:
    if told.late:
        messages = r"/channels/\d+/messages$"
        house.sandbox.fail(
            "reset",
            method="POST",
            path=messages,
            when="early",
            times=None,
            chance=told.late,
            effect_delay=told.effect_after,
        )
    if told.never:
        house.sandbox.fail("reset", times=None, chance=told.never)
    if told.drops:
        house.sandbox.fail("reset", when="after", times=None, chance=told.drops)


async def _kill_under_load(house: House, ledger: Ledger, told: Kills, step: Step) -> None:
    chance = random.Random(told.seed)  # noqa: S311 - repeatable, no secret
    until = time.monotonic() + told.most
    work = told.kills + told.tickets

    enough = asyncio.Event()

    def show() -> None:
        step(min(house.kills, told.kills) + min(len(ledger.tickets), told.tickets), work)
        if len(ledger.tickets) >= told.tickets:
            enough.set()

    await house.start()
    async with under_load(house, ledger, pace=told.pace, seed=told.seed, acknowledged=show):
        while house.kills < told.kills and time.monotonic() < until:
            if chance.random() < 0.15:  # while it is still coming up
                await asyncio.sleep(chance.uniform(0.0, 1.5))
            else:
                await house.answers()
                await asyncio.sleep(chance.uniform(0.0, told.life))
            await house.kill()
            await house.start()
            show()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await enough.wait()
        await house.answers()


async def drained(house: House, seconds: float = _DRAIN) -> int:
    """Wait until Discord has everything; how many deliveries still wait after so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not await asyncio.to_thread(waiting, house.opening.database):
            return 0
        await asyncio.sleep(0.25)
    return waiting(house.opening.database)


def _outcome(
    told: Kills,
    house: House,
    ledger: Ledger,
    verdict: Verdict,
    *,
    rate: float,
    left: int,
    seconds: float,
) -> Outcome:
    wrong = list(verdict.wrong)
    if left:
        wrong.append(f"{left} deliveries still waited {_DRAIN:.0f} s after the last kill")
    if house.kills < told.kills or len(ledger.tickets) < told.tickets:
        wrong.append(f"only {house.kills} kills and {len(ledger.tickets)} tickets in {told.most:.0f} s")
    restarts = sorted(house.restarts)
    return Outcome(
        name=f"kills, window {told.window:.0f} s, {'with' if told.echo else 'without'} echo",
        wrong=wrong,
        figures={
            "kills": f"{house.kills}",
            "tickets acknowledged": f"{len(ledger.tickets)} ({rate:.0f} a second)",
            "of these sent again with their key": f"{ledger.insisted}",
            "of unknown outcome": f"{len(ledger.unknown)}",
            "kept": f"{verdict.tickets}",
            "replies and follow-ups confirmed, kept": f"{len(ledger.words)}, {verdict.words}",
            "messages that show several tickets": f"{verdict.digests}",
            "lost": f"{verdict.lost}",
            "twice": f"{verdict.twice}",
            "out of order": f"{verdict.out_of_order}",
            "first 2xx after a restart (s)": _spread(restarts),
            "seconds": f"{seconds:.0f}",
        },
    )


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    return f"median {statistics.median(seconds):.2f}, 99 of 100 {p99(seconds):.2f}, longest {seconds[-1]:.2f}"
