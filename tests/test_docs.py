"""The documents name every command, setting and source there is."""

from pathlib import Path

import pytest
from discord import app_commands
from pydantic import BaseModel
from typer import Typer
from typer.models import CommandInfo

from bot.__main__ import app
from bot.config import Settings
from bot.sources.contract import Source
from bot.sources.registry import load_sources
from cogs.setup.cog import SetupCommands
from cogs.tickets.cog import TicketCommands, tickets

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")


def command_lines(commands: Typer, path: str = "ticketbridge") -> list[str]:
    own = [f"{path} {_name_of(command)}" for command in commands.registered_commands]
    for group in commands.registered_groups:
        assert group.typer_instance is not None
        own += command_lines(group.typer_instance, f"{path} {group.name}")
    return own


def _name_of(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__


def slash_commands() -> list[str]:
    own = [
        f"/{name} {command.name}"
        for name, group in (("ticket", TicketCommands), ("setup", SetupCommands))
        for command in group.__cog_app_commands__
        if isinstance(command, app_commands.Command)
    ]
    return [*own, f"/{tickets.name}"]


def settings() -> list[tuple[str, str]]:
    return [
        (section, name)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name in field.annotation.model_fields
    ]


@pytest.mark.parametrize("line", command_lines(app))
def test_every_command_is_in_the_readme(line: str) -> None:
    assert f"`{line}" in README


@pytest.mark.parametrize("command", slash_commands())
def test_every_slash_command_is_in_the_readme(command: str) -> None:
    assert f"| `{command}` |" in README


@pytest.mark.parametrize(("section", "name"), settings())
def test_every_setting_is_in_the_readme_and_the_example(section: str, name: str) -> None:
    variable = f"TICKETBRIDGE_{section}_{name}".upper()

    assert f"`[{section}] {name}` | `{variable}`" in README
    assert f"[{section}]" in EXAMPLE
    assert f"\n{name} = " in EXAMPLE or f"\n# {name} = " in EXAMPLE
    assert variable in EXAMPLE


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: str(source.name))
def test_every_source_and_its_paths_are_documented(source: Source) -> None:
    """In the README, or beside the source: a new game touches its own folder alone."""
    own = ROOT / "bot" / "sources" / source.name / "README.md"
    text = README + (own.read_text(encoding="utf-8") if own.exists() else "")

    for route in source.operations:
        assert f"`{route.method} {route.path}`" in text
    assert f"--source {source.name}" in text


def test_the_commands_list_is_not_empty() -> None:
    assert len(command_lines(app)) == 18
    assert len(slash_commands()) == 14
    assert len(settings()) >= 5
