"""Times imports by package: `python -m tests.bench.imports MODULE` prints seconds and MB as JSON.

A package's share is that of its own modules, without what they import.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from pathlib import Path
from typing import Any

OURS, STANDARD, PYTHON = "ticketbridge itself", "the standard library", "Python itself"
_PAGE = 4096 / 1e6  # megabytes


def megabytes() -> float:
    """Resident memory in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class Shares:
    """Seconds and megabytes of each package, filled in while modules are loaded."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}
        self._inner = [[0.0, 0.0]]  # for each module being loaded: what those it imports have taken

    def watch(self, load: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a loader's method, which gets itself and a module or its spec."""

        def watched(loader: Any, module: Any) -> Any:
            started_at, held = time.perf_counter(), megabytes()
            self._inner.append([0.0, 0.0])
            try:
                return load(loader, module)
            finally:
                took, grew = time.perf_counter() - started_at, megabytes() - held
                inner_took, inner_grew = self._inner.pop()
                self._inner[-1][0] += took
                self._inner[-1][1] += grew
                share = self.found.setdefault(package_of(loader.name), [0.0, 0.0])
                share[0] += took - inner_took
                share[1] += grew - inner_grew

        return watched


def package_of(module: str) -> str:
    """The package of a module."""
    top = module.partition(".")[0]
    if top in ("bot", "cogs", "storage"):
        return OURS
    return STANDARD if top in sys.stdlib_module_names or top == "encodings" else top


def main() -> None:
    shares = Shares()
    shares.found[PYTHON] = [0.0, megabytes()]
    loaders: list[tuple[Any, str]] = [
        (SourceFileLoader, "exec_module"),
        (ExtensionFileLoader, "create_module"),
        (ExtensionFileLoader, "exec_module"),
    ]
    for loader, method in loaders:
        setattr(loader, method, shares.watch(getattr(loader, method)))
    importlib.import_module(sys.argv[1])
    print(json.dumps(shares.found))


if __name__ == "__main__":
    main()
