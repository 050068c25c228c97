"""Assigns processor cores, so that server and clients do not compete for one."""

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
    """Split the cores this process may use; where there is only one, both sides share it."""
    if sys.platform != "linux":  # Python cannot pin on other systems
        return Cores(server=frozenset(), client=frozenset())
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores(server=frozenset([first]), client=frozenset(others or [first]))


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Run this process and those started in the block on these cores, with all their threads."""
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
