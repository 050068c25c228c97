"""A player's id is the same text in an account link as in the tickets of that player."""

import json

import pytest

from bot.sources.registry import load_sources

SOURCES = load_sources()
UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize("name", SOURCES)
def test_the_reporter_of_every_example_has_the_normal_form_of_its_id(name: str) -> None:
    source = SOURCES[name]
    reporters = [
        endpoint.parse(json.dumps(dict(endpoint.example)).encode()).reporter.id
        for endpoint in source.intake_endpoints
        if endpoint.example is not None and endpoint.codec is None
    ]

    assert reporters
    for player_id in reporters:
        assert player_id is not None
        assert source.normalize_player_id(f" {player_id}\n") == player_id


@pytest.mark.parametrize(
    ("name", "typed", "normal"),
    [
        ("series", "0123", "123"),
        ("series", "-1", "-1"),
        ("series", "9223372036854775807", "9223372036854775807"),
        ("series", "9223372036854775808", None),
        ("series", "12.5", None),
        ("series", "pete", None),
        ("series", "١٢", None),
        ("modl", UUID.upper(), UUID),
        ("modl", UUID.replace("-", ""), UUID),
        ("modl", f"{{{UUID}}}", UUID),
        ("modl", "pete", None),
        ("modl", "12", None),
    ],
)
def test_another_spelling_is_the_same_player_and_what_is_no_id_is_none(
    name: str, typed: str, normal: str | None
) -> None:
    assert SOURCES[name].normalize_player_id(typed) == normal
