"""Validation of application commands and autocomplete choices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import MAXIMUM_COMMANDS, FormErrors, discord_error
from bot.sandbox.validation.fields import Path, check_choice, check_list, check_text, json_objects

CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
STRING, INTEGER, NUMBER = 3, 4, 10
TYPES_WITH_CHOICES = frozenset({STRING, INTEGER, NUMBER})
OPTION_TYPES = range(1, 12)
TYPES_IN = {SUBCOMMAND: range(3, 12), GROUP: (SUBCOMMAND,)}  # the options of an option
_MAX_COMMANDS = {CHAT_INPUT: 100, USER_MENU: 15, MESSAGE_MENU: 15}
MAX_TEXT = 8000  # of one command: names, descriptions and choices of it and its options
_NAME = re.compile(r"[-_'\w]{1,32}")
LOCALES = (
    *("id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl", "no", "pl"),
    *("pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja"),
    *("zh-TW", "ko"),
)


def check_commands(commands: Any) -> None:
    """Validate the list of a bulk overwrite of commands."""
    errors = FormErrors()
    command_list = check_list(errors, commands, (), sum(_MAX_COMMANDS.values()))
    kinds = Counter(str(command.get("type", CHAT_INPUT)) for command in command_list)
    if any(kinds[str(kind)] > maximum for kind, maximum in _MAX_COMMANDS.items()):
        raise discord_error(MAXIMUM_COMMANDS)
    seen = set()
    for index, command in enumerate(command_list):
        kind = command.get("type", CHAT_INPUT)
        if check_choice(errors, kind, (index, "type"), _MAX_COMMANDS):
            _check_command(errors, command, (index,))
        named = f"{kind} {command.get('name')}"
        if named in seen:
            message = "Application command names must be unique"
            errors.add((index, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", message)
        seen.add(named)
    errors.raise_if_any()


def _check_command(errors: FormErrors, command: Json, path: Path) -> None:
    if command.get("type", CHAT_INPUT) == CHAT_INPUT:
        _check_name(errors, command, path)
        check_text(errors, command, (*path, "description"), 100, minimum=1)
        _check_localizations(errors, command, path)
        _check_options(errors, command, path)
        if _length(command) > MAX_TEXT:
            message = f"Command exceeds maximum size ({MAX_TEXT})"
            errors.add(path, "APPLICATION_COMMAND_TOO_LARGE", message)
        return
    check_text(errors, command, (*path, "name"), 32, minimum=1)
    for key in ("description", "options"):
        if command.get(key):
            message = f"Context menu commands cannot have {key}"
            errors.add((*path, key), f"APPLICATION_COMMAND_CONTEXT_MENU_{key.upper()}_INVALID", message)


def _check_localizations(errors: FormErrors, named: Json, path: Path) -> None:
    """Validate the names and descriptions in other languages of a command or an option."""
    for locale, name in _localized(errors, named, path, "name_localizations"):
        _check_name(errors, {"name": name}, (*path, "name_localizations", locale))
    for locale, text in _localized(errors, named, path, "description_localizations"):
        inside = (*path, "description_localizations", locale, "description")
        check_text(errors, {"description": text}, inside, 100, minimum=1)


def _localized(errors: FormErrors, named: Json, path: Path, key: str) -> list[tuple[str, Any]]:
    texts = named.get(key) or {}
    unknown = [locale for locale in texts if locale not in LOCALES]
    for locale in unknown:
        errors.add((*path, key), "DICT_INVALID_KEY", f"Invalid key: {locale}")
    return [(locale, text) for locale, text in texts.items() if locale not in unknown]


def _check_name(errors: FormErrors, named: Json, path: Path) -> None:
    name = named.get("name")
    check_text(errors, named, (*path, "name"), 32, minimum=1)
    if isinstance(name, str) and name and (not _NAME.fullmatch(name) or name != name.lower()):
        message = "Command name is invalid"
        errors.add((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", message)


def _check_options(
    errors: FormErrors, owner: Json, path: Path, types: Collection[int] = OPTION_TYPES
) -> None:
    inside = (*path, "options")
    options = check_list(errors, owner.get("options"), inside, 25)
    names = [option.get("name") for option in options]
    for index, option in enumerate(options):
        _check_option(errors, option, (*inside, index), types)
        others = options[:index]
        if option.get("name") in names[:index] or any(_same_localized_name(option, one) for one in others):
            message = "Option names must be unique"
            errors.add((*inside, index, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", message)
        if option.get("required") and not all(o.get("required") for o in options[:index]):
            message = "Required options must be placed before non-required options"
            errors.add((*inside, index), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
    if {SUBCOMMAND, GROUP} & (kinds := {o.get("type") for o in options}) and kinds - {SUBCOMMAND, GROUP}:
        message = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        errors.add(inside, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message)


def _same_localized_name(option: Json, other: Json) -> bool:
    """Whether two options have one name in some language."""
    names, others = (one.get("name_localizations") or {} for one in (option, other))
    return any(
        names.get(locale, option.get("name")) == others.get(locale, other.get("name"))
        for locale in {*names, *others}
    )


def _check_option(errors: FormErrors, option: Json, path: Path, types: Collection[int]) -> None:
    _check_name(errors, option, path)
    check_text(errors, option, (*path, "description"), 100, minimum=1)
    _check_localizations(errors, option, path)
    if not check_choice(errors, option.get("type"), (*path, "type"), types):
        return
    if option["type"] in TYPES_IN:
        _check_options(errors, option, path, TYPES_IN[option["type"]])
    choices = check_list(errors, option.get("choices"), (*path, "choices"), 25)
    for index, choice in enumerate(choices):
        inside = (*path, "choices", index)
        check_text(errors, choice, (*inside, "name"), 100, minimum=1)
        for locale, text in _localized(errors, choice, inside, "name_localizations"):
            check_text(
                errors, {"name": text}, (*inside, "name_localizations", locale, "name"), 100, minimum=1
            )
        _check_choice_value(errors, option["type"], choice, (*path, "choices", index, "value"))
    if choices and (option["type"] not in TYPES_WITH_CHOICES or option.get("autocomplete")):
        message = "Choices are for string, integer and number options without autocomplete"
        errors.add((*path, "choices"), "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", message)


def _check_choice_value(errors: FormErrors, kind: int, choice: Json, path: Path) -> None:
    """Validate that a choice's value has the type of its option."""
    value = choice.get("value")
    if kind == STRING:
        check_text(errors, choice, path, 100, minimum=1)
    elif isinstance(value, bool) or not isinstance(value, int | float if kind == NUMBER else int):
        errors.add(
            path, "NUMBER_TYPE_COERCE", f'Value "{value}" is not {"float" if kind == NUMBER else "int"}.'
        )


def _length(part: Json) -> int:
    choices = json_objects(part.get("choices"))
    own = sum(_longest(part, key) for key in ("name", "description"))
    own += sum(_longest(choice, key) for choice in choices for key in ("name", "value"))
    return own + sum(_length(option) for option in json_objects(part.get("options")))


def _longest(named: Json, key: str) -> int:
    """The length of a text in the language in which it is longest, which is what Discord counts."""
    texts = [named.get(key), *(named.get(f"{key}_localizations") or {}).values()]
    return max((len(text) for text in texts if isinstance(text, str)), default=0)


def check_choices(choices: Any) -> None:
    """Validate the choices of an autocomplete response (callback type 8)."""
    errors = FormErrors()
    path: Path = ("data", "choices")
    for index, choice in enumerate(check_list(errors, choices, path, 25)):
        check_text(errors, choice, (*path, index, "name"), 100, minimum=1)
        if isinstance(choice.get("value"), str):
            check_text(errors, choice, (*path, index, "value"), 100, minimum=1)
    errors.raise_if_any()
