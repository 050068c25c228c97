"""The JSON Schemas of Series requests: they allow what is accepted, and nothing else."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources.contract import ApiError
from bot.sources.series import SOURCE, examples
from bot.sources.series.fields import parse_body, parse_query_params
from bot.sources.series.requests import GameReportBody, ListQuery

SCHEMA = GameReportBody.model_json_schema()["properties"]
QUERY = ListQuery.model_json_schema()["properties"]
TYPES: Mapping[str, Any] = {"string": str, "null": type(None), "integer": int}

EDGES = (
    *("9" * 18, "9" * 19, "-" + "9" * 18, "-0", "0", "-5", "low\n", " \n", "0" * 18 + "1", "0" * 19 + "1"),
    *(
        f"{sign}{2**63 + step * 10**digits}"
        for sign in ("", "-")
        for step in (-1, 0, 1)
        for digits in range(19)
    ),
    f"-{2**63 + 1}",
)
JSON_VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False, max_value=2.0**53, min_value=-(2.0**53)),
    st.text(st.characters(codec="utf-8")),
    st.text(" \t\n_-lowLOWmediuMHIGHurgent0123456789"),
    st.from_regex(r"-?[0-9]{1,21}", fullmatch=True),
    st.integers(2**63 - 20, 2**63 + 20).map(str),
    st.integers(-(2**63) - 20, -(2**63) + 20).map(str),
    st.sampled_from(["low", "Low", "medium", "h-i_g h", "URGENT", "normal", "2048", "-0"]),
    st.integers(60, 260).map(lambda length: "x" * length),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1]),
    st.just([]),
    st.just({}),
)


def allows(schema: Mapping[str, Any], value: object) -> bool:
    """What a JSON Schema validator would say, as far as these schemas go."""
    if "anyOf" in schema:
        return any(allows(one, value) for one in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if types and not any(type(value) is TYPES[one] for one in types):
        return False
    if isinstance(value, str):
        fits = re.search(schema.get("pattern", "").replace("$", r"\Z"), value) is not None
        return fits and len(value) <= schema.get("maxLength", 10**9)
    if isinstance(value, int):
        return bool(schema["minimum"] <= value <= schema["maximum"])
    return True


def accepts(field: str, value: object) -> bool:
    try:
        parse_body(GameReportBody, json.dumps({**examples.GAME_REPORT, field: value}).encode())
    except ApiError:
        return False
    return True


def accepts_query(field: str, value: str) -> bool:
    try:
        parse_query_params(ListQuery, {field: value})
    except ApiError:
        return False
    return True


@pytest.mark.parametrize("field", SCHEMA)
def test_a_body_is_accepted_if_and_only_if_its_schema_allows_it(field: str) -> None:
    @settings(deadline=None)  # a busy machine is no failure
    @given(JSON_VALUE)
    def check(value: object) -> None:
        assert accepts(field, value) == allows(SCHEMA[field], value)

    for edge in EDGES:
        assert accepts(field, edge) == allows(SCHEMA[field], edge)
    check()


def test_text_is_there_if_and_only_if_one_of_its_characters_can_be_seen() -> None:
    differing = [
        hex(code)
        for code in (*range(0xD800), *range(0xE000, 0x11000))
        if accepts("subject", chr(code)) != allows(SCHEMA["subject"], chr(code))
    ]

    assert differing == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            ("page", text)
            for text in ("0", "1", "01", "2147483647", "2147483648", "x", "", "1.5", "-1", "+1")
        ],
        *[("staffUserId", text) for text in ("-9223372036854775808", "9223372036854775808", "x", "", " 1")],
    ],
)
def test_a_number_in_a_query_is_accepted_if_and_only_if_its_schema_allows_it(field: str, value: str) -> None:
    number = int(value) if re.fullmatch("-?[0-9]+", value) else value

    assert accepts_query(field, value) == allows(QUERY[field], number)


@pytest.mark.parametrize("field", ["status", "author", "department", "search"])
@pytest.mark.parametrize("value", ["", "open", "Open", "in-progress", "x" * 64, "x" * 65, "x" * 257])
def test_text_in_a_query_is_accepted_if_and_only_if_its_schema_allows_it(field: str, value: str) -> None:
    assert accepts_query(field, value) == allows(QUERY[field], value)


def test_no_query_has_a_null_and_no_body_forbids_other_fields() -> None:
    assert "null" not in json.dumps(ListQuery.model_json_schema())
    for route in SOURCE.operations:
        if route.body is not None:
            assert "additionalProperties" not in route.body.model_json_schema()


def test_the_default_priority_is_called_as_on_the_page() -> None:
    assert SCHEMA["priority"]["default"] == "medium"
