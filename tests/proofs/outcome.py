"""A reliability proof, its settings and its outcome."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

OnProgress = Callable[[int, int], object]  # called with the steps done and the steps in all


def ignore_progress(done: int, of: int) -> None:
    """Show nothing."""


def p99(seconds: Sequence[float]) -> float:
    """The 99th percentile; of fewer than 100 values, the largest."""
    return sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a proof measured, and every promise it saw broken."""

    name: str
    figures: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # sentences

    @property
    def good(self) -> bool:
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof and the settings it runs with."""

    check: Callable[[Any, OnProgress], Awaitable[Outcome]]
    settings: Any

    async def run(self, on_progress: OnProgress = ignore_progress) -> Outcome:
        return await self.check(self.settings, on_progress)
