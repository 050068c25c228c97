"""Find the sources: every folder of `bot/sources` that exports `SOURCE`."""

import importlib
import pkgutil

import bot.sources
from bot.sources.contract import Source


def load_sources() -> dict[str, Source]:
    """Import every source, by name. Raises TypeError for a folder that exports none, and says what to do."""
    sources = {}
    for module_info in pkgutil.iter_modules(bot.sources.__path__):
        if module_info.ispkg:  # a module is code that the sources share
            source = _load(module_info.name)
            sources[source.name] = source
    return sources


def _load(name: str) -> Source:
    source = getattr(importlib.import_module(f"bot.sources.{name}"), "SOURCE", None)
    if not isinstance(source, Source) or source.name != name:
        raise TypeError(f"bot/sources/{name} must export SOURCE = Source(name={name!r}, ...)")
    return source
