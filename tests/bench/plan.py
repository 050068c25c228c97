"""How much is measured: the whole benchmark, and its short form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cores import Cores

Step = Callable[[str], object]  # called with what is measured next


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Rounds, durations and sizes."""

    rounds: int = 5  # of every comparison
    seconds: float = 4.0  # of each run
    warm_seconds: float = 1.0  # before it
    connections: tuple[int, ...] = (1, 32, 128)
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)  # tickets stored
    samples: int = 200  # of each query in a round
    burst: int = 1000  # tickets
    urgent: int = 10  # of them
    idle_seconds: float = 20.0  # until the memory of an idle bridge is read
    starts: int = 7


FULL = Plan()
SHORT = Plan(
    rounds=2,
    seconds=2.0,
    warm_seconds=0.5,
    sizes=(10_000, 100_000),
    samples=50,
    burst=200,
    urgent=5,
    idle_seconds=5.0,
    starts=3,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every part of the benchmark needs."""

    plan: Plan
    cores: Cores
    folder: Path  # for temporary files
    wrk: bool  # whether wrk makes the load, and not our own client
    node_modules: Path | None  # of the peer that runs in node; None: it is left out
    step: Step = lambda what: None

    def new_folder(self, name: str) -> Path:
        """Create a new empty folder, numbered by its name."""
        number = len(list(self.folder.glob(f"{name}-*")))
        made = self.folder / f"{name}-{number}"
        made.mkdir()
        return made
