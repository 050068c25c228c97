"""Find the sources: every folder of `bot/sources` that exports `SOURCE`."""

import importlib
import pkgutil

import bot.sources
from bot.sources.contract import Source


def load_sources() -> dict[str, Source]:
    """Every source by name. Raises TypeError, with the cure, for a folder that exports none."""
    found = {}
    for folder in pkgutil.iter_modules(bot.sources.__path__):
        if not folder.ispkg:  # what the sources share, such as reading.py
            continue
        module = importlib.import_module(f"bot.sources.{folder.name}")
        source = getattr(module, "SOURCE", None)
        if not isinstance(source, Source) or source.name != folder.name:
            raise TypeError(
                f"bot/sources/{folder.name} must export SOURCE = Source(name={folder.name!r}, ...)"
            )
        found[source.name] = source
    return found
