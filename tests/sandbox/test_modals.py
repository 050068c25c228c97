"""Modals: validated, and submitted as Discord's client would."""

from __future__ import annotations

import pytest

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import ControlError, DiscordApiError
from bot.sandbox.validation.modals import check_modal, fill_modal, modal_inputs

REASON: Json = {"type": 4, "custom_id": "reason", "style": 2, "min_length": 3, "max_length": 5}
TEAM: Json = {
    "type": 3,
    "custom_id": "team",
    "required": False,
    "max_values": 2,
    "options": [{"label": n.upper(), "value": n} for n in ("a", "b", "c")],
}
OLD: Json = {"type": 4, "custom_id": "old", "style": 1, "label": "Old", "required": False, "value": "kept"}


def modal(**changes: object) -> Json:
    return {
        "custom_id": "close",
        "title": "Close",
        "components": [
            {"type": 18, "label": "Reason", "component": REASON},
            {"type": 18, "label": "Team", "component": TEAM},
            {"type": 1, "components": [OLD]},
            {"type": 10, "content": "Think twice."},
        ],
    } | changes


def test_a_submitted_modal_has_discords_format() -> None:
    sent = fill_modal(modal(), {"reason": "spam", "Team": ["b", "c"]})

    assert sent == [
        {"type": 18, "id": 1, "component": {"type": 4, "id": 2, "custom_id": "reason", "value": "spam"}},
        {"type": 18, "id": 3, "component": {"type": 3, "id": 4, "custom_id": "team", "values": ["b", "c"]}},
        {"type": 1, "id": 5, "components": [{"type": 4, "id": 6, "custom_id": "old", "value": "kept"}]},
        {"type": 10, "id": 7},
    ]


def test_inputs_are_listed_top_to_bottom() -> None:
    assert [field["custom_id"] for field in modal_inputs(modal())] == ["reason", "team", "old"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "'Reason' is required"),
        ({"reason": "  "}, "'Reason' is required"),
        ({"reason": "ab"}, "takes 3 to 5 characters, not 2"),
        ({"reason": "abcdef"}, "takes 3 to 5 characters, not 6"),
        ({"reason": "abc", "team": ["z"]}, "has no option"),
        ({"reason": "abc", "team": ["a", "b", "c"]}, "takes 1 to 2 choices, not 3"),
        ({"reason": "abc", "colour": "red"}, "no input 'colour'"),
    ],
)
def test_values_the_client_would_not_submit_are_rejected_with_a_sentence(values: Json, sentence: str) -> None:
    with pytest.raises(ControlError, match=sentence):
        fill_modal(modal(), values)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"title": "x" * 46}, ["data", "title"]),
        ({"title": ""}, ["data", "title"]),
        ({"custom_id": "x" * 101}, ["data", "custom_id"]),
        ({"components": []}, ["data", "components"]),
        ({"components": [{"type": 10, "content": "x"}] * 6}, ["data", "components"]),
        ({"components": [{"type": 1, "components": [OLD, OLD]}]}, ["data", "components", "0"]),
        (
            {"components": [{"type": 1, "components": [OLD | {"label": "x" * 46}]}]},
            ["data", "components", "0", "components", "0", "label"],
        ),
        (
            {"components": [{"type": 1, "components": [OLD | {"placeholder": "x" * 101}]}]},
            ["data", "components", "0", "components", "0", "placeholder"],
        ),
        (
            {"components": [{"type": 18, "label": "x", "component": REASON | {"value": "x" * 4001}}]},
            ["data", "components", "0", "component", "value"],
        ),
        (
            {"components": [{"type": 18, "label": "x", "component": {"type": 2}}]},
            ["data", "components", "0", "component", "type"],
        ),
        ({"components": [{"type": 1, "components": [OLD]}] * 2}, ["data", "components", "1"]),
    ],
)
def test_an_invalid_modal_is_rejected(change: Json, where: list[str]) -> None:
    check_modal(modal())

    with pytest.raises(DiscordApiError) as no:
        check_modal(modal(**change))

    assert no.value.code == 50035
    found = no.value.errors
    for step in where:
        assert found is not None
        found = found[step]
