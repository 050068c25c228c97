"""Starts the load on its own cores, and says of a run what was measured or what is wrong with it."""

import asyncio
import itertools
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tests.bench.client import Answers, Errand
from tests.bench.cores import Cores, on

ROOT = Path(__file__).parents[2]
_runs = itertools.count(1)


class LoadFailed(Exception):
    """The client itself ended early. The message is what it said last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run against one server. `accepted` counts every 2xx of it, warming up and winding down too."""

    rate: float  # 2xx a second
    p50: float  # seconds
    p99: float
    accepted: int
    different: int | None  # bodies of 2xx; None where the client does not look
    refused: Counter[str] = field(default_factory=Counter)  # answers that are no 2xx
    broken: int = 0
    unheard: int = 0  # requests that may have been carried out though their answer was not waited for
    busy: float | None = None  # share of its core the client used

    def wrong(self, kept: int | None) -> str | None:
        """Why it must not be counted. `kept` are the rows it left; None for a server that keeps nothing."""
        if self.refused or self.broken:
            said = ", ".join(f"{count} times {status}" for status, count in sorted(self.refused.items()))
            return f"not everything was accepted: {said or 'no status'}, {self.broken} broken connections"
        if not self.accepted or not self.rate:
            return "nothing was accepted"
        if kept is None:
            return None
        if not self.accepted <= kept <= self.accepted + self.unheard:
            return f"{self.accepted} were accepted, and {kept} are in the file"
        if self.different is not None and self.different != self.accepted:
            return f"{self.accepted} were accepted, with only {self.different} different answers"
        return None


async def put_on(errand: Errand, cores: Cores) -> Load:
    """Our own client, a process for each of its cores. Raises LoadFailed."""
    errand = replace(errand, name=f"{errand.name}-{os.getpid()}-{next(_runs)}")
    parts = _shares(errand, max(1, min(len(cores.client), errand.connections)))
    heard = await asyncio.gather(*(_run(part, cores) for part in parts))
    return _load(heard)


def _shares(errand: Errand, processes: int) -> list[Errand]:
    """The same errand, its connections and requests dealt out evenly."""
    return [
        replace(
            errand,
            connections=len(range(number, errand.connections, processes)),
            requests=None if errand.requests is None else len(range(number, errand.requests, processes)),
            name=f"{errand.name}-{number}",
        )
        for number in range(processes)
    ]


async def _run(errand: Errand, cores: Cores) -> Answers:
    with on(cores.client):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.client", cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    said, trouble = await process.communicate(json.dumps(asdict(errand)).encode())
    if process.returncode:
        raise LoadFailed(trouble.decode(errors="replace").strip().rpartition("\n")[2])
    told = json.loads(said)
    return Answers(**told | {"statuses": Counter(told["statuses"])})


def _load(heard: Sequence[Answers]) -> Load:
    statuses = sum((one.statuses for one in heard), Counter[str]())
    times = sorted(itertools.chain.from_iterable(one.microseconds for one in heard))
    seconds = max(one.seconds for one in heard)
    accepted = {status: count for status, count in statuses.items() if status.startswith("2")}
    return Load(
        rate=len(times) / seconds if seconds > 0 else 0.0,
        p50=statistics.median(times) / 1e6 if times else 0.0,
        p99=times[int(len(times) * 0.99)] / 1e6 if times else 0.0,
        accepted=sum(accepted.values()),
        different=sum(one.bodies for one in heard),
        refused=statuses - Counter(accepted),
        broken=sum(one.broken for one in heard),
        busy=max(one.busy for one in heard),
    )
