"""How a source reads: bytes to a checked model, text fit to keep, words with aliases. Knows no game."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError, from_json

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # what SQLite, and the games themselves, hold as an integer
_EXACT_IN_A_DOUBLE = 2**53
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f]")  # C0 without \t and \n
_DIGITS = re.compile(r"-?[0-9]{1,19}")
_SEPARATORS = re.compile(r"[\s_-]+")
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
    return _CONTROLS.sub("", text)


def given(text: str | None) -> str | None:
    """The cleaned text; None if nothing but blanks is left of it."""
    cleaned = clean(text or "")
    return cleaned if cleaned.strip() else None


def _filled(text: str) -> str:
    cleaned = given(text)
    if cleaned is None:
        raise unfit("is required")
    return cleaned


Filled = Annotated[str, AfterValidator(_filled)]  # text that must be there
Given = Annotated[str | None, AfterValidator(given)]  # text that may be absent, null or blank: then None


def items(value: object, *kinds: type, named: str) -> list[Any]:
    """The entries of a list without its nulls; `named` is what a refusal calls the kinds allowed."""
    if not isinstance(value, list | None):
        raise unfit("must be a list")
    entries = [entry for entry in value or () if entry is not None]
    if not all(isinstance(entry, kinds) for entry in entries):
        raise unfit(f"must be a list of {named}")
    return entries


def whole_number(smallest: int = _SMALLEST) -> Callable[[object], int]:
    """A validator: an integer of 64 bits, as a number (a Lua double too) or as digits in text."""

    def validate(value: object) -> int:
        number = _as_integer(value)
        if number is None:
            raise unfit("must be a whole number")
        if not smallest <= number <= _LARGEST:
            raise unfit("is out of range")
        return number

    return validate


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

    The table's keys are lower-case and without separators. `blank` stands for null and for an empty text;
    without it the word is required.
    """

    def validate(value: object) -> Value:
        if value is not None and not isinstance(value, str):
            raise unfit("must be text")
        word = _SEPARATORS.sub("", value or "").lower()
        meaning = words.get(word) if word else blank
        if meaning is None:
            raise unfit(f"must be one of: {shown}" if word else "is required")
        return meaning

    return BeforeValidator(validate)
