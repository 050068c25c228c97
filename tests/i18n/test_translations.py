"""Which language a text is in, and what is filled into it."""

from datetime import datetime, timedelta, timezone

import pytest

from bot.i18n.translations import (
    ENGLISH,
    LANGUAGES,
    accepted_locales,
    format_number,
    format_time,
    gettext,
    language_for,
    ngettext,
    translate,
    use_language,
)
from bot.tickets.sentence import Sentence


@pytest.mark.parametrize(
    ("locales", "language"),
    [
        (["de"], "de"),
        (["es-ES"], "es"),
        (["es-419"], "es"),
        (["pt-BR"], "pt_BR"),
        (["pt-PT"], "pt_BR"),
        (["fr-CA"], "fr"),
        (["en-GB"], ENGLISH),
        (["ja"], ENGLISH),
        (["ja", "fr"], "fr"),
        ([], ENGLISH),
        ([""], ENGLISH),
        (["../../etc"], ENGLISH),
        (["de\0"], ENGLISH),
    ],
)
def test_the_language_is_the_first_that_has_a_catalogue(locales: list[str], language: str) -> None:
    assert language_for(*locales) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_without_a_translation_is_shown_in_english(language: str) -> None:
    with use_language(language):
        assert gettext("{name} is not in any catalogue", name="x") == "x is not in any catalogue"


def test_a_name_with_braces_is_no_placeholder() -> None:
    assert gettext("{name} is here", name="{id}") == "{id} is here"
    assert str(Sentence("{name} is here", name="{0.__class__}")) == "{0.__class__} is here"


def test_numbers_have_the_separators_of_the_language() -> None:
    with use_language("de"):
        assert format_number(1234567) == "1.234.567"
        assert ngettext("{number} thing", "{number} things", 1000) == "1.000 things"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (ENGLISH, "15 January 2025, 09:05 UTC"),
        ("de", "15. Januar 2025, 09:05 UTC"),
        ("es", "15 de enero de 2025, 09:05 UTC"),
        ("fr", "15 janvier 2025, 09:05 UTC"),
        ("pt_BR", "15 de janeiro de 2025, 09:05 UTC"),
    ],
)
def test_times_are_written_as_in_the_language(language: str, text: str) -> None:
    time = datetime(2025, 1, 15, 10, 5, tzinfo=timezone(timedelta(hours=1)))

    with use_language(language):
        assert format_time(time) == text


@pytest.mark.parametrize(
    ("header", "locales"),
    [
        ("", []),
        ("de", ["de"]),
        ("pt-BR,pt;q=0.9,en;q=0.8", ["pt-BR", "pt", "en"]),
        ("en;q=0.3, fr ; q=0.7,es;q=1.000", ["es", "fr", "en"]),
        ("de;q=0, *;q=0.5, fr", ["fr"]),
        ("de;q=2,de;q=x,;;,\0,es-419", ["es-419"]),
        (",".join(f"x{number}" for number in range(1000)), [f"x{number}" for number in range(20)]),
    ],
)
def test_a_browser_names_its_languages_in_order_of_preference(header: str, locales: list[str]) -> None:
    assert accepted_locales(header) == locales


def test_a_sentence_within_a_sentence_is_translated_as_well() -> None:
    assert translate(Sentence("It is {status}.", status=Sentence("open"))) == "It is open."
