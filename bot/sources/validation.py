"""Parse and validate JSON bodies and queries with pydantic: field types that several sources share.

The JSON Schema of each type is exactly what it accepts, since the OpenAPI document is made of it. The
patterns name every character, because dialects differ in what a blank is.

What clients usually send is accepted by pydantic's core alone (`Usual`). Validators in Python see only the
rest: they clean a text, read another spelling, or say what is wrong.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, from_json
from pydantic_core.core_schema import (
    chain_schema,
    int_schema,
    literal_schema,
    no_info_before_validator_function,
    no_info_plain_validator_function,
    str_schema,
    union_schema,
)

from bot.sources.contract import FieldViolation

if TYPE_CHECKING:
    from typing import TypedDict as TypedDict
else:  # of response bodies: on Python 3.11 pydantic reads no other
    from pydantic_core.core_schema import TypedDict as TypedDict

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1  # the integers of the databases and of the games
_MAX_SAFE_INTEGER = 2**53
_CONTROL_CHARS = re.compile(r"[\x00-\x08\x0b-\x1f]")  # C0 without \t and \n
_CARRIAGE_RETURN = re.compile(r"\r\n?")
BLANKS = (
    r"\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # and control characters
)
VISIBLE_CHAR = f"[^{BLANKS}]"
_CLEAN_CHARS = r"[^\u0000-\u0008\u000b-\u001f]*"
_CLEAN_TEXT = f"^{_CLEAN_CHARS}{VISIBLE_CHAR}{_CLEAN_CHARS}$"
_TRAILING_ZERO_DECIMALS = re.compile(r"\.0+$")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_SEPARATOR_PATTERN = r"[ \t\r\n_-]*"  # around and within a word of a table
_SEPARATORS = re.compile(_SEPARATOR_PATTERN)
BODY = "body"  # stands for the field where the whole body is invalid
_ERROR_TYPE = "field_error"
_REASONS = {
    "json_invalid": "must be valid JSON in UTF-8",
    "model_type": "must be a JSON object",
    "missing": "is required",
    "string_type": "must be text",
}

ValueT = TypeVar("ValueT")
ModelT = TypeVar("ModelT", bound="Payload")


class InvalidRequest(Exception):
    """A body or query with invalid fields: each once, in the order of the model, or "body" for all of it."""

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__("; ".join(f"{one.field} {one.reason}" for one in violations))
        self.violations = violations


class Payload(BaseModel):
    """A request's body. JSON types are not converted; unknown fields are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


def _without_null_defaults(schema: JsonSchemaValue) -> None:
    for field in schema.get("properties", {}).values():
        if field.get("default", ...) is None:
            del field["default"]


class Query(Payload):
    """A request's query, each field parsed from text. A query has no null: None was not sent."""

    model_config = ConfigDict(json_schema_extra=_without_null_defaults)


def parse_json(model: type[ModelT], body: bytes) -> ModelT:
    """Parse a JSON object in UTF-8. Raises InvalidRequest.

    Of two equal keys the last one counts. Python's own parser would fail at deep nesting, and accept NaN and
    half a surrogate pair, which no database takes.
    """
    try:
        text = body.decode()
        if "NaN" in text or "Infinity" in text:  # perhaps as a number, which validation would let pass
            from_json(body, allow_inf_nan=False)
        parsed: ModelT = model.__pydantic_validator__.validate_json(text)
    except ValidationError as error:
        raise InvalidRequest(_violations(error)) from error
    except ValueError as error:
        raise InvalidRequest([_body_violation("json_invalid")]) from error
    return parsed


def parse_query(model: type[ModelT], query: Mapping[str, str]) -> ModelT:
    """Parse a query. Raises InvalidRequest."""
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise InvalidRequest(_violations(error)) from error


def _violations(error: ValidationError) -> list[FieldViolation]:
    """What is wrong with each invalid field. Of a field with a usual form, the last error says it."""
    errors = error.errors(include_url=False)
    if not errors[0]["loc"]:
        return [_body_violation(errors[0]["type"])]
    last_of_field = {one["loc"][0]: one for one in errors}
    return [FieldViolation(field=str(field), reason=_reason(one)) for field, one in last_of_field.items()]


def _body_violation(error_type: str) -> FieldViolation:
    return FieldViolation(field=BODY, reason=_REASONS[error_type])


def _reason(error: ErrorDetails) -> str:
    if error["type"] == _ERROR_TYPE:
        return error["msg"]
    return "is required" if error["input"] is None else _REASONS.get(error["type"], "is not valid")


def field_error(reason: str) -> PydanticCustomError:
    """The exception for a validator to raise; `reason` continues the sentence after the field's name."""
    return PydanticCustomError(_ERROR_TYPE, "{reason}", {"reason": reason})


def strip_control_chars(text: str) -> str:
    """Remove control characters except line breaks and tabs: a NUL would end the text in SQLite.

    A carriage return, alone or with a line feed, becomes a line feed.
    """
    return text if text.isprintable() else _CONTROL_CHARS.sub("", _CARRIAGE_RETURN.sub("\n", text))


def blank_to_none(text: str | None) -> str | None:
    """The text without control characters; None if it is blank."""
    cleaned = strip_control_chars(text or "")
    return cleaned if cleaned.strip() else None


def _blank_to_empty(text: str | None) -> str | None:
    return None if text is None else blank_to_none(text) or ""


def _require_text(text: str) -> str:
    cleaned = blank_to_none(text)
    if cleaned is None:
        raise field_error("is required")
    return cleaned


# Text that is required.
RequiredText = Annotated[
    str, AfterValidator(_require_text), WithJsonSchema({"type": "string", "pattern": VISIBLE_CHAR})
]
# Text that may be absent, null or blank: then None.
OptionalText = Annotated[
    str | None, AfterValidator(blank_to_none), WithJsonSchema({"type": ["string", "null"]})
]
# As OptionalText, but blank text is "", and not the same as absent.
NullableText = Annotated[
    str | None, AfterValidator(_blank_to_empty), WithJsonSchema({"type": ["string", "null"]})
]
# As OptionalText, in a query, where there is no null.
QueryText = Annotated[str | None, AfterValidator(blank_to_none), WithJsonSchema({"type": "string"})]


def usual_or(usual: CoreSchema, rest: CoreSchema) -> CoreSchema:
    """What the core accepts as `usual` costs no call of Python; `rest` validates all else.

    `usual` must accept nothing that `rest` refuses, and return what `rest` would.
    """
    return union_schema([usual, rest], mode="left_to_right")


def clean_text(max_length: int, pattern: str = _CLEAN_TEXT) -> CoreSchema:
    """Text that is kept as it was sent: not blank, and without control characters."""
    return str_schema(strict=True, max_length=max_length, pattern=pattern)


@dataclass(frozen=True, slots=True)
class MaxLength:
    """The most characters of a text, as sent. Text that needs no cleaning stays in pydantic's core."""

    characters: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        rest = no_info_before_validator_function(self._check, handler(source))
        return usual_or(clean_text(self.characters), rest)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        _usual, rest = schema["choices"]
        return {**handler(rest), "maxLength": self.characters}

    def _check(self, value: object) -> object:
        if isinstance(value, str) and len(value) > self.characters:
            raise field_error(f"is too long ({self.characters:,} characters at most)")
        return value


@dataclass(frozen=True, slots=True, eq=False)  # hashable: the OpenAPI document keeps types in a dict
class Validator:
    """Validates a field before its type does. `schema` is the JSON Schema of what it accepts.

    Where there is a `usual` form, as in `usual_or`, only the rest comes to `validate`.
    """

    validate: Callable[[object], object]
    schema: JsonSchemaValue
    usual: CoreSchema | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        rest = no_info_before_validator_function(self.validate, handler(source))
        return rest if self.usual is None else usual_or(self.usual, rest)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.schema


def validate_list(value: object, *types: type, expected: str) -> list[Any]:
    """The entries of a list that are not null; `expected` names the allowed types in errors."""
    if not isinstance(value, list | None):
        raise field_error("must be a list")
    entries = [entry for entry in value or () if entry is not None]
    if not all(isinstance(entry, types) for entry in entries):
        raise field_error(f"must be a list of {expected}")
    return entries


def int64(minimum: int = _INT64_MIN) -> Validator:
    """Validator of an integer of 64 bits, as a number (a Lua double too) or as up to 19 digits in text.

    `minimum` is 0 or that of 64 bits.
    """
    text = _digits_up_to(_INT64_MAX) if minimum == 0 else _INT64_TEXT

    def validate(value: object) -> int:
        if isinstance(value, str) and _INTEGER.fullmatch(value) and not re.fullmatch(text, value):
            raise field_error("is out of range")
        return _in_range(value, minimum, _INT64_MAX)

    number = {"type": "integer", "minimum": minimum, "maximum": _INT64_MAX}
    schema = {"anyOf": [number, {"type": "string", "pattern": f"^{text}$"}]}
    as_number = int_schema(strict=True, ge=minimum, le=_INT64_MAX)
    as_text = chain_schema([str_schema(strict=True, pattern=f"^{text}$"), int_schema(strict=False)])
    return Validator(validate, schema, usual_or(as_number, as_text))


def _digits_up_to(maximum: int) -> str:
    """The pattern of the numbers from 0 to `maximum` in as many digits at most; the first may be zeros."""
    digits = str(maximum)
    smaller = [
        f"{digits[:place]}[0-{int(digit) - 1}][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "0"
    ]
    return f"(?:[0-9]{{1,{len(digits) - 1}}}|{'|'.join(smaller)}|{digits})"


_INT64_TEXT = f"(?:{_digits_up_to(_INT64_MAX)}|-{_digits_up_to(-_INT64_MIN)})"


def query_int(minimum: int = _INT64_MIN, maximum: int = _INT64_MAX) -> Validator:
    """Validator of an integer in a query, where numbers are text; some clients write 12 as 12.0."""

    def validate(value: object) -> int:
        number = _TRAILING_ZERO_DECIMALS.sub("", value) if isinstance(value, str) else value
        if number == "":
            raise field_error("must be a whole number")
        return _in_range(number, minimum, maximum)

    return Validator(validate, {"type": "integer", "minimum": minimum, "maximum": maximum})


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
    options: Mapping[str, ValueT],
    *,
    allowed_text: str,
    aliases_text: str = "",
    blank: ValueT | None = None,
    unknown: ValueT | None = None,
) -> Validator:
    """Validator of one of several words, in any case and with any separators.

    Errors list `allowed_text`, followed by `aliases_text`. The keys of `options` are lower-case ASCII
    letters. `blank` is the value of null and of an empty text, and `unknown` that of any other word; where
    they are not given, the word is required, and must be one of those.
    """

    def validate(value: object) -> ValueT:
        if value is not None and not isinstance(value, str):
            raise field_error("must be text")
        word = _SEPARATORS.sub("", value or "").lower()
        value_of_word = options.get(word, unknown) if word else blank
        if value_of_word is None:
            raise field_error(f"must be one of: {allowed_text}{aliases_text}" if word else "is required")
        return value_of_word

    words = {"type": "string"}
    if unknown is None:
        words["pattern"] = _spelling_pattern(options if blank is None else (*options, ""))
    null = [] if blank is None else [{"type": "null"}]
    schema = {"anyOf": [{"enum": allowed_text.split(", ")}, words, *null]}
    look_up = no_info_plain_validator_function(options.__getitem__)  # no call of Python
    return Validator(validate, schema, chain_schema([literal_schema([*options]), look_up]))


def _spelling_pattern(options: Iterable[str]) -> str:
    """The pattern of every accepted spelling of the words."""
    spellings = (
        _SEPARATOR_PATTERN.join(f"[{letter.upper()}{letter}]" for letter in word) for word in options
    )
    return f"^{_SEPARATOR_PATTERN}(?:{'|'.join(spellings)}){_SEPARATOR_PATTERN}$"
