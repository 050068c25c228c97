"""The JSON Schemas of modl requests: they allow what is accepted, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema_rs import is_valid, validator_for
from pydantic import TypeAdapter

from bot.sources.contract import ApiError, ApiRequest
from bot.sources.modl import SOURCE, handlers, requests
from bot.sources.modl.fields import PathUuid, parse_body
from bot.sources.requests import Request
from bot.sources.validation import Payload

NOTCH = "550e8400-e29b-41d4-a716-446655440000"
BODIES: dict[type[Payload], dict[str, Any]] = {
    requests.TicketBody: {"creatorUuid": NOTCH, "type": "bug"},
    requests.DraftBody: {"creatorUuid": NOTCH},
    requests.IdsBody: {},
    requests.LinkBody: {"playerUuid": NOTCH, "playerName": "Notch"},
    requests.AssignBody: {"assignee": "Grace"},
    requests.ResolveBody: {},
    requests.DismissBody: {},
}
QUERIES: list[tuple[type[Payload], Callable[[ApiRequest], Request[Any]]]] = [
    (requests.TicketListQuery, handlers.list_tickets),
    (requests.OpenReportsQuery, handlers.list_reports),
    (requests.ReportsQuery, handlers.list_reports_on_player),
]
FIELDS = [
    pytest.param(model, field, id=f"{model.__name__}-{field}")
    for model in BODIES
    for field in model.model_fields
]

WORDS = (
    *("player", "Player", "report", "BUG", "low", "hiGHest", "open", "In", "progress", "all", "draft"),
    *("staff", "apply", "n o r m a l", "-", "_", " ", "\u00a0", "\u017f"),
)
LONG = [
    *(
        "😀" * length
        for length in (32, 33, 64, 65, 256, 257, 500, 501, 2000, 2001, 2048, 2049, 10_000, 10_001)
    ),
    *(["😀" * length] for length in (64, 65, 2000, 2001)),
    *([entry] * length for entry in ("a", None) for length in (20, 21, 100, 101, 1000, 1001)),
]

blanks = st.text(" \t\r\n", max_size=2)
uuids = st.builds(
    "".join,
    st.tuples(
        blanks,
        st.sampled_from(["", "urn:uuid:", "URN:Uuid:", "uuid:"]),
        st.sampled_from(["", "{", "{{"]),
        st.sampled_from([NOTCH, NOTCH.upper(), NOTCH.replace("-", ""), NOTCH[:-1], NOTCH.replace("-", "--")]),
        st.sampled_from(["", "}", "\u00a0", "\0"]),
        blanks,
    ),
)
words = st.lists(st.sampled_from(WORDS), max_size=4).map("".join)
texts = st.one_of(st.text(st.characters(codec="utf-8")), uuids, words, blanks)
entries = st.one_of(texts, st.none(), st.integers(), st.booleans(), st.just({"message": "x" * 3000}))
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.lists(entries, max_size=3),
    st.just({}),
)


def accepts(model: type[Payload], body: dict[str, Any]) -> bool:
    try:
        parse_body(model, json.dumps(body).encode())
    except ApiError:
        return False
    return True


@pytest.mark.parametrize(("model", "field"), FIELDS)
def test_a_body_is_accepted_if_and_only_if_its_schema_allows_it(model: type[Payload], field: str) -> None:
    schema = validator_for(model.model_json_schema())

    @settings(deadline=None)  # a busy machine is no failure
    @given(values)
    @example(NOTCH)
    @example("")
    def check(value: object) -> None:
        body = BODIES[model] | {field: value}
        assert accepts(model, body) == schema.is_valid(body)

    assert schema.is_valid(BODIES[model])
    check()


@pytest.mark.parametrize(("model", "field"), FIELDS)
def test_a_schema_knows_every_limit_to_the_character(model: type[Payload], field: str) -> None:
    schema = validator_for(model.model_json_schema())

    for value in LONG:
        body = BODIES[model] | {field: value}
        assert accepts(model, body) == schema.is_valid(body), len(value)


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_a_field_may_be_absent_if_and_only_if_its_schema_says_so(model: type[Payload]) -> None:
    schema = model.model_json_schema()

    for field in model.model_fields:
        body = {name: value for name, value in BODIES[model].items() if name != field}
        assert accepts(model, body) == is_valid(schema, body)


@pytest.mark.parametrize(("model", "read"), QUERIES, ids=lambda one: one.__name__)
def test_a_query_is_accepted_if_and_only_if_its_schema_allows_it(
    model: type[Payload], read: Callable[[ApiRequest], Request[Any]]
) -> None:
    schema = validator_for(model.model_json_schema())

    @settings(deadline=None)  # a busy machine is no failure
    @given(st.sampled_from(sorted(model.model_fields)), st.one_of(texts, st.integers(-5, 105).map(str)))
    def check(field: str, value: str) -> None:
        sent: object = int(value) if field == "limit" and value.lstrip("-").isdecimal() else value
        try:
            read(ApiRequest(path_params={"uuid": NOTCH}, query={field: value}, body=b""))
        except ApiError:
            accepted = False
        else:
            accepted = True
        assert accepted == schema.is_valid({field: sent})

    check()


@settings(deadline=None)  # a busy machine is no failure
@given(texts)
def test_a_uuid_in_a_path_is_accepted_if_and_only_if_its_schema_allows_it(text: str) -> None:
    try:
        handlers.list_player_tickets(ApiRequest(path_params={"uuid": text}, query={}, body=b""))
    except ApiError:
        accepted = False
    else:
        accepted = "{" not in text and "}" not in text  # no path with one of them leads here

    assert accepted == is_valid(TypeAdapter(PathUuid).json_schema(), text)


def test_what_is_taken_for_granted_is_allowed_as_well() -> None:
    models = [*BODIES, *(model for model, _ in QUERIES)]
    for model in models:
        schema = model.model_json_schema()
        defaults = {
            name: field["default"]
            for name, field in schema["properties"].items()
            if name not in schema.get("required", ())
        }
        assert is_valid(schema, BODIES.get(model, {}) | defaults)


def test_every_route_says_what_it_takes_and_what_it_answers() -> None:
    for route in SOURCE.operations:
        assert route.summary
        assert route.response is not dict
        assert (route.body is not None) == (route.method == "POST")
