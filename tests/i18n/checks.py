"""What a translation must have in common with its English text, and how long it may be."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from string import Formatter

from bot.i18n.translations import translate_command_name, use_language
from tests.i18n.extraction import command_paths, option_names

BUTTON_LIMIT = 38  # a phone shows no more of it; Discord's own limit is 80
COMMAND_NAME_PATTERN = re.compile(r"[-_'\w]{1,32}")

_MARKS = re.compile(r"\*\*|__|~~|(?<![*\w])\*(?=\w)|(?<=[\w.])\*(?![*\w])|-# |\|\||\]\(|\n")
_CODE = re.compile(r"`[^`]+`")
_MENTIONS = re.compile(r"<[#@&!:/\w{}]+>|@\w+")
_COMMAND = re.compile(r"(?<![\w/:{}<])/([\w'-]+(?: [\w'-]+)?)(?! ?\{)")
_OPTION = re.compile(r"`([\w-]+)`|\b(?<!\{)(\w+_\w+)\b")


def find_problems(english: str, translated: str, language: str) -> list[str]:
    """What is wrong with the translation of a text; empty if nothing is."""
    return [
        name
        for name, extract in _SAME.items()
        if Counter(extract(translated)) != Counter(extract(in_language(english, language)))
    ]


def in_language(english: str, language: str) -> str:
    """The English text with the names of slash commands and of their options as a language has them."""
    paths, options = _paths_and_options()
    with use_language(language):

        def command(match: re.Match[str]) -> str:
            words = match[1].split(" ")
            for length in (2, 1):
                path = tuple(words[:length])
                if path in paths or (length == 1 and any(path[0] == one[0] for one in paths)):
                    return "/" + " ".join([*map(translate_command_name, path), *words[length:]])
            return match[0]

        def option(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            return match[0].replace(name, translate_command_name(name)) if name in options else match[0]

        return _OPTION.sub(option, _COMMAND.sub(command, english))


@cache
def _paths_and_options() -> tuple[set[tuple[str, ...]], set[str]]:
    return set(command_paths()), {name for names in option_names().values() for name in names}


def _placeholders(text: str) -> list[str]:
    """Names and format specifications; "broken" for a text that cannot be formatted."""
    try:
        return [f"{name}!{how}:{spec}" for _, name, spec, how in Formatter().parse(text) if name is not None]
    except ValueError:
        return ["broken"]


def _first_emoji(text: str) -> list[str]:
    first = text.split(" ", 1)[0]
    return [first] if first and not any(one.isalnum() or one in "{`*\"'(/<[" for one in first) else []


def _commands(text: str) -> Iterator[str]:
    for match in _COMMAND.finditer(text):
        yield match[1].split(" ")[0] if "`" not in text[match.start() - 1 : match.start()] else match[1]


_SAME: dict[str, Callable[[str], Sequence[str]]] = {
    "placeholders": _placeholders,
    "Markdown": _MARKS.findall,
    "code": _CODE.findall,
    "mentions": _MENTIONS.findall,
    "emoji at the start": _first_emoji,
    "commands": lambda text: list(_commands(text)),
    "options": lambda text: [match[2] for match in _OPTION.finditer(text) if match[2]],
}

# Discord's limits in characters, by where a text is used; for other texts `other_limit`.
LIMITS = {
    "command description": 100,
    "choice": 100,
    "action": BUTTON_LIMIT,
    "Button.label": BUTTON_LIMIT,
    "_add_page_buttons.": BUTTON_LIMIT,
    "Modal.title": 45,
    "Label.text": 45,
    "_placeholder": 100,
    "Select.placeholder": 100,
    "_option_text": 100,
    "DEFAULT_CATEGORIES": 100,
    "Embed.title": 256,
    "add_field.name": 256,
}


def other_limit(english: str) -> int:
    return 2 * len(english) + 30
