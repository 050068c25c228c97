"""Runs the load client on its own cores; the figures of a run, or why it does not count."""

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

from tests.bench.client import Answers, LoadSpec
from tests.bench.cores import Cores, on

ROOT = Path(__file__).parents[2]
_runs = itertools.count(1)


class LoadFailed(Exception):
    """The client itself exited early. The message is the end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run against one server. `accepted` counts every 2xx, also those outside the measured time."""

    rate: float  # 2xx a second
    p50: float  # seconds
    p99: float
    accepted: int
    different: int | None  # bodies of 2xx; None where the client does not look
    refused: Counter[str] = field(default_factory=Counter)  # answers that are no 2xx
    broken: int = 0
    unanswered: int = 0  # requests that may have been carried out though their answer never came
    busy: float | None = None  # share of its core the client used

    def wrong(self, stored: int | None) -> str | None:
        """Why it must not be counted. `stored` are its rows; None for a server without a database."""
        if self.refused or self.broken:
            refusals = ", ".join(f"{count} times {status}" for status, count in sorted(self.refused.items()))
            return f"not everything was accepted: {refusals or 'no status'}, {self.broken} broken connections"
        if not self.accepted or not self.rate:
            return "nothing was accepted"
        if stored is None:
            return None
        if not self.accepted <= stored <= self.accepted + self.unanswered:
            return f"{self.accepted} were accepted, and {stored} are in the file"
        if self.different is not None and self.different != self.accepted:
            return f"{self.accepted} were accepted, with only {self.different} different answers"
        return None


async def run_load(load_spec: LoadSpec, cores: Cores) -> Load:
    """Run our own client, a process for each of its cores. Raises LoadFailed."""
    load_spec = replace(load_spec, name=f"{load_spec.name}-{os.getpid()}-{next(_runs)}")
    parts = _shares(load_spec, max(1, min(len(cores.client), load_spec.connections)))
    answers = await asyncio.gather(*(_run(part, cores) for part in parts))
    return _load(answers)


def _shares(load_spec: LoadSpec, processes: int) -> list[LoadSpec]:
    """The same errand, its connections and requests dealt out evenly."""
    return [
        replace(
            load_spec,
            connections=len(range(number, load_spec.connections, processes)),
            requests=None
            if load_spec.requests is None
            else len(range(number, load_spec.requests, processes)),
            name=f"{load_spec.name}-{number}",
        )
        for number in range(processes)
    ]


async def _run(load_spec: LoadSpec, cores: Cores) -> Answers:
    with on(cores.client):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.client", cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    output, trouble = await process.communicate(json.dumps(asdict(load_spec)).encode())
    if process.returncode:
        raise LoadFailed(trouble.decode(errors="replace").strip().rpartition("\n")[2])
    result = json.loads(output)
    return Answers(**result | {"statuses": Counter(result["statuses"])})


def _load(answers: Sequence[Answers]) -> Load:
    statuses = sum((one.statuses for one in answers), Counter[str]())
    times = sorted(itertools.chain.from_iterable(one.microseconds for one in answers))
    seconds = max(one.seconds for one in answers)
    accepted = {status: count for status, count in statuses.items() if status.startswith("2")}
    return Load(
        rate=len(times) / seconds if seconds > 0 else 0.0,
        p50=statistics.median(times) / 1e6 if times else 0.0,
        p99=times[int(len(times) * 0.99)] / 1e6 if times else 0.0,
        accepted=sum(accepted.values()),
        different=sum(one.bodies for one in answers),
        refused=statuses - Counter(accepted),
        broken=sum(one.broken for one in answers),
        busy=max(one.busy for one in answers),
    )
