"""What of a text names a player, and which lines of a chat log are theirs."""

import pytest

from bot.tickets.erasure import is_said_by, names_player, player_pattern
from bot.tickets.ticket import Player

REY = Player(id="550e8400-e29b-41d4-a716-446655440000", name="Rey", display_name="Rey of Jakku")


@pytest.mark.parametrize(
    "line",
    [
        "Rey: hi",
        "rey: hi",
        "12:00 Rey: hi",
        "12:00:01 Rey: hi",
        "2024-07-26 10:00:00.250 Rey: hi",
        "2024-07-26 10:00:00 Rey of Jakku: hi",
        '{"who": "Rey", "said": "hi"}',
    ],
)
def test_a_line_that_begins_with_the_players_name_is_theirs(line: str) -> None:
    assert is_said_by(line, REY)


@pytest.mark.parametrize(
    "line", ["Finn: hi Rey: you", "Reyna: hi", "12:00:01 Finn: Rey", "Rey", '{"who": "Finn"}']
)
def test_a_line_of_another_player_is_not(line: str) -> None:
    assert not is_said_by(line, REY)


def test_a_player_without_a_name_has_said_nothing() -> None:
    assert not is_said_by(": hi", Player(id="7", name=""))


@pytest.mark.parametrize(
    "text",
    [
        "Rey, the reporter, changed the status to closed",
        "REY was linked to the ticket",
        "Rey of Jakku (@Rey) was linked to the ticket",
        '{"uuid":"550e8400-e29b-41d4-a716-446655440000"}',
        '{"uuid":"550e8400e29b41d4a716446655440000"}',
    ],
)
def test_a_text_with_a_name_or_the_id_names_the_player(text: str) -> None:
    assert names_player(text, REY)


@pytest.mark.parametrize("text", ["Reyna claimed the ticket", "Alice claimed the ticket", "", "grey"])
def test_a_text_with_a_longer_word_does_not(text: str) -> None:
    assert not names_player(text, REY)


def test_without_names_nothing_matches() -> None:
    assert player_pattern([None, ""]).search("") is None
