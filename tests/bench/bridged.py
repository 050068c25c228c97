"""`ticketbridge run` over a folder's config.toml, with no limit on how often one sender may file.

`python -m tests.bench.bridged FOLDER [MODULE]`, the module being one it is to do without. A load from one
machine has one address and one key, and would measure the limits. They still count, only nobody reaches them.
Everything else is as an operator has it.
"""

import sys
from dataclasses import replace
from pathlib import Path

import bot.application
from bot.__main__ import app
from bot.sources.contract import Source
from bot.sources.registry import load_sources


def unlimited() -> dict[str, Source]:
    return {
        name: replace(source, rate_limit=replace(source.rate_limit, requests=10**9, seconds=0.001))
        for name, source in load_sources().items()
    }


def main() -> None:
    vars(bot.application)["load_sources"] = unlimited
    for absent in filter(None, sys.argv[2:]):
        vars(sys)["modules"][absent] = None
    app(["run", "--config", str(Path(sys.argv[1]) / "config.toml")])


if __name__ == "__main__":
    main()
