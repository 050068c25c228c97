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

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1  # what SQLite, and the games themselves, hold as an integer
_MAX_SAFE_INTEGER = 2**53
_CONTROL_CHARS = re.compile(r"[\x00-\x08\x0b-\x1f]")  # C0 without \t and \n
_VISIBLE_CHAR = (  # one character that is neither blank nor a control character
    r"[^\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
_TRAILING_ZERO_DECIMALS = re.compile(r"\.0+$")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_SEPARATOR_PATTERN = r"[ \t\r\n_-]*"  # what may stand around and within a word of a table
_SEPARATORS = re.compile(_SEPARATOR_PATTERN)
_ERROR_TYPE = "unfit"
_REASONS = {
    "missing": "is required",
    "string_type": "must be text",
}

ValueT = TypeVar("ValueT")
ModelT = TypeVar("ModelT", bound="Payload")


class FieldError(Exception):
    """The first thing wrong with a body: a field's name ("body" for the whole), and what it must be."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason  # reads on from the field's name: "is required"


class Payload(BaseModel):
    """A request's body. No JSON type is taken for another; fields it does not know are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


def _without_null_defaults(schema: JsonSchemaValue) -> None:
    for field in schema.get("properties", {}).values():
        if field.get("default", ...) is None:
            del field["default"]


class Query(Payload):
    """A request's query, each field read from text. A query has no null: what is None was not asked for."""

    model_config = ConfigDict(json_schema_extra=_without_null_defaults)


def parse_json(model: type[ModelT], body: bytes) -> ModelT:
    """A JSON object in UTF-8, as this model. Raises Unfit with the first problem, in the order of the fields.

    Of two equal keys the last one counts. Python's own parser would fall over deep nesting, and let through
    NaN and half a surrogate pair, which no database takes.
    """
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise FieldError("body", "must be valid JSON in UTF-8") from error
    if not isinstance(content, dict):
        raise FieldError("body", "must be a JSON object")
    return _validate(model, content)


def parse_query(model: type[ModelT], query: Mapping[str, str]) -> ModelT:
    """A query as this model. Raises Unfit with the first problem, in the order of the fields."""
    return _validate(model, dict(query))


def _validate(model: type[ModelT], content: dict[str, Any]) -> ModelT:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _first_error(error) from error


def _first_error(error: ValidationError) -> FieldError:
    problem = error.errors(include_url=False)[0]
    field = str(problem["loc"][0]) if problem["loc"] else "body"
    if problem["type"] == _ERROR_TYPE:
        return FieldError(field, problem["msg"])
    if problem["input"] is None:
        return FieldError(field, "is required")
    return FieldError(field, _REASONS.get(problem["type"], "is not valid"))


def field_error(reason: str) -> PydanticCustomError:
    """What a validator raises; `what` reads on from the field's name."""
    return PydanticCustomError(_ERROR_TYPE, "{what}", {"what": reason})


def strip_control_chars(text: str) -> str:
    """The text without control characters, of which NUL would end it early in SQLite. Lines and tabs stay."""
    return text if text.isprintable() else _CONTROL_CHARS.sub("", text)


def blank_to_none(text: str | None) -> str | None:
    """The cleaned text; None if nothing but blanks is left of it."""
    cleaned = strip_control_chars(text or "")
    return cleaned if cleaned.strip() else None


def _require_text(text: str) -> str:
    cleaned = blank_to_none(text)
    if cleaned is None:
        raise field_error("is required")
    return cleaned


# Text that must be there.
RequiredText = Annotated[
    str, AfterValidator(_require_text), WithJsonSchema({"type": "string", "pattern": _VISIBLE_CHAR})
]
# Text that may be absent, null or blank: then None.
OptionalText = Annotated[
    str | None, AfterValidator(blank_to_none), WithJsonSchema({"type": ["string", "null"]})
]
# As Given, in a query, where there is no null.
QueryText = Annotated[str | None, AfterValidator(blank_to_none), WithJsonSchema({"type": "string"})]


@dataclass(frozen=True, slots=True)
class MaxLength:
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
            raise field_error(f"is too long ({self.characters:,} characters at most)")
        return value


def validate_list(value: object, *types: type, expected: str) -> list[Any]:
    """The entries of a list without its nulls; `named` is what a refusal calls the kinds allowed."""
    if not isinstance(value, list | None):
        raise field_error("must be a list")
    entries = [entry for entry in value or () if entry is not None]
    if not all(isinstance(entry, types) for entry in entries):
        raise field_error(f"must be a list of {expected}")
    return entries


def _before_validator(validate: Callable[[object], object], schema: JsonSchemaValue) -> BeforeValidator:
    return BeforeValidator(validate, json_schema_input_type=Annotated[Any, WithJsonSchema(schema)])


def int64(minimum: int = _INT64_MIN) -> BeforeValidator:
    """A validator: an integer of 64 bits, as a number (a Lua double too) or as up to 18 digits in text.

    `smallest` is 0 or that of 64 bits. Text of 19 digits may or may not be a number of 64 bits.
    """
    text = "[0-9]{1,18}" if minimum == 0 else "-?[0-9]{1,18}"

    def validate(value: object) -> int:
        if isinstance(value, str) and _INTEGER.fullmatch(value) and not re.fullmatch(text, value):
            raise field_error("is out of range")
        return _in_range(value, minimum, _INT64_MAX)

    number = {"type": "integer", "minimum": minimum, "maximum": _INT64_MAX}
    return _before_validator(validate, {"anyOf": [number, {"type": "string", "pattern": f"^{text}$"}]})


def query_int(minimum: int = _INT64_MIN, maximum: int = _INT64_MAX) -> BeforeValidator:
    """As `whole_number`, in a query, where every number is digits in text; some write 12 as 12.0."""

    def validate(value: object) -> int:
        number = _TRAILING_ZERO_DECIMALS.sub("", value) if isinstance(value, str) else value
        if number == "":
            raise field_error("must be a whole number")
        return _in_range(number, minimum, maximum)

    return _before_validator(validate, {"type": "integer", "minimum": minimum, "maximum": maximum})


def _in_range(value: object, minimum: int, maximum: int) -> int:
    number = _to_int(value)
    if number is None:
        raise field_error("must be a whole number")
    if not minimum <= number <= maximum:
        raise field_error("is out of range")
    return number


def _to_int(value: object) -> int | None:
    if value is None or value == "":
        raise field_error("is required")
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_SAFE_INTEGER:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def choice(
    options: Mapping[str, ValueT], *, allowed_text: str, blank: ValueT | None = None
) -> BeforeValidator:
    """A validator: a word of the table, in any case, with any separators; a refusal says `shown`.

    The table's keys are lower-case ASCII letters. `blank` stands for null and for an empty text; without it
    the word is required.
    """

    def validate(value: object) -> ValueT:
        if value is not None and not isinstance(value, str):
            raise field_error("must be text")
        word = _SEPARATORS.sub("", value or "").lower()
        meaning = options.get(word) if word else blank
        if meaning is None:
            raise field_error(f"must be one of: {allowed_text}" if word else "is required")
        return meaning

    spelt = {"type": "string", "pattern": _spelling_pattern(options if blank is None else (*options, ""))}
    nothing = [] if blank is None else [{"type": "null"}]
    return _before_validator(validate, {"anyOf": [{"enum": allowed_text.split(", ")}, spelt, *nothing]})


def _spelling_pattern(options: Iterable[str]) -> str:
    """The pattern of every way in which one of the words may be spelt."""
    spelt = (_SEPARATOR_PATTERN.join(f"[{letter.upper()}{letter}]" for letter in word) for word in options)
    return f"^{_SEPARATOR_PATTERN}(?:{'|'.join(spelt)}){_SEPARATOR_PATTERN}$"
