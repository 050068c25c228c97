"""Canned replies: what may be saved, and what placeholders become."""

from dataclasses import replace

import pytest

from bot.tickets.canned_replies import (
    MAX_CANNED_REPLIES,
    NAME_LIMIT,
    CannedReply,
    InvalidCannedReplyName,
    TooManyCannedReplies,
    UnknownPlaceholder,
    validate_canned_reply,
)
from bot.tickets.errors import EmptyMessage, MessageTooLong
from bot.tickets.message import Actor
from bot.tickets.ticket import MESSAGE_LIMIT, Player
from tests.tickets.samples import MOMENT, TICKET

MIA = Actor(id="11", name="mia")


def filled(text: str, player: Player) -> str:
    reply = CannedReply(
        id=1, workspace_id="w", name="hello", text=text, revision=0, saved_by="mia", saved_at=MOMENT
    )
    return reply.fill_in(replace(TICKET, reporter=player), MIA, "My Game")


def test_placeholders_are_filled_in_whatever_their_case() -> None:
    text = "Hi {player}, {Staff} of {server} looks at {ticket}. {STAFF}"

    assert (
        filled(text, Player(id="7", name="rey")) == f"Hi rey, mia of My Game looks at {TICKET.public_id}. mia"
    )


@pytest.mark.parametrize(
    ("player", "shown"),
    [
        (Player(id="7", name="rey", display_name="Rey ⭐"), "Rey ⭐"),
        (Player(id="7", name="rey"), "rey"),
        (Player(id="7"), "7"),
        (Player(), "unknown"),
    ],
)
def test_a_player_is_called_by_the_best_name_there_is(player: Player, shown: str) -> None:
    assert filled("{player}", player) == shown


def test_a_players_name_brings_in_no_placeholder_and_no_line() -> None:
    player = Player(id="7", name="{staff}\n\n{ticket} " + "x" * 500)

    text = filled("Hi {player}!", player)

    assert text.startswith("Hi {staff} {ticket} xxx")
    assert len(text) < 120


def test_other_braces_stay_as_they_are() -> None:
    text = "{ player } {} {a b} {{"

    assert validate_canned_reply("w", "json", text).text == text
    assert filled(text, Player(id="7")) == text


def test_an_unknown_placeholder_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownPlaceholder) as refused:
        validate_canned_reply("w", "hello", "Hi {player}, {name}!")

    assert str(refused.value) == (
        "{name} is no placeholder. Those that can be filled in are {player}, {ticket}, {staff}, {server}."
    )


def test_line_breaks_within_a_text_survive() -> None:
    assert validate_canned_reply("w", " hello ", "\nOne\n\nTwo \n").text == "One\n\nTwo"


def test_a_text_has_as_many_characters_as_a_reply() -> None:
    assert len(validate_canned_reply("w", "long", "x" * MESSAGE_LIMIT).text) == MESSAGE_LIMIT
    with pytest.raises(MessageTooLong):
        validate_canned_reply("w", "long", "x" * (MESSAGE_LIMIT + 1))
    with pytest.raises(EmptyMessage):
        validate_canned_reply("w", "empty", " \n ")


@pytest.mark.parametrize("name", ["", "  ", "x" * (NAME_LIMIT + 1), "a\nb", "\u200b"])
def test_a_name_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(InvalidCannedReplyName):
        validate_canned_reply("w", name, "Hello")


def test_the_sentences_name_the_limits() -> None:
    assert f" {MAX_CANNED_REPLIES} " in str(TooManyCannedReplies())
    assert f" {NAME_LIMIT} " in str(InvalidCannedReplyName())
