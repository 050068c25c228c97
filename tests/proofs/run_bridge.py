"""The whole bridge in its own process: `python -m tests.proofs.run_bridge FOLDER`.

It is `ticketbridge run` over the folder's `config.toml`, and ends when its standard input does: nothing is
left running when whoever started it is gone. With `--speed 20` each wait for Discord is twenty times shorter;
`--bug BUG` puts a bug in, to see that a proof notices.
"""

import argparse
import os
import sys
import threading
from pathlib import Path

import bot.discord_client.client
import bot.outbox.circuit_breaker
import bot.outbox.dispatcher
import cogs.posts.send
from bot.__main__ import app
from tests.proofs.injected_bugs import INJECTED_BUGS

# Every constant that is a time to wait for Discord. Each is read when it is used, not when it is imported.
_WAITS = {
    bot.outbox.circuit_breaker: ("MIN_BACKOFF", "MAX_BACKOFF", "FORBIDDEN_BACKOFF", "MIN_RETRY_GAP"),
    bot.discord_client.client: ("REQUEST_SECONDS",),
    bot.outbox.dispatcher: ("ATTEMPT_SECONDS", "MAX_BACKOFF_SECONDS"),
    cogs.posts.send: ("RETRY_DELAY_SECONDS",),
}


def hurry(speed: float) -> None:
    """Make the waits so many times shorter, all alike."""
    for module, names in _WAITS.items():
        for name in names:
            setattr(module, name, getattr(module, name) / speed)


def _end_with_whoever_started_it() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bug", choices=sorted(INJECTED_BUGS))
    parser.add_argument("--speed", type=float, default=1.0)
    told = parser.parse_args()
    hurry(told.speed)
    if told.bug:
        INJECTED_BUGS[told.bug](told.folder)
    threading.Thread(target=_end_with_whoever_started_it, daemon=True).start()
    app(["run", "--config", str(told.folder / "config.toml")])


if __name__ == "__main__":
    main()
