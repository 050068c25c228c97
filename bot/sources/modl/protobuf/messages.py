"""Convert between protobuf messages and the JSON objects that the operations parse and serialize.

A field's JSON name is its own in camelCase, as protobuf has it: `creator_uuid` is `creatorUuid`. A text that
is unset is absent in JSON; what is absent in JSON is "" in a message, where its field is not optional.
"""

from collections.abc import Callable, Iterable, Mapping
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


def decode(type_: MessageType, body: bytes) -> bytes:
    """Return the JSON text of a message. Raises ApiError(400) for bytes that are no such message."""
    return to_json(_to_dict(_parse(type_, body)))


def validate(type_: MessageType, body: bytes) -> bytes:
    """Return an empty JSON object for a message of which no field is read. Raises as `decode` does.

    A message may have thousands of lines of chat: their conversion would hold up everybody else.
    """
    _parse(type_, body)
    return b"{}"


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


def _to_dict(message: Any) -> dict[str, object]:
    """The fields that are not empty, by their names in JSON: an empty text is the same as an absent one.

    `ListFields` is slower: it makes objects of fields.
    """
    texts, lists, parts = _readable_fields(message.DESCRIPTOR)
    values = {json_name: value for name, json_name in texts if (value := getattr(message, name))}
    for name, json_name, convert in lists:
        if items := getattr(message, name):
            values[json_name] = convert(items)
    for name, json_name, convert in parts:
        if message.HasField(name):
            values[json_name] = convert(getattr(message, name))
    return values


@cache
def _readable_fields(descriptor: Any) -> tuple[list[tuple[str, str]], list[_Converted], list[_Converted]]:
    """Fields of texts and numbers, lists, and messages: name, name in JSON, what makes JSON of its value."""
    fields = descriptor.fields
    lists = [field for field in fields if field.is_repeated]
    parts = [field for field in fields if field.message_type is not None and not field.is_repeated]
    texts = [field for field in fields if field not in lists and field not in parts]
    return (
        [(field.name, field.json_name) for field in texts],
        [(field.name, field.json_name, _json_converter(field)) for field in lists],
        [(field.name, field.json_name, _json_converter(field)) for field in parts],
    )


def _json_converter(field: Any) -> _Convert:
    if field.message_type is None:
        return _COPY
    convert = MessageToDict if field.message_type is Struct.DESCRIPTOR else _to_dict
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
