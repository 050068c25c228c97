"""Which processor core measures and which is measured, so that neither takes time from the other."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """The server has one core for itself, the clients have the others."""

    server: frozenset[int]
    client: frozenset[int]

    @property
    def apart(self) -> bool:
        return bool(self.server) and not self.server & self.client

    def __str__(self) -> str:
        if not self.apart:
            return "not pinned apart on this machine"
        return f"server on core {_listed(self.server)}, clients on core {_listed(self.client)}"


def split() -> Cores:
    """The cores this process may use. Where they cannot be told apart, both sides share what there is."""
    if sys.platform != "linux":  # elsewhere Python cannot pin
        return Cores(server=frozenset(), client=frozenset())
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores(server=frozenset([first]), client=frozenset(others or [first]))


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Processes started in the block run there, with every thread of theirs; so does this one meanwhile."""
    if not cores or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _listed(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))
