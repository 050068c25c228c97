"""What single fields may hold, each with the JSON Schema of exactly that. Knows no whole request."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bot.sources.modl.chat_log import chat_lines
from bot.sources.validation import AtMost, Filled, Given, given, items, unfit

_BLANK = "[ \\t\\r\\n]*"
_URN = "(?:[Uu][Rr][Nn]:[Uu][Uu][Ii][Dd]:)?"
_DIGITS = "([0-9A-Fa-f]{8})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{4})-?([0-9A-Fa-f]{12})"
_ONE_UUID = f"{_URN}\\{{?{_DIGITS}\\}}?"
_UUID = re.compile(f"{_BLANK}{_ONE_UUID}{_BLANK}")

_TAGS, _TAG = 20, 64
_CHAT, _CHAT_LINE = 1000, 2000
_IDS = 100


def uuid(value: object) -> str:
    """The UUID in the one form we keep: players without a version digit are real (Bedrock)."""
    if value is None or not _text(value).strip(" \t\r\n"):
        raise unfit("is required")
    match = _UUID.fullmatch(_text(value))
    if match is None:
        raise unfit("must be a UUID")
    return "-".join(match.groups()).lower()


def _uuid_if_given(value: object) -> str | None:
    return uuid(value) if value is not None and _text(value).strip(" \t\r\n") else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise unfit("must be text")
    return value


@dataclass(frozen=True, slots=True)
class Within(AtMost):
    """As AtMost, in this contract's words."""

    def _check(self, value: object) -> object:
        if isinstance(value, str) and len(value) > self.characters:
            raise unfit(f"must have at most {self.characters:,} characters")
        return value


@dataclass(frozen=True, slots=True)
class NeverNull:
    """Said of a word in a query, where there is no null."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        return {**described, "anyOf": [one for one in described["anyOf"] if one != {"type": "null"}]}


def _entries(value: object, *kinds: type, named: str, most: int, length: int | None = None) -> list[Any]:
    """The entries of a list that are not null; of each, if it is a text, the length is limited."""
    entries = items(value, *kinds, named=named)
    if isinstance(value, list) and len(value) > most:
        raise unfit(f"must have at most {most:,} entries")
    texts = [entry for entry in entries if isinstance(entry, str)]
    if length is not None and any(len(text) > length for text in texts):
        raise unfit(f"must have entries of at most {length:,} characters")
    return entries


def _tags(value: object) -> tuple[str, ...]:
    entries = _entries(value, str, named="text", most=_TAGS, length=_TAG)
    return tuple(tag for entry in entries if (tag := given(entry)))


def _chat_log(value: object) -> tuple[str, ...]:
    return chat_lines(_entries(value, str, dict, named="text or objects", most=_CHAT, length=_CHAT_LINE))


def _ids(value: object) -> tuple[str, ...]:
    return tuple(_entries(value, str, named="text", most=_IDS))


def _checked(check: Callable[[object], Any], described: dict[str, Any]) -> BeforeValidator:
    return BeforeValidator(check, json_schema_input_type=Annotated[Any, WithJsonSchema(described)])


def _list_of(most: int, **entry: object) -> dict[str, Any]:
    return {"type": ["array", "null"], "maxItems": most, "items": entry}


Uuid = Annotated[str, _checked(uuid, {"type": "string", "pattern": f"^{_BLANK}{_ONE_UUID}{_BLANK}$"})]
# No path with a brace in it is known here.
UuidInPath = Annotated[
    str, _checked(uuid, {"type": "string", "pattern": f"^{_BLANK}{_URN}{_DIGITS}{_BLANK}$"})
]
UuidIfGiven = Annotated[
    str | None,
    _checked(_uuid_if_given, {"type": ["string", "null"], "pattern": f"^{_BLANK}(?:{_ONE_UUID})?{_BLANK}$"}),
]
Name = Annotated[Filled, Within(64)]
NameIfGiven = Annotated[Given, Within(64)]  # 16 in the contract, but not every name is a player's
Tags = Annotated[tuple[str, ...], _checked(_tags, _list_of(_TAGS, type=["string", "null"], maxLength=_TAG))]
ChatLog = Annotated[
    tuple[str, ...],
    _checked(_chat_log, _list_of(_CHAT, type=["string", "object", "null"], maxLength=_CHAT_LINE)),
]
Ids = Annotated[tuple[str, ...], _checked(_ids, _list_of(_IDS, type=["string", "null"]))]
