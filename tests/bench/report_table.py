"""Figures of several runs: median, spread, and the ratio of two servers run by run."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Runs:
    """Measurements of one figure, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def over(self, other: "Runs") -> "Runs":
        """The ratio of each round; both must have the same rounds."""
        return Runs(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    def shown(self, form: str = ",.0f", scale: float = 1.0) -> str:
        """As `1,200 (1,100 to 1,300)`: the median, and the least and the most."""
        least, middle, most = min(self.values), self.median, max(self.values)
        return f"{middle * scale:{form}} ({least * scale:{form}} to {most * scale:{form}})"


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of the values that `percent` in a hundred do not exceed; NaN of none."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)] if values else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Figures under a heading."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of the chart: one server, and its figure in each group."""

    name: str
    values: dict[str, float]


@dataclass(slots=True)
class Report:
    """Figures of a part of the benchmark. Failed runs are listed in `wrong`, and not in the figures."""

    tables: list[Table] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        self.tables += other.tables
        self.wrong += other.wrong
        self.bars += other.bars
