"""The catalogues: complete, up to date, and each translation fit for where it is shown."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from bot.i18n.translations import COMMAND_NAME, LANGUAGES, translate_command_name, use_language
from bot.tickets.actions import ACTIONS
from tests.i18n.__main__ import update_catalogue
from tests.i18n.checks import COMMAND_NAME_PATTERN, LIMITS, find_problems, other_limit
from tests.i18n.extraction import (
    LOCALES,
    choice_names,
    collect_texts,
    command_descriptions,
    command_paths,
    option_names,
)
from tests.i18n.literals import python_files, translatable

# The languages whose every text is translated. Add one here when its catalogue is complete.
FINISHED: tuple[str, ...] = ()


current_texts = cache(collect_texts)


@cache
def catalogue(language: str) -> Catalog:
    with (LOCALES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def translations(language: str) -> Iterator[tuple[Message, str, str]]:
    """Each message that is translated, an English form of it, and the translation of that."""
    for message in catalogue(language):
        if not message.id:
            continue
        forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
        for number, translated in enumerate(forms):
            english = message.id if isinstance(message.id, str) else message.id[min(number, 1)]
            if translated:
                yield message, english, translated


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_program_is_in_the_catalogue_and_no_other(language: str) -> None:
    current = (LOCALES / f"{language}.po").read_bytes()

    assert current == update_catalogue(language, current_texts()), "run `make translations`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    if language not in FINISHED:
        pytest.skip("its translation is not finished: texts without one are shown in English")
    missing = [
        message.id for message in catalogue(language) if message.id and not all(_forms(message, language))
    ]

    assert missing == []


def _forms(message: Message, language: str) -> tuple[str, ...]:
    if isinstance(message.id, str):
        return (str(message.string),)
    forms = tuple(message.string or ())
    return forms if len(forms) == catalogue(language).num_plurals else ("",)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess(language: str) -> None:
    assert [message.id for message in catalogue(language) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_markup_and_commands_are_those_of_the_english_text(language: str) -> None:
    problems = [
        (english, translated, found)
        for message, english, translated in translations(language)
        if message.context != COMMAND_NAME and (found := find_problems(english, translated, language))
    ]

    assert problems == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_translation_fits_where_it_is_shown(language: str) -> None:
    limits = _limits()
    too_long = [
        (translated, len(translated), limit)
        for message, english, translated in translations(language)
        if message.context != COMMAND_NAME
        and len(translated) > (limit := limits.get(english, other_limit(english)))
    ]

    assert too_long == []


@cache
def _limits() -> dict[str, int]:
    """The limit of each English text whose place has one: the lowest, if it is shown in several."""
    uses = [
        *((text, "command description") for text in command_descriptions()),
        *((text, "choice") for text in choice_names()),
        *((action.label, "action") for action in ACTIONS.values()),
    ]
    for file, source in python_files():
        uses += [(one.text, one.use) for one in translatable(source, file)]
    limits: dict[str, int] = {}
    for text, use in uses:
        if use in LIMITS:
            limits[text] = min(LIMITS[use], limits.get(text, LIMITS[use]))
    return limits


def test_limits_are_known_by_where_texts_are_used() -> None:
    limits = _limits()
    uses = {one.use for file, source in python_files() for one in translatable(source, file)}

    assert limits["Claim"] == limits["All my tickets"] == LIMITS["Button.label"]
    assert (limits["Open a ticket"], limits["What happened?"]) == (45, 45)
    assert (limits["Staff: claim a ticket; it is in progress."], limits["keep"]) == (100, 100)
    assert set(LIMITS) - uses == {"command description", "choice", "action"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_commands_are_such_as_discord_takes(language: str) -> None:
    names = {
        translated for message, _, translated in translations(language) if message.context == COMMAND_NAME
    }

    assert [name for name in names if not _is_command_name(name)] == []


def _is_command_name(name: str) -> bool:
    return COMMAND_NAME_PATTERN.fullmatch(name) is not None and name == name.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_commands_and_options_have_different_names(language: str) -> None:
    with use_language(language):
        paths = Counter(tuple(map(translate_command_name, path)) for path in command_paths())
        options = [Counter(map(translate_command_name, names)) for names in option_names().values()]
    names: list[Counter[Any]] = [paths, *options]

    assert [one for one in names if one and max(one.values()) > 1] == []


@pytest.mark.parametrize(
    ("english", "translated", "problem"),
    [
        ("{id} is closed.", "{name} ist geschlossen.", "placeholders"),
        ("{id} is closed.", "Es ist geschlossen.", "placeholders"),
        ("{id} is closed.", "{id ist geschlossen.", "placeholders"),
        ("At most {limit:,}.", "Höchstens {limit}.", "placeholders"),
        ("**Closed**", "Geschlossen", "Markdown"),
        ("*No message.*", "*Keine Nachricht.", "Markdown"),
        ("[Go]({url})", "Los: {url}", "Markdown"),
        ("With `{id}` there", "Mit {id} dort", "code"),
        ("See `ticketbridge outbox list`", "Siehe `ticketbridge outbox Liste`", "code"),
        ("{name} is not <@1>", "{name} nicht", "mentions"),
        ("✅ Closed.", "Geschlossen.", "emoji at the start"),
        ("✅ Closed.", "⚠️ Geschlossen.", "emoji at the start"),
        ("Use `/tickets` for that", "Nimm `/karten` dafür", "commands"),
        ("Use /unlink there", "Nimm /trennen dort", "commands"),
        ("Name a log_channel", "Nenne einen log_kanal", "options"),
    ],
)
def test_a_translation_that_differs_in_more_than_words_is_found(
    english: str, translated: str, problem: str
) -> None:
    assert problem in find_problems(english, translated, "fr")


@pytest.mark.parametrize(
    ("english", "translated"),
    [
        ("✅ {id} is closed.", "✅ Geschlossen: {id}."),
        ("In many games `/link {code}` in the chat", "In vielen Spielen `/link {code}` im Chat"),
        ("**A** *b* [c]({url})", "**D** *e* [f]({url})"),
        ("and/or", "und/oder"),
        ("{number} ticket", "{number} Ticket"),
    ],
)
def test_a_good_translation_is_not_blamed(english: str, translated: str) -> None:
    assert find_problems(english, translated, "fr") == []


def test_a_command_is_called_in_a_text_as_it_is_in_that_language() -> None:
    with use_language("de"):
        german = translate_command_name("claim")

    assert german != "claim"
    assert find_problems("Use `/ticket claim` there", f"Nimm dort `/ticket {german}`", "de") == []
    assert find_problems("Use `/ticket claim` there", "Nimm dort `/ticket claim`", "de") != []


@pytest.mark.parametrize("name", ["Öffnen", "auf machen", "x" * 33, "", "öffnen!"])
def test_a_name_that_discord_refuses_is_found(name: str) -> None:
    assert not _is_command_name(name)
