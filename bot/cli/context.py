"""How a command asks for something, and how it ends when the answer is no: one sentence, exit status 1."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from bot.admin.service import AdminError, JsonObject
from bot.admin.service import execute as ask_holder
from bot.cli.output import escape_controls
from bot.config import ConfigError, Settings, load_settings
from bot.sources.registry import load_sources
from bot.tickets.errors import TicketError
from storage import StorageError

T = TypeVar("T")

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file.  [default: config.toml, if there is one]")
]
_SNOWFLAKES: dict[str, Any] = {"min": 1, "max": 2**63 - 1}  # what a Discord id is
DiscordId = Annotated[int, typer.Option(**_SNOWFLAKES, help="A Discord id: right-click, Copy ID.")]
OptionalDiscordId = Annotated[int | None, typer.Option(**_SNOWFLAKES, metavar="ID", help="A Discord id.")]

# What can be dropped again: the option that names it, and what it is then.
CLEARABLE: dict[str, tuple[str, object]] = {
    "channel_id": ("channel", None),
    "categories": ("category", []),
    "members": ("member", []),
    "departments": ("department", []),
    "max_open": ("max-open", None),
    "log_channel_id": ("log-channel", None),
}


def settings(config: Path | None) -> Settings:
    try:
        return load_settings(config or Path("config.toml"), required=config is not None)
    except ConfigError as error:
        abort(str(error))


def call_service(config: Path | None, command: str, **arguments: object) -> list[JsonObject]:
    """What `Administration` answers; on a refusal the command ends."""
    database = settings(config).storage.path
    return run_async(ask_holder(database, load_sources(), command, **arguments))


def run_async(coroutine: Coroutine[Any, Any, T], *expected: type[Exception]) -> T:
    """Run it; of `refusals`, and of what a command is always refused with, the sentence is told."""
    reported: tuple[type[Exception], ...] = (StorageError, AdminError, TicketError, *expected)
    try:
        with asyncio.Runner(loop_factory=_event_loop()) as runner:
            return runner.run(coroutine)
    except reported as error:
        abort(str(error))


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where the extra `speed` is installed; else None, for Python's own."""
    if find_spec("uvloop") is None:
        return None
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return new_event_loop


def abort(sentence: str) -> NoReturn:
    """It may quote what was typed or sent, so nothing in it reaches the terminal as a control."""
    lines = "\n".join(map(escape_controls, sentence.split("\n")))
    typer.echo(f"ticketbridge: {lines}", err=True)
    raise typer.Exit(1)


def changed_fields(**fields: object) -> dict[str, object]:
    """Those that were named on the command line."""
    return {name: part for name, part in fields.items() if part is not None}


def cleared_fields(fields: dict[str, object], **clear: bool) -> dict[str, object]:
    """What is empty from now on. Who names a value and drops it as well is asked which."""
    names = [name for name, gone in clear.items() if gone]
    for name in names:
        option, _ = CLEARABLE[name]
        if name in fields:
            abort(f"Give --{option} or --no-{option}, not both.")
    return {name: CLEARABLE[name][1] for name in names}
