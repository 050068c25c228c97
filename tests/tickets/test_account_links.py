"""Link codes: what one looks like, and what people type for it."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.tickets.account_links import (
    ALPHABET,
    ATTEMPT_WINDOW,
    MAX_ATTEMPTS,
    generate_link_code,
    hash_link_code,
)
from bot.tickets.errors import UnknownLinkCode

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_a_code_is_two_groups_of_four_and_lasts_ten_minutes() -> None:
    code = generate_link_code(NOW)

    first, second = code.text.split("-")
    assert len(first) == len(second) == 4
    assert set(first + second) <= set(ALPHABET)
    assert code.expires_at == NOW + timedelta(minutes=10)


def test_no_two_of_many_codes_are_the_same() -> None:
    assert len({generate_link_code(NOW).text for _ in range(10_000)}) == 10_000


def test_the_alphabet_has_no_lookalikes_and_no_vowels() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 24
    for alike in ("0O", "1IL", "2Z", "5S", "6G", "8B", "UV"):
        assert len(set(alike) & set(ALPHABET)) <= 1
    assert not set(ALPHABET) & set("AEIOU")


def test_a_guesser_with_a_hundred_accounts_needs_centuries_for_a_code_of_ten_that_are_valid() -> None:
    guesses_a_year = 100 * MAX_ATTEMPTS * (timedelta(days=365) / ATTEMPT_WINDOW)
    chance_a_year = guesses_a_year * 10 / len(ALPHABET) ** 8

    assert chance_a_year < 1 / 100


@pytest.mark.parametrize(
    "typed", ["bcdf-2345", "BCDF2345", " bcdf 2345 ", "b-c-d-f-2-3-4-5", "BCDF-Z34S", "8CDF-2345"]
)
def test_a_code_is_the_same_however_it_is_typed(typed: str) -> None:
    assert hash_link_code(typed) == hash_link_code("BCDF-2345")


@pytest.mark.parametrize("typed", ["", "BCDF-234", "BCDF-23456", "BCDF-234A", "BCDF-234é", "ＢCDF-2345"])
def test_what_cannot_be_a_code_is_not_looked_up(typed: str) -> None:
    with pytest.raises(UnknownLinkCode):
        hash_link_code(typed)
