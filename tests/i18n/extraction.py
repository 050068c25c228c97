"""Collect every text that people read in Discord and on a ticket's page, as a gettext template.

Texts are found where they are written out: in calls of the functions in KEYWORDS, in the docstrings of
errors, in actions and slash commands, and in HTML templates. `literals.py` finds those that are written
elsewhere, and so would never be translated.
"""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from discord import app_commands
from discord.ext import commands

from bot.i18n.translations import COMMAND_NAME
from bot.tickets.actions import ACTIONS
from bot.tickets.errors import TicketError
from cogs import EXTENSIONS

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "bot" / "i18n" / "locales"
KEYWORDS = {"_", "gettext", "ngettext", "Sentence"}
FOLDERS = ("bot/tickets", "bot/sources", "cogs")
TEMPLATES = [("**.html", "jinja2")]

Text = str | tuple[str, ...]  # the tuple: singular and plural
Command = app_commands.Command[Any, ..., Any] | app_commands.Group | app_commands.ContextMenu
Found = tuple[str, Text, str | None]  # where it stands, the text, its context


def collect_texts() -> Catalog:
    """The template: each text once, with the files it stands in."""
    template = Catalog(project="ticketbridge", charset="utf-8")
    for place, text, context in sorted(set(_texts()), key=str):
        template.add(text, locations=[(place, 0)], context=context)
    return template


def _texts() -> Iterator[Found]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in texts_in_code(path.read_text("utf-8")):
                yield path.relative_to(ROOT).as_posix(), text, None
        for file, _, text, _, context in extract_from_dir(str(ROOT / folder), TEMPLATES):
            yield f"{folder}/{file}", text, context
    modules = [import_module(name) for name in EXTENSIONS]
    for error in _subclasses(TicketError):
        if _is_ours(error):
            yield _file_of(error), inspect.cleandoc(error.__doc__ or ""), None
    for action in ACTIONS.values():
        yield "bot/tickets/actions.py", action.label, None
        if action.for_reporter:
            yield "bot/tickets/actions.py", action.for_reporter.label, None
    for module in modules:
        for part in vars(module).values():
            yield from _texts_of_commands(module, part)


def texts_in_code(source: str) -> Iterator[Text]:
    """The texts in calls of KEYWORDS, also within f-strings, where Babel finds none before Python 3.12."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
            texts = [str(one.value) for one in node.args if isinstance(one, ast.Constant)]
            if node.func.id == "ngettext":
                yield (texts[0], texts[1])
            elif texts:
                yield texts[0]


def _subclasses(cls: type[TicketError]) -> Iterator[type[TicketError]]:
    for one in cls.__subclasses__():
        yield one
        yield from _subclasses(one)


def _is_ours(error: type[TicketError]) -> bool:
    return error.__module__.startswith(("bot.tickets.", "cogs."))


def _file_of(part: type) -> str:
    return part.__module__.replace(".", "/") + ".py"


def _texts_of_commands(module: ModuleType, part: object) -> Iterator[Found]:
    """Names and descriptions of the commands that a module's attribute holds, if it is a command or a cog."""
    place = module.__name__.replace(".", "/") + ".py"
    for group in _groups_in(module, part):
        yield place, str(group.__cog_group_name__), COMMAND_NAME
        yield place, str(group.__cog_group_description__), None
    for one in _commands_in(module, part):
        yield from _texts_of_command(place, one)


def _groups_in(module: ModuleType, part: object) -> list[type[commands.GroupCog]]:
    """The part itself if it is a cog whose commands form a group, and of this module."""
    if isinstance(part, type) and issubclass(part, commands.GroupCog) and part.__module__ == module.__name__:
        return [part]
    return []


def _commands_in(module: ModuleType, part: object) -> Iterator[Command]:
    if isinstance(part, type) and issubclass(part, commands.Cog) and part.__module__ == module.__name__:
        yield from part.__cog_app_commands__
    elif isinstance(part, app_commands.Command | app_commands.Group | app_commands.ContextMenu):
        yield part


def _texts_of_command(place: str, command: Command) -> Iterator[Found]:
    yield place, command.name, COMMAND_NAME
    if isinstance(command, app_commands.ContextMenu):
        return
    yield place, command.description, None
    if isinstance(command, app_commands.Group):
        for one in command.commands:
            yield from _texts_of_command(place, one)
        return
    for parameter in command.parameters:
        yield place, str(parameter.display_name), COMMAND_NAME
        yield place, str(parameter.description), None
        for choice in parameter.choices:
            yield place, choice.name, None


def command_paths() -> list[tuple[str, ...]]:
    """Every slash command by the names it consists of: `("ticket", "close")`."""
    return [path for path, _ in _commands_with_paths()]


def option_names() -> dict[tuple[str, ...], list[str]]:
    """The names of the options of each slash command."""
    return {
        path: [str(one.display_name) for one in command.parameters]
        for path, command in _commands_with_paths()
        if isinstance(command, app_commands.Command)
    }


def _commands_with_paths() -> Iterator[tuple[tuple[str, ...], Command]]:
    for module in map(import_module, EXTENSIONS):
        for part in vars(module).values():
            prefix = tuple(str(group.__cog_group_name__) for group in _groups_in(module, part))
            for command in _commands_in(module, part):
                yield from _paths_below(prefix, command)


def _paths_below(prefix: tuple[str, ...], command: Command) -> Iterator[tuple[tuple[str, ...], Command]]:
    yield (*prefix, command.name), command
    if isinstance(command, app_commands.Group):
        for one in command.commands:
            yield from _paths_below((*prefix, command.name), one)


def command_descriptions() -> list[str]:
    """The descriptions of slash commands and of their options."""
    groups = [
        str(group.__cog_group_description__)
        for module in map(import_module, EXTENSIONS)
        for part in vars(module).values()
        for group in _groups_in(module, part)
    ]
    described = [
        command for _, command in _commands_with_paths() if not isinstance(command, app_commands.ContextMenu)
    ]
    return [
        *groups,
        *(one.description for one in described),
        *(str(one.description) for one in _parameters()),
    ]


def choice_names() -> list[str]:
    """The names of the values that an option can have."""
    return [choice.name for parameter in _parameters() for choice in parameter.choices]


def _parameters() -> Iterator[app_commands.Parameter]:
    for _, command in _commands_with_paths():
        if isinstance(command, app_commands.Command):
            yield from command.parameters
