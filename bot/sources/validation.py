"""How a source reads: bytes to a checked model, text fit to keep, words with aliases. Knows no game.

What these types say of themselves as JSON Schema is what they accept, no more and no less: an API's
description is made of it. Their patterns name every character, because dialects differ in what a blank is.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, from_json
from pydantic_core.core_schema import no_info_before_validator_function

if TYPE_CHECKING:
    from typing import TypedDict as TypedDict
else:  # what an answer is described with: on Python 3.11 pydantic reads no other
    from pydantic_core.core_schema import TypedDict as TypedDict

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # what SQLite, and the games themselves, hold as an integer
_EXACT_IN_A_DOUBLE = 2**53
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f]")  # C0 without \t and \n
_VISIBLE = (  # one character that is neither blank nor a control character
    r"[^\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
_POINT_ZERO = re.compile(r"\.0+$")
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_BETWEEN = r"[ \t\r\n_-]*"  # what may stand around and within a word of a table
_SEPARATORS = re.compile(_BETWEEN)
_OURS = "unfit"
_WHAT = {
    "missing": "is required",
    "string_type": "must be text",
}

Value = TypeVar("Value")
Model = TypeVar("Model", bound="Payload")


class Unfit(Exception):
    """The first thing wrong with a body: a field's name ("body" for the whole), and what it must be."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field} {what}")
        self.field = field
        self.what = what  # reads on from the field's name: "is required"


class Payload(BaseModel):
    """A request's body. No JSON type is taken for another; fields it does not know are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


def _without_null_defaults(described: JsonSchemaValue) -> None:
    for field in described.get("properties", {}).values():
        if field.get("default", ...) is None:
            del field["default"]


class Query(Payload):
    """A request's query, each field read from text. A query has no null: what is None was not asked for."""

    model_config = ConfigDict(json_schema_extra=_without_null_defaults)


def read(model: type[Model], body: bytes) -> Model:
    """A JSON object in UTF-8, as this model. Raises Unfit with the first problem, in the order of the fields.

    Of two equal keys the last one counts. Python's own parser would fall over deep nesting, and let through
    NaN and half a surrogate pair, which no database takes.
    """
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Unfit("body", "must be valid JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise Unfit("body", "must be a JSON object")
    return _checked(model, content)


def read_query(model: type[Model], query: Mapping[str, str]) -> Model:
    """A query as this model. Raises Unfit with the first problem, in the order of the fields."""
    return _checked(model, dict(query))


def _checked(model: type[Model], content: dict[str, Any]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _first_problem(error) from error


def _first_problem(error: ValidationError) -> Unfit:
    problem = error.errors(include_url=False)[0]
    field = str(problem["loc"][0]) if problem["loc"] else "body"
    if problem["type"] == _OURS:
        return Unfit(field, problem["msg"])
    if problem["input"] is None:
        return Unfit(field, "is required")
    return Unfit(field, _WHAT.get(problem["type"], "is not valid"))


def unfit(what: str) -> PydanticCustomError:
    """What a validator raises; `what` reads on from the field's name."""
    return PydanticCustomError(_OURS, "{what}", {"what": what})


def clean(text: str) -> str:
    """The text without control characters, of which NUL would end it early in SQLite. Lines and tabs stay."""
    return text if text.isprintable() else _CONTROLS.sub("", text)


def given(text: str | None) -> str | None:
    """The cleaned text; None if nothing but blanks is left of it."""
    cleaned = clean(text or "")
    return cleaned if cleaned.strip() else None


def _filled(text: str) -> str:
    cleaned = given(text)
    if cleaned is None:
        raise unfit("is required")
    return cleaned


# Text that must be there.
Filled = Annotated[str, AfterValidator(_filled), WithJsonSchema({"type": "string", "pattern": _VISIBLE})]
# Text that may be absent, null or blank: then None.
Given = Annotated[str | None, AfterValidator(given), WithJsonSchema({"type": ["string", "null"]})]
# As Given, in a query, where there is no null.
Asked = Annotated[str | None, AfterValidator(given), WithJsonSchema({"type": "string"})]


@dataclass(frozen=True, slots=True)
class AtMost:
    """Of the text it is said of: how many characters may be sent."""

    characters: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "maxLength": self.characters}

    def _check(self, value: object) -> object:
        if isinstance(value, str) and len(value) > self.characters:
            raise unfit(f"is too long ({self.characters:,} characters at most)")
        return value


def items(value: object, *kinds: type, named: str) -> list[Any]:
    """The entries of a list without its nulls; `named` is what a refusal calls the kinds allowed."""
    if not isinstance(value, list | None):
        raise unfit("must be a list")
    entries = [entry for entry in value or () if entry is not None]
    if not all(isinstance(entry, kinds) for entry in entries):
        raise unfit(f"must be a list of {named}")
    return entries


def _reading(validate: Callable[[object], object], described: JsonSchemaValue) -> BeforeValidator:
    return BeforeValidator(validate, json_schema_input_type=Annotated[Any, WithJsonSchema(described)])


def whole_number(smallest: int = _SMALLEST) -> BeforeValidator:
    """A validator: an integer of 64 bits, as a number (a Lua double too) or as up to 18 digits in text.

    `smallest` is 0 or that of 64 bits. Text of 19 digits may or may not be a number of 64 bits.
    """
    text = "[0-9]{1,18}" if smallest == 0 else "-?[0-9]{1,18}"

    def validate(value: object) -> int:
        if isinstance(value, str) and _DIGITS.fullmatch(value) and not re.fullmatch(text, value):
            raise unfit("is out of range")
        return _in_range(value, smallest, _LARGEST)

    number = {"type": "integer", "minimum": smallest, "maximum": _LARGEST}
    return _reading(validate, {"anyOf": [number, {"type": "string", "pattern": f"^{text}$"}]})


def asked_number(smallest: int = _SMALLEST, largest: int = _LARGEST) -> BeforeValidator:
    """As `whole_number`, in a query, where every number is digits in text; some write 12 as 12.0."""

    def validate(value: object) -> int:
        number = _POINT_ZERO.sub("", value) if isinstance(value, str) else value
        if number == "":
            raise unfit("must be a whole number")
        return _in_range(number, smallest, largest)

    return _reading(validate, {"type": "integer", "minimum": smallest, "maximum": largest})


def _in_range(value: object, smallest: int, largest: int) -> int:
    number = _as_integer(value)
    if number is None:
        raise unfit("must be a whole number")
    if not smallest <= number <= largest:
        raise unfit("is out of range")
    return number


def _as_integer(value: object) -> int | None:
    if value is None or value == "":
        raise unfit("is required")
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_IN_A_DOUBLE:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def one_of(words: Mapping[str, Value], *, shown: str, blank: Value | None = None) -> BeforeValidator:
    """A validator: a word of the table, in any case, with any separators; a refusal says `shown`.

    The table's keys are lower-case ASCII letters. `blank` stands for null and for an empty text; without it
    the word is required.
    """

    def validate(value: object) -> Value:
        if value is not None and not isinstance(value, str):
            raise unfit("must be text")
        word = _SEPARATORS.sub("", value or "").lower()
        meaning = words.get(word) if word else blank
        if meaning is None:
            raise unfit(f"must be one of: {shown}" if word else "is required")
        return meaning

    spelt = {"type": "string", "pattern": _spellings(words if blank is None else (*words, ""))}
    nothing = [] if blank is None else [{"type": "null"}]
    return _reading(validate, {"anyOf": [{"enum": shown.split(", ")}, spelt, *nothing]})


def _spellings(words: Iterable[str]) -> str:
    """The pattern of every way in which one of the words may be spelt."""
    spelt = (_BETWEEN.join(f"[{letter.upper()}{letter}]" for letter in word) for word in words)
    return f"^{_BETWEEN}(?:{'|'.join(spelt)}){_BETWEEN}$"
