"""Proof: with Discord away for ten minutes, in every way, tickets are taken as ever and posted afterwards.

The ten minutes pass ten times as fast: every wait for Discord in the process is divided by `speed`, and so is
the outage. What is counted is put in the outage's own seconds, so that the bounds are those of real time; the
load is not divided, and is that many times harder.
"""

import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.invariant_checker import Verdict, judge
from tests.proofs.kills import drained
from tests.proofs.load import Ledger, senders, under_load
from tests.proofs.outcome import Outcome, Step, p99
from tests.proofs.process_harness import House, opened

_WAYS = ("refused", "503", "hang", "reset")  # to be away: each for a quarter of the time
_BETWEEN = 5.0  # seconds, at least, between two requests for the same channel while nothing answers
_SLOWER = 1.5  # how many times longer 99 of 100 tickets may take than before the outage


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """How it is done."""

    seconds: float = 600.0  # of the outage
    tickets: int = 1500  # acknowledged during it, at least
    speed: float = 10.0
    channels: int = 18
    unknown_outcome_delay: float = 1.0  # instead of 10, which alone would bound the requests
    slower: float = _SLOWER
    seed: int = 1
    plant: str | None = None


@dataclass(slots=True)
class _Course:
    """What was measured on the way."""

    before: list[float]  # seconds of each ticket
    during: list[float]
    requests: Counter[str]  # the most for one channel, by the way of being away
    allowed: int
    tickets: int = 0


async def outage(told: Away, step: Step = lambda done, of: None) -> Outcome:
    """Go away, come back, and judge what is shown then."""
    ledger, began = Ledger(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with opened(
            Path(folder),
            channels=told.channels,
            plant=told.plant,
            speed=told.speed,
            unknown_outcome_delay=told.unknown_outcome_delay,
        ) as house:
            await house.start()
            course = await _pass_through(house, ledger, told, step)
            back = time.monotonic()
            left = await drained(house)
            posted = (time.monotonic() - back) * told.speed
            await house.stop()
            ordinary = frozenset(house.opening.channels[s.category] for s in senders(house) if s.ordinary)
            verdict = judge(ledger, house.opening.database, house.sandbox, ordinary)
    seconds = time.monotonic() - began
    return _outcome(told, course, verdict, left=left, posted=posted, seconds=seconds)


async def _pass_through(house: House, ledger: Ledger, told: Away, step: Step) -> _Course:
    """The same load all the time: for half the outage's time before it, then during it."""
    lasts = told.seconds / told.speed
    pace = len(house.opening.channels) * lasts / (told.tickets * 1.15)
    course = _Course([], [], Counter(), allowed=int(told.seconds / len(_WAYS) / _BETWEEN) + 1)
    async with under_load(house, ledger, pace=pace, seed=told.seed, staff=None):
        await house.answers()
        await asyncio.sleep(1)  # for the first connections
        ledger.seconds.clear()
        await asyncio.sleep(lasts / 2)
        course.before, ledger.seconds = ledger.seconds, []
        already = len(ledger.tickets)
        for number, way in enumerate(_WAYS):
            step(number, len(_WAYS))
            course.requests[way] = await _away(house, way, lasts / len(_WAYS))
        course.during, course.tickets = ledger.seconds, len(ledger.tickets) - already
    return course


async def _away(house: House, way: str, seconds: float) -> int:
    """Away in one way, then back at once; the most requests that any one channel caused."""
    state = house.sandbox.state
    if way == "refused":
        await house.close_discord()
        await asyncio.sleep(seconds)
        house.sandbox.fail("503", times=None)  # nothing slips through until the next way begins
        await house.open_discord()
        return 0
    house.sandbox.clear_faults()
    house.sandbox.fail(way, times=None)
    state.requests.clear()
    await asyncio.sleep(seconds)
    if way == _WAYS[-1]:
        house.sandbox.clear_faults()
    places = (
        request.path.split("/")[2] for request in state.requests if request.path.startswith("/channels/")
    )
    return max(Counter(places).values(), default=0)


def _outcome(
    told: Away, course: _Course, verdict: Verdict, *, left: int, posted: float, seconds: float
) -> Outcome:
    before, during = p99(course.before), p99(course.during)
    wrong = list(verdict.wrong)
    if left:
        wrong.append(f"{left} deliveries were not posted after it")
    if course.tickets < told.tickets:
        wrong.append(f"only {course.tickets} tickets were acknowledged during it")
    if max(course.requests.values()) > course.allowed:
        wrong.append(f"one channel caused {max(course.requests.values())} requests, not {course.allowed}")
    if during > told.slower * before:
        wrong.append(f"99 of 100 tickets took {during * 1000:.0f} ms instead of {before * 1000:.0f} ms")
    return Outcome(
        name="outage",
        wrong=wrong,
        figures={
            f"Discord away (s, passed {told.speed:g} times as fast)": f"{told.seconds:.0f}",
            "tickets acknowledged during it": f"{course.tickets}",
            "99 of 100 within (ms), before and during": f"{before * 1000:.1f}, {during * 1000:.1f}",
            f"requests for one channel in {told.seconds / len(_WAYS):.0f} s, at most": ", ".join(
                f"{way} {course.requests[way]}" for way in _WAYS[1:]
            )
            + f" (allowed: {course.allowed})",
            "everything posted after it within (s)": f"{posted:.0f}",
            "messages that show several tickets": f"{verdict.digests}",
            "lost, twice, out of order": f"{verdict.lost}, {verdict.twice}, {verdict.out_of_order}",
            "seconds": f"{seconds:.0f}",
        },
    )
