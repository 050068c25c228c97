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


def options(*names: str, **more: object) -> list[Json]:
    return [{"label": name.upper(), "value": name} | more for name in names]


RADIO: Json = {"type": 21, "custom_id": "radio", "options": options("a", "b")}
GROUP: Json = {"type": 22, "custom_id": "group", "options": options("a", "b", "c")}
CHECKBOX: Json = {"type": 23, "custom_id": "checkbox"}
FILES: Json = {"type": 19, "custom_id": "files", "required": False, "max_values": 2}
IN_LABEL = ["data", "components", "0", "component"]


def in_label(field: Json) -> Json:
    return {"components": [{"type": 18, "label": "x", "component": field}]}


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


def test_groups_checkboxes_and_uploads_are_submitted_by_type() -> None:
    fields = (RADIO, GROUP, CHECKBOX, FILES)
    labels = [{"type": 18, "label": field["custom_id"], "component": field} for field in fields]
    check_modal(modal(components=labels))

    sent = fill_modal(modal(components=labels), {"radio": "b", "group": ["a", "b", "c"], "checkbox": True})
    bare = fill_modal(modal(components=in_label(RADIO | {"required": False})["components"]), {})

    submitted = [(item["component"].get("value"), item["component"].get("values")) for item in sent]
    assert submitted == [("b", None), (None, ["a", "b", "c"]), (True, None), (None, [])]
    assert bare[0]["component"]["value"] is None
    with pytest.raises(ControlError, match="has no option"):
        fill_modal(modal(components=labels), {"radio": "z", "group": ["a"]})


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
        (in_label(REASON | {"min_length": 6}), [*IN_LABEL, "min_length"]),
        (in_label(TEAM | {"max_values": 4}), [*IN_LABEL, "options"]),
        (in_label(RADIO | {"options": options("a")}), [*IN_LABEL, "options"]),
        (in_label(RADIO | {"options": options("a", "b", default=True)}), [*IN_LABEL, "options"]),
        (in_label(RADIO | {"custom_id": ""}), [*IN_LABEL, "custom_id"]),
        (in_label(GROUP | {"options": options(*"abcdefghijk")}), [*IN_LABEL, "options"]),
        (in_label(GROUP | {"min_values": 4}), [*IN_LABEL, "min_values"]),
        (in_label(FILES | {"max_values": 11}), [*IN_LABEL, "max_values"]),
        (in_label(CHECKBOX | {"custom_id": "x" * 101}), [*IN_LABEL, "custom_id"]),
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
