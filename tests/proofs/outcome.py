"""A proof, and what came of it."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Step = Callable[[int, int], object]  # how far a proof is, and how far it has to go


def p99(seconds: Sequence[float]) -> float:
    """How long 99 of 100 took at most; of fewer than 100, the longest."""
    return sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Good if nothing was wrong."""

    name: str
    figures: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # sentences

    @property
    def good(self) -> bool:
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof with what it is to be done with."""

    of: Callable[[Any, Step], Awaitable[Outcome]]
    settings: Any

    async def run(self, step: Step = lambda done, of: None) -> Outcome:
        return await self.of(self.settings, step)
