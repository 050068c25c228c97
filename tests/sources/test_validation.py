"""What the sources share in reading: the gate that every body passes."""

from typing import Annotated

import pytest

from bot.sources.validation import (
    InvalidRequest,
    OptionalText,
    Payload,
    Query,
    RequiredText,
    parse_json,
    parse_query,
    query_int,
    strip_control_chars,
)


class Note(Payload):
    title: RequiredText
    text: OptionalText = None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf{}",
        '{"title":"a"}'.encode("utf-16"),
        b'{"title":"\xff"}',
        b'{"title":"\\ud83d"}',
        b'{"title":"a","x":NaN}',
        b'{"title":"a","x":-Infinity}',
        b'{"title":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"title":"a","x":' + b"1" * 5000 + b"}",
        b'{"title":"a"}{}',
        b"{'title':'a'}",
        b'{"title":"a\x00"}',
    ],
)
def test_what_is_not_json_in_utf_8_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="body must be valid JSON in UTF-8"):
        parse_json(Note, body)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"title"', b"true"])
def test_only_an_object_is_a_body(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="body must be a JSON object"):
        parse_json(Note, body)


def test_each_invalid_field_is_named_once_in_the_order_of_the_model() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_json(Note, b'{"text":1,"title":2}')

    assert [(one.field, one.reason) for one in caught.value.violations] == [
        ("title", "must be text"),
        ("text", "must be text"),
    ]
    assert str(caught.value) == "title must be text; text must be text"


def test_of_two_equal_keys_the_last_counts() -> None:
    assert parse_json(Note, b'{"title":"a","title":"b"}').title == "b"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"a{''.join(map(chr, range(13)))}b{''.join(map(chr, range(14, 32)))}c", "a\t\nbc"),
        ("a\rb", "a\nb"),
        ("a\r\nb\r\rc", "a\nb\n\nc"),
    ],
)
def test_control_characters_go_and_line_breaks_and_tabs_stay(text: str, cleaned: str) -> None:
    assert strip_control_chars(text) == cleaned


class ItemQuery(Query):
    number: Annotated[int, query_int(0, 100)] = 0


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("12.0", 12), ("0012.000", 12), ("100", 100)])
def test_a_query_s_number_is_digits_and_may_end_in_point_zero(text: str, number: int) -> None:
    assert parse_query(ItemQuery, {"number": text}).number == number


@pytest.mark.parametrize("text", ["", ".0", "-", "1.5", "1.0.0x", " 1", "1e2", "1.", "NaN", "\u0661"])
def test_nothing_else_is_a_query_s_number(text: str) -> None:
    with pytest.raises(InvalidRequest, match="number must be a whole number"):
        parse_query(ItemQuery, {"number": text})


class Count(Payload):
    number: int


@pytest.mark.parametrize("number", [b"true", b'"1"', b"1.0"])
def test_no_json_type_is_taken_for_another(number: bytes) -> None:
    with pytest.raises(InvalidRequest, match="number is not valid"):
        parse_json(Count, b'{"number":' + number + b"}")
