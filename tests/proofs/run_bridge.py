"""The whole bridge in its own process: `python -m tests.proofs.run_bridge FOLDER [COMMAND ...]`.

It is `ticketbridge run`, or another command, with the folder's `config.toml`, and exits when its standard
input closes, so that it never outlives the proof. With `--speed 20` each wait for Discord is twenty times
shorter, and with `--game-speed 20` each wait for a game server that does not take what happened; `--bug BUG`
injects a bug, to see that a proof notices.
"""

import argparse
import os
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

import bot.application
import bot.clock
import bot.discord_client.client
import bot.outbox.dispatcher
import bot.tickets.pushes
import bot.webhook.notifications
import cogs.posts.errors
from bot.outbox.circuit_breaker import BreakerSettings
from tests.proofs.injected_bugs import INJECTED_BUGS, replace_attribute

# Every constant that is a time to wait for Discord. Each is read when it is used, not when it is imported.
_WAITS = {
    bot.discord_client.client: ("REQUEST_SECONDS",),
    bot.outbox.dispatcher: ("ATTEMPT_SECONDS", "MAX_BACKOFF_SECONDS"),
    cogs.posts.errors: (
        "RETRY_DELAY_SECONDS",
        "FIRST_WAIT_SECONDS",
        "LONGEST_WAIT_SECONDS",
        "LONGEST_EDIT_WAIT_SECONDS",
    ),
}
_LONGEST_CONFIRMATION = timedelta(seconds=3)


def shorten_waits(speed: float) -> None:
    """Divide every wait by `speed`. Call it before the command line is imported."""
    for module, names in _WAITS.items():
        for name in names:
            setattr(module, name, getattr(module, name) / speed)
    fast = partial(bot.application.run_application, breaker_settings=scaled_backoff(speed))
    bot.application.run_application = fast


def shorten_waits_for_games(speed: float) -> None:
    """Divide the waits before an event is pushed or told again by `speed`.

    What was told is not told again before its confirmation can have come.
    """
    bot.tickets.pushes.SCHEDULE = tuple(wait / speed for wait in bot.tickets.pushes.SCHEDULE)
    repeat_after = bot.webhook.notifications.REPEAT_AFTER / speed
    bot.webhook.notifications.REPEAT_AFTER = max(repeat_after, _LONGEST_CONFIRMATION)


def scaled_backoff(speed: float) -> BreakerSettings:
    slow = BreakerSettings()
    return replace(
        slow,
        min_backoff=slow.min_backoff / speed,
        max_backoff=slow.max_backoff / speed,
        forbidden_backoff=slow.forbidden_backoff / speed,
        min_retry_gap=slow.min_retry_gap / speed,
    )


def move_clock(ahead: Path) -> None:
    """Let the process's clock differ from the system's by the seconds in a file, whatever they are now."""

    class MovedClock:
        @staticmethod
        def now(tz: tzinfo) -> datetime:
            return datetime.now(tz) + timedelta(seconds=float(ahead.read_text()))

    replace_attribute(bot.clock, "datetime", MovedClock)


def _exit_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # not a buffered read: that would abort an exit while it waits
    os._exit(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("command", nargs="*", default=["run"])
    parser.add_argument("--bug", choices=sorted(INJECTED_BUGS))
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--game-speed", type=float, default=1.0)
    arguments = parser.parse_args()
    shorten_waits(arguments.speed)
    shorten_waits_for_games(arguments.game_speed)
    if arguments.bug:
        INJECTED_BUGS[arguments.bug](arguments.folder)
    clock = arguments.folder / "clock"
    if clock.exists():
        move_clock(clock)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    from bot.__main__ import app  # after the waits are set

    app([*arguments.command, "--config", str(arguments.folder / "config.toml")])


if __name__ == "__main__":
    main()
