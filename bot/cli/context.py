"""Load the settings, call the admin service, and end with one sentence and exit code 1 on an error."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Concatenate, NoReturn, ParamSpec, TypeVar

import typer

from bot.admin.remote import execute
from bot.admin.service import AdminError, AdminService, JsonObject
from bot.config import ConfigError, Settings, load_settings
from bot.observability.logging import escape_controls
from bot.sources.registry import load_sources
from bot.tickets.errors import TicketError
from storage import StorageError

T = TypeVar("T")
P = ParamSpec("P")

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file (default: config.toml, if there is one).")
]


def parse_id(text: str) -> int:
    """An id of Discord or of the database: 1 to 2**63 - 1."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
        raise typer.BadParameter(f"{text} is not an id.")
    return int(text)


DiscordId = Annotated[
    int, typer.Option(parser=parse_id, metavar="ID", help="A Discord id: right-click, Copy ID.")
]
OptionalDiscordId = Annotated[int | None, typer.Option(parser=parse_id, metavar="ID", help="A Discord id.")]
RowId = Annotated[int, typer.Argument(parser=parse_id, metavar="ID", help="As the list shows it.")]

# Fields that can be cleared: the option that sets each, and its value once cleared.
CLEARABLE: dict[str, tuple[str, object]] = {
    "channel_id": ("channel", None),
    "categories": ("category", []),
    "members": ("member", []),
    "departments": ("department", []),
    "max_open": ("max-open", None),
    "log_channel_id": ("log-channel", None),
    "retention_days": ("retention-days", None),
    "watcher_role_id": ("watcher-role", None),
    "admin_role_id": ("admin-role", None),
    "staff_role_id": ("staff-role", None),
}


def config_path(config: Path | None) -> Path:
    return config or Path("config.toml")


def settings(config: Path | None) -> Settings:
    try:
        return load_settings(config_path(config), required=config is not None)
    except ConfigError as error:
        abort(str(error))


def call_service(
    config: Path | None,
    command: Callable[Concatenate[AdminService, P], Awaitable[list[JsonObject]]],
    *args: P.args,
    **arguments: P.kwargs,
) -> list[JsonObject]:
    """Run a method of AdminService on the configured database; on an error the command ends."""
    loaded = settings(config)
    networks = loaded.push.allowed_networks
    return run_async(execute(loaded.storage.path, load_sources(), command, networks, *args, **arguments))


def run_async(coroutine: Coroutine[Any, Any, T], *expected: type[Exception]) -> T:
    """Run it; of the `expected` errors, and of those of every command, only the sentence is printed."""
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
    """End with exit code 1. The sentence may quote input, so its control characters are escaped."""
    lines = "\n".join(map(escape_controls, sentence.split("\n")))
    typer.echo(f"ticketbridge: {lines}", err=True)
    raise typer.Exit(1)


def changed_fields(**fields: object) -> dict[str, Any]:
    """The fields that were given on the command line."""
    return {name: value for name, value in fields.items() if value is not None}


def cleared_fields(changes: dict[str, Any], **clear: bool) -> dict[str, Any]:
    """The fields to clear, with their empty values; the command ends if one is changed as well."""
    names = [name for name, is_cleared in clear.items() if is_cleared]
    for name in names:
        option, _ = CLEARABLE[name]
        if name in changes:
            abort(f"Give --{option} or --no-{option}, not both.")
    return {name: CLEARABLE[name][1] for name in names}
