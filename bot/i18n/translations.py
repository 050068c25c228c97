"""Translate texts into the language of who reads them: a person's in Discord or a browser, or a server's.

The language is a context variable, so it holds for the task that set it: once for each interaction, delivery
and request. A text without a translation is shown in English.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from babel.core import negotiate_locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from bot.tickets.sentence import Sentence

ENGLISH = "en"
LANGUAGES = ("de", "es", "fr", "pt_BR")  # those with a catalogue
COMMAND_NAME = "command name"  # the catalogues' context of names of slash commands and of their options

_ALIASES = {"pt": "pt_BR"}  # any Portuguese is better than English
_BRITISH = "en_GB"  # English, with dates as 15 January 2025
_ACCEPTED = re.compile(r"\s*([A-Za-z0-9-]{1,35})\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*")
_MAX_ACCEPTED = 20  # of a header
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@cache
def language_for(*locales: str) -> str:
    """The language with a catalogue that fits the first of these locales: `es-419` is `es`, `ja` English."""
    named = [locale.replace("-", "_") for locale in locales]
    preferred = [one for name in named for one in (name, name.partition("_")[0])]
    return negotiate_locale(preferred, (ENGLISH, *LANGUAGES), aliases=_ALIASES) or ENGLISH


def accepted_locales(header: str) -> list[str]:
    """The locales of an Accept-Language header, the preferred one first; what cannot be read is left out."""
    found = [_ACCEPTED.fullmatch(part) for part in header.split(",")[:_MAX_ACCEPTED]]
    weights = {one[1]: float(one[2] or 1) for one in found if one}
    return sorted((one for one in weights if weights[one]), key=lambda one: -weights[one])


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


def format_time(time: datetime) -> str:
    """A date and time: `15 January 2025, 10:30 UTC`."""
    utc, language = time.astimezone(UTC), _language.get()
    date = format_date(utc, "long", locale=_BRITISH if language == ENGLISH else language)
    return f"{date}, {utc:%H:%M} UTC"


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
