"""The forms of a field that pydantic's core accepts by itself: it makes of them what the validators would."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import SchemaValidator

from bot.sources.contract import IntakeEndpoint
from bot.sources.registry import load_sources
from tests.sources.test_contracts import fixtures

INTAKES = [intake for source in load_sources().values() for intake in source.intake_endpoints]
SENT = [
    value
    for _source, case in (fixture.values for fixture in fixtures("*.json"))
    if isinstance(case.get("body"), dict)
    for value in case["body"].values()
]
TEMPTING: list[object] = [  # nearly of a usual form
    *("550E8400-E29B-41D4-A716-446655440000", "ABCDEF00-e29b-41d4-a716-446655440000"),
    *("550e8400-e29b-41d4-a716-446655440000\n", "High", " high"),
    *(["a\u2028b"], ["a\x85b"], ['{"message":"hi"}'], ["{"], [" a"], ["a "], ["a\nb"], ["a\tb"], [""]),
    *(f"{2**63 - 1}", f"{2**63}", f"-{2**63}", f"-{2**63 + 1}", "0" * 18 + "1"),
    *("a\0", "\u3000", "00012", "12\n", "-5", "\u0661", 2**63, -1, 1.0, True, None, [], {}),
    *("x" * length for length in (64, 65, 100, 101, 128, 129, 256, 257, 2048, 2049, 10_000, 10_001)),
    *(["x"] * length for length in (20, 21, 1000, 1001)),
    *(["x" * length] for length in (64, 65, 2000, 2001)),
]
ODD_CHARS = "\0\x08\t\n\x0b\r\x1e\x1f \x7f\x85\xa0\u1680\u2028\u2029\u202e\u3000\ufeff{}[:-a\u00e9😀"

odd_text = st.text(ODD_CHARS, max_size=5)
values = st.one_of(
    st.text(st.characters(codec="utf-8")),
    odd_text,
    st.lists(odd_text, max_size=3),
    st.from_regex(r"-?[0-9]{1,21}\s?", fullmatch=True),
    st.integers(),
)


def fields_with_usual_form() -> list[Any]:
    return [
        pytest.param(SchemaValidator(usual), SchemaValidator(rest), id=f"{intake.path} {name}")
        for intake in INTAKES
        for name, usual, rest in usual_forms(intake)
    ]


def usual_forms(intake: IntakeEndpoint) -> list[tuple[str, Any, Any]]:
    """The fields of an intake's body: name, schema of the usual form, schema of all else."""
    assert intake.body is not None
    found = []
    for name, field in fields_of(intake.body.__pydantic_core_schema__).items():
        schema = field["schema"]
        if schema["type"] == "default":
            schema = schema["schema"]
        usual, rest = schema["choices"]
        found.append((name, usual, rest))
    return found


def fields_of(schema: Any) -> dict[str, Any]:
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    return dict(schema["fields"])


def accepts(validator: SchemaValidator, value: object) -> bool:
    try:
        validator.validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(("usual", "rest"), fields_with_usual_form())
def test_a_usual_form_becomes_what_the_validators_make_of_it(
    usual: SchemaValidator, rest: SchemaValidator
) -> None:
    def check(value: object) -> None:
        if accepts(usual, value):
            sent = json.dumps(value)
            assert usual.validate_json(sent) == rest.validate_json(sent, strict=True)

    for value in (*SENT, *TEMPTING):
        check(value)
    settings(deadline=None)(given(values)(check))()  # a busy machine is no failure


@pytest.mark.parametrize("intake", [one for one in INTAKES if one.example], ids=lambda one: one.path)
def test_every_field_of_an_example_request_has_its_usual_form(intake: IntakeEndpoint) -> None:
    assert intake.example is not None
    forms = {name: SchemaValidator(usual) for name, usual, _ in usual_forms(intake)}

    unusual = [name for name, value in intake.example.items() if not accepts(forms[name], value)]

    assert unusual == []
