"""Collect every text that people read in Discord and on a ticket's page, as a gettext template.

Texts are found where they are written out: in calls of the functions in KEYWORDS, in the docstrings of
errors, in actions and slash commands, and in HTML templates.
"""

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
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "Sentence": None}
FOLDERS = ("bot/tickets", "bot/sources", "cogs")
METHODS = [("**.py", "python"), ("**.html", "jinja2")]

Text = str | tuple[str, ...]  # the tuple: singular and plural
Found = tuple[str, Text, str | None]  # where it stands, the text, its context


def collect_texts() -> Catalog:
    """The template: each text once, with the files it stands in."""
    template = Catalog(project="ticketbridge", charset="utf-8")
    for place, text, context in sorted(set(_texts()), key=str):
        template.add(text, locations=[(place, 0)], context=context)
    return template


def _texts() -> Iterator[Found]:
    for folder in FOLDERS:
        found = extract_from_dir(str(ROOT / folder), METHODS, keywords=KEYWORDS)
        for file, _, text, _, context in found:
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
    if isinstance(part, type) and issubclass(part, commands.Cog) and part.__module__ == module.__name__:
        if issubclass(part, commands.GroupCog):
            yield place, str(part.__cog_group_name__), COMMAND_NAME
            yield place, str(part.__cog_group_description__), None
        for one in part.__cog_app_commands__:
            yield from _texts_of_command(place, one)
    elif isinstance(part, app_commands.Command | app_commands.Group | app_commands.ContextMenu):
        yield from _texts_of_command(place, part)


def _texts_of_command(place: str, command: Any) -> Iterator[Found]:
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
