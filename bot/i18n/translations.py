"""Translate texts into the language of who reads them: a person's in Discord or a browser, or a server's.

The language is a context variable, so it holds for the task that set it: once for each interaction, delivery
and request. A text without a translation is shown in English.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from bot.tickets.sentence import Sentence

ENGLISH = "en"
LANGUAGES = ("de", "es", "fr", "pt_BR")  # those with a catalogue
COMMAND_NAME = "command name"  # the catalogues' context of names of slash commands and of their options

_ALIASES = {"pt": "pt_BR"}  # any Portuguese is better than English
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@cache
def language_for(*locales: str) -> str:
    """The language with a catalogue that fits the first of these locales: `es-419` is `es`, `ja` English."""
    named = [locale.replace("-", "_") for locale in locales]
    preferred = [one for name in named for one in (name, name.partition("_")[0])]
    return negotiate_locale(preferred, (ENGLISH, *LANGUAGES), aliases=_ALIASES) or ENGLISH


def set_language(*locales: str) -> None:
    """Translate for a reader with these locales, in order of preference, until the current task ends."""
    _language.set(language_for(*locales))


@contextmanager
def use_language(*locales: str) -> Iterator[None]:
    """Translate for a reader with these locales until the block ends."""
    token = _language.set(language_for(*locales))
    try:
        yield
    finally:
        _language.reset(token)


def current_language() -> str:
    return _language.get()


def gettext(text: str, /, **parts: object) -> str:
    """Translate a text, which is its key in the catalogues, and fill in its placeholders."""
    translated: str = _catalogue(_language.get()).gettext(text)
    return translated.format(**parts) if parts else translated


def ngettext(singular: str, plural: str, number: int, /, **parts: object) -> str:
    """Translate a text that depends on a number, which replaces `{number}` as the language writes it."""
    translated: str = _catalogue(_language.get()).ngettext(singular, plural, number)
    return translated.format(number=format_number(number), **parts)


def translate(sentence: Sentence) -> str:
    """Translate a sentence, and the sentences among its parts."""
    return gettext(
        sentence.template,
        **{
            name: translate(part) if isinstance(part, Sentence) else part
            for name, part in sentence.parts.items()
        },
    )


def translate_command_name(name: str) -> str:
    """The name of a slash command or of its option, as Discord shows it in this language."""
    return str(_catalogue(_language.get()).pgettext(COMMAND_NAME, name))


def format_number(number: float) -> str:
    """A number with the language's separators: `1,234` or `1.234`."""
    return format_decimal(number, locale=_language.get())


def preload(languages: Sequence[str] = LANGUAGES) -> None:
    """Read the catalogues, some hundredths of a second in all; else each is read when it is first used."""
    for language in languages:
        _catalogue(language)


@cache
def _catalogue(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    compiled = io.BytesIO()
    with files(__package__).joinpath("locales", f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
