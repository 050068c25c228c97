"""`ticketbridge run` over a folder's config.toml, without rate limits.

`python -m tests.bench.run_bridge FOLDER [MODULE]`, MODULE is one that it must not import. A load from one
machine has one address and one key, and would measure the rate limits. They still count, with a maximum that
is never reached. Everything else is as in production.
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
