"""The command line: the module of each command of `ticketbridge`, imported when the command is called."""

import contextlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

_NO_LIMIT = 10_000  # characters; the default is what fits on the line
COMMANDS = {
    "run": "bot.cli.run:run",
    "demo": "bot.cli.demo:demo",
    "backup": "bot.cli.backups:backup",
    "restore": "bot.cli.backups:restore",
    "workspace": "bot.cli.workspaces:workspaces",
    "key": "bot.cli.keys:keys",
    "webhook": "bot.cli.webhooks:webhooks",
    "link": "bot.cli.links:links",
    "player": "bot.cli.players:players",
    "retention": "bot.cli.retention:retention",
    "block": "bot.cli.blocks:blocks",
    "rejected": "bot.cli.rejected:rejected",
    "outbox": "bot.cli.outbox:outbox",
}


class WholeHelpGroup(TyperGroup):
    """A command whose help has the whole sentence about each of its commands, on several lines if needed."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, command.get_short_help_str(_NO_LIMIT)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class LazyCommands(Mapping[str, Any]):
    """The commands by name, imported when they are looked up: `run` starts without the others."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(module), attribute)
        parent = typer.Typer(add_completion=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=name, cls=WholeHelpGroup)
        else:
            parent.command(name)(found)
        return typer.main.get_group(parent).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class LazyGroup(WholeHelpGroup):
    """The command `ticketbridge` itself."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands()  # type: ignore[assignment]  # nothing is added to it


app = typer.Typer(
    name="ticketbridge",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,  # they may hold a key; some versions of typer show them
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ticketbridge {version('ticketbridge')}")
        raise typer.Exit


@app.callback()
def ticketbridge(
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bridge game tickets to Discord."""


def main() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        app()
