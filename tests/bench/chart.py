"""Chart of accepted requests a second of each server, as an SVG without external resources."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.bench.report_table import Bar

_HIGH = 0.75  # of a server's height, its bars together


def drawable() -> bool:
    return find_spec("matplotlib") is not None


def draw(bars: Sequence[Bar], file: Path) -> None:
    """Draw a group of bars for each server, the first on top, each with its figure beside it."""
    import matplotlib
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys(group for bar in bars for group in bar.values))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ticketbridge"}):
        figure = Figure(figsize=(9, 1.2 + 0.7 * len(bars)), layout="constrained")
        axes = figure.subplots()
        for number, group in enumerate(groups):
            places = [place + (number + 0.5) * _HIGH / len(groups) for place in range(len(bars))]
            values = [bar.values.get(group, 0.0) for bar in bars]
            drawn = axes.barh(places, values, height=_HIGH / len(groups), label=group)
            axes.bar_label(drawn, labels=[f"{value:,.0f}" if value else "-" for value in values], padding=3)
        axes.set_yticks([place + _HIGH / 2 for place in range(len(bars))], [bar.name for bar in bars])
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_title("Accepted requests a second (more is better)")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=max(1, len(groups)))
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
