"""Which language a text is in, and what is filled into it."""

import pytest

from bot.i18n.translations import (
    ENGLISH,
    LANGUAGES,
    format_number,
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


def test_a_sentence_within_a_sentence_is_translated_as_well() -> None:
    assert translate(Sentence("It is {status}.", status=Sentence("open"))) == "It is open."
