"""The field types of modl requests with their JSON Schemas, and parsing into a request model."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import str_schema, tuple_schema

from bot.sources.contract import ApiError, FieldViolation
from bot.sources.modl.chat_log import CHAT_LINE, to_chat_lines
from bot.sources.validation import (
    BLANKS,
    BODY,
    InvalidRequest,
    MaxLength,
    OptionalText,
    Payload,
    Query,
    RequiredText,
    Validator,
    blank_to_none,
    clean_text,
    field_error,
    parse_json,
    parse_query,
    validate_list,
)

_CANONICAL_UUID = str_schema(
    strict=True, pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
)
_WHITESPACE = "[ \\t\\r\\n]*"
_URN_PREFIX = "(?:[Uu][Rr][Nn]:[Uu][Uu][Ii][Dd]:)?"
_HEX_GROUPS = "([0-9A-Fa-f]{8})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{12})"
_UUID_PATTERN = f"{_URN_PREFIX}\\{{?{_HEX_GROUPS}\\}}?"
_UUID_REGEX = re.compile(f"{_WHITESPACE}{_UUID_PATTERN}{_WHITESPACE}")

_MAX_TAGS, _MAX_TAG_LENGTH = 20, 64
_MAX_CHAT_ENTRIES, _MAX_CHAT_ENTRY_LENGTH = 1000, 2000
_MAX_IDS, _MAX_ID_LENGTH = 100, 64
_MAX_ASSIGNEES_LENGTH = 256
_UNASSIGNED = "none"


def parse_uuid(value: object) -> str:
    """The UUID in lower case with dashes. Those of Bedrock players have no version digit."""
    if value is None or not _require_str(value).strip(" \t\r\n"):
        raise field_error("is required")
    uuid = normalize_uuid(_require_str(value))
    if uuid is None:
        raise field_error("must be a UUID")
    return uuid


def normalize_uuid(text: str) -> str | None:
    """The UUID in lower case with dashes; None for what is none."""
    match = _UUID_REGEX.fullmatch(text)
    return "-".join(match.groups()).lower() if match else None


def _parse_optional_uuid(value: object) -> str | None:
    return parse_uuid(value) if value is not None and _require_str(value).strip(" \t\r\n") else None


def _require_str(value: object) -> str:
    if not isinstance(value, str):
        raise field_error("must be text")
    return value


@dataclass(frozen=True, slots=True)
class Within(MaxLength):
    """The most characters of a text, in this contract's words."""

    def _check(self, value: object) -> object:
        if isinstance(value, str) and len(value) > self.characters:
            raise field_error(f"must have at most {self.characters:,} characters")
        return value


@dataclass(frozen=True, slots=True)
class NotNull:
    """Leaves null out of the schema: a query has none."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        return {**described, "anyOf": [one for one in described["anyOf"] if one != {"type": "null"}]}


def _limited_list(
    value: object, *types: type, expected: str, max_items: int, max_length: int | None = None
) -> list[Any]:
    """The entries of a list that are not null; `max_length` is that of a text among them."""
    entries = validate_list(value, *types, expected=expected)
    if isinstance(value, list) and len(value) > max_items:
        raise field_error(f"must have at most {max_items:,} entries")
    texts = [entry for entry in entries if isinstance(entry, str)]
    if max_length is not None and any(len(text) > max_length for text in texts):
        raise field_error(f"must have entries of at most {max_length:,} characters")
    return entries


def _parse_tags(value: object) -> tuple[str, ...]:
    entries = _limited_list(value, str, expected="text", max_items=_MAX_TAGS, max_length=_MAX_TAG_LENGTH)
    return tuple(tag for entry in entries if (tag := blank_to_none(entry)))


def _parse_chat_log(value: object) -> tuple[str, ...]:
    return to_chat_lines(
        _limited_list(
            value,
            str,
            dict,
            expected="text or objects",
            max_items=_MAX_CHAT_ENTRIES,
            max_length=_MAX_CHAT_ENTRY_LENGTH,
        )
    )


def _parse_ids(value: object) -> tuple[str, ...]:
    return tuple(_limited_list(value, str, expected="text", max_items=_MAX_IDS, max_length=_MAX_ID_LENGTH))


def _parse_assignees(value: object) -> tuple[str, ...]:
    """The names between commas, each once; none for "none"."""
    text = "" if value is None else _require_str(value)
    if len(text) > _MAX_ASSIGNEES_LENGTH:
        raise field_error(f"must have at most {_MAX_ASSIGNEES_LENGTH} characters")
    names = dict.fromkeys(name.strip() for part in text.split(",") if (name := blank_to_none(part)))
    if not names:
        raise field_error("is required")
    return () if [name.lower() for name in names] == [_UNASSIGNED] else tuple(names)


def _list_schema(max_items: int, **entry: object) -> dict[str, Any]:
    return {"type": ["array", "null"], "maxItems": max_items, "items": entry}


def _tuple_of(item: CoreSchema, max_items: int) -> CoreSchema:
    return tuple_schema([item], variadic_item_index=0, max_length=max_items, fail_fast=True)


Uuid = Annotated[
    str,
    Validator(
        parse_uuid,
        {"type": "string", "pattern": f"^{_WHITESPACE}{_UUID_PATTERN}{_WHITESPACE}$"},
        _CANONICAL_UUID,
    ),
]
# Without braces: in a path they would be a parameter.
PathUuid = Annotated[
    str,
    Validator(
        parse_uuid, {"type": "string", "pattern": f"^{_WHITESPACE}{_URN_PREFIX}{_HEX_GROUPS}{_WHITESPACE}$"}
    ),
]
OptionalUuid = Annotated[
    str | None,
    Validator(
        _parse_optional_uuid,
        {"type": ["string", "null"], "pattern": f"^{_WHITESPACE}(?:{_UUID_PATTERN})?{_WHITESPACE}$"},
        _CANONICAL_UUID,
    ),
]
Name = Annotated[RequiredText, Within(64)]
OptionalName = Annotated[OptionalText, Within(64)]  # 16 in the contract, but not every name is a player's
Tags = Annotated[
    tuple[str, ...],
    Validator(
        _parse_tags,
        _list_schema(_MAX_TAGS, type=["string", "null"], maxLength=_MAX_TAG_LENGTH),
        _tuple_of(clean_text(_MAX_TAG_LENGTH), _MAX_TAGS),
    ),
]
ChatLog = Annotated[
    tuple[str, ...],
    Validator(
        _parse_chat_log,
        _list_schema(_MAX_CHAT_ENTRIES, type=["string", "object", "null"], maxLength=_MAX_CHAT_ENTRY_LENGTH),
        _tuple_of(clean_text(_MAX_CHAT_ENTRY_LENGTH, CHAT_LINE), _MAX_CHAT_ENTRIES),
    ),
]
Ids = Annotated[
    tuple[str, ...],
    Validator(_parse_ids, _list_schema(_MAX_IDS, type=["string", "null"], maxLength=_MAX_ID_LENGTH)),
]
Assignees = Annotated[
    tuple[str, ...],
    Validator(
        _parse_assignees,
        {"type": "string", "pattern": f"[^,{BLANKS}]", "maxLength": _MAX_ASSIGNEES_LENGTH},
    ),
]

_BodyT = TypeVar("_BodyT", bound=Payload)
_QueryT = TypeVar("_QueryT", bound=Query)


def parse_body(model: type[_BodyT], body: bytes) -> _BodyT:
    """Parse a JSON body. Raises ApiError(400) with every problem."""
    try:
        return parse_json(model, body)
    except InvalidRequest as error:
        raise validation_error(error.violations) from error


def parse_query_params(model: type[_QueryT], query: Mapping[str, str]) -> _QueryT:
    """Parse a query. Raises ApiError(400) with every problem."""
    try:
        return parse_query(model, query)
    except InvalidRequest as error:
        raise validation_error(error.violations) from error


def validation_error(violations: Iterable[FieldViolation]) -> ApiError:
    """The error for some fields, sorted, in this contract's words."""
    by_field = sorted(violations, key=lambda one: one.field)
    problems = "; ".join(f"{one.field} {one.reason}" for one in by_field)
    fields = [one for one in by_field if one.field != BODY]
    return ApiError(400, f"Invalid data provided: {problems}.", violations=fields)
