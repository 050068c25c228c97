"""Convert between protobuf messages and the JSON objects that the operations parse and serialize.

A field's JSON name is its own in camelCase, as protobuf has it: `creator_uuid` is `creatorUuid`. A text that
is unset is absent in JSON; what is absent in JSON is "" in a message, where its field is not optional.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic_core import to_json

from bot.sources.contract import ApiError, FieldViolation, JsonObject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHAT_MESSAGES = "chat_messages"
_COPY = itemgetter(slice(None))  # a list

MessageType = type[Message]
_Convert = Callable[[Any], Any]
_Converted = tuple[str, str, _Convert]


def decode(type_: MessageType, names: frozenset[str], body: bytes) -> bytes:
    """Return the JSON text of a message, of the fields with these names in JSON.

    Of the others, a message may have thousands of lines of chat: to convert them would hold up everybody
    else. Raises ApiError(400) for bytes that are no such message.
    """
    return to_json(_to_dict(_parse(type_, body), _readable_fields(type_.DESCRIPTOR, names)))


def _parse(type_: MessageType, body: bytes) -> Message:
    try:
        return type_.FromString(body)
    except DecodeError as error:
        reason = f"must be a {type_.DESCRIPTOR.name} in protobuf"
        violation = FieldViolation(field="body", reason=reason)
        raise ApiError(400, f"Invalid data provided: body {reason}.", violations=[violation]) from error


def encode(type_: MessageType, body: JsonObject) -> bytes:
    """Return the message of a JSON object. Raises KeyError for a key that the message has no field for."""
    return type_(**_field_values(type_.DESCRIPTOR, body)).SerializeToString()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """Fields of a message by kind: name, name in JSON, what makes JSON of its value."""

    texts: list[tuple[str, str]]  # and numbers
    lists: list[_Converted]
    parts: list[_Converted]  # messages


def _to_dict(message: Any, fields: _Fields) -> dict[str, object]:
    """The fields that are not empty, by their names in JSON: an empty text is the same as an absent one.

    `ListFields` is slower: it makes objects of fields.
    """
    values = {json_name: value for name, json_name in fields.texts if (value := getattr(message, name))}
    for name, json_name, convert in fields.lists:
        if items := getattr(message, name):
            values[json_name] = convert(items)
    for name, json_name, convert in fields.parts:
        if message.HasField(name):
            values[json_name] = convert(getattr(message, name))
    return values


@cache
def _readable_fields(descriptor: Any, names: frozenset[str] | None = None) -> _Fields:
    """The fields of a message with these names in JSON; all of them without."""
    fields = [field for field in descriptor.fields if names is None or field.json_name in names]
    lists = [field for field in fields if field.is_repeated]
    parts = [field for field in fields if field.message_type is not None and not field.is_repeated]
    return _Fields(
        texts=[(one.name, one.json_name) for one in fields if one not in lists and one not in parts],
        lists=[(one.name, one.json_name, _json_converter(one)) for one in lists],
        parts=[(one.name, one.json_name, _json_converter(one)) for one in parts],
    )


def _whole(message: Any) -> dict[str, object]:
    return _to_dict(message, _readable_fields(message.DESCRIPTOR))


def _json_converter(field: Any) -> _Convert:
    if field.message_type is None:
        return _COPY
    convert = MessageToDict if field.message_type is Struct.DESCRIPTOR else _whole
    return (lambda items: [convert(item) for item in items]) if field.is_repeated else convert


def _field_values(descriptor: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    fields = _fields(descriptor)
    values = {}
    for key, value in body.items():
        name, convert = fields[key]
        values[name] = value if convert is None else convert(value)
    return values


@cache
def _fields(descriptor: Any) -> dict[str, tuple[str, _Convert | None]]:
    """By the name in JSON: the field's own name, and what turns its value into that of the field."""
    return {field.json_name: (field.name, _converter(field)) for field in descriptor.fields}


def _converter(field: FieldDescriptor) -> _Convert | None:
    type_ = field.message_type
    if type_ is None:
        return None
    if type_ is Timestamp.DESCRIPTOR:
        return _timestamp
    if type_ is Struct.DESCRIPTOR:
        if field.name == _CHAT_MESSAGES:
            return _chat_messages
        return _structs if field.is_repeated else _struct
    if field.is_repeated:
        return lambda items: [_field_values(type_, item) for item in items]
    return lambda item: _field_values(type_, item)


def _timestamp(milliseconds: int) -> Timestamp:
    seconds, rest = divmod(milliseconds, 1000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000_000)


def _chat_messages(lines: Iterable[Mapping[str, Any]]) -> list[Struct]:
    """Lines of chat: their times are text in this form, ISO 8601 in UTC."""
    return [_struct({**line, "timestamp": _iso(line["timestamp"])}) for line in lines]


def _structs(items: Iterable[Mapping[str, Any]]) -> list[Struct]:
    return [_struct(item) for item in items]


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def _iso(milliseconds: int) -> str:
    time = _EPOCH + timedelta(milliseconds=milliseconds)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
