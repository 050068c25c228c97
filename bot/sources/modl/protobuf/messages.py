"""Convert between protobuf messages and the JSON objects that the operations parse and serialize.

A field's JSON name is its own in camelCase, as protobuf has it: `creator_uuid` is `creatorUuid`. A text that
is unset is absent in JSON; what is absent in JSON is "" in a message, where its field is not optional.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
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

MessageType = type[Message]
_Convert = Callable[[Any], Any]


def decode(type_: MessageType, fields: Container[str], body: bytes) -> bytes:
    """Return the JSON text of some fields of a message. Raises ApiError(400) for bytes that are no message.

    Of the other fields, a message may have thousands of lines of chat: to convert them would hold up
    everybody else.
    """
    set_fields = _parse(type_, body).ListFields()
    return to_json(
        {field.json_name: _to_value(field, value) for field, value in set_fields if field.json_name in fields}
    )


def _parse(type_: MessageType, body: bytes) -> Message:
    message = type_()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        reason = f"must be a {type_.DESCRIPTOR.name} in protobuf"
        violation = FieldViolation(field="body", reason=reason)
        raise ApiError(400, f"Invalid data provided: body {reason}.", violations=[violation]) from error
    return message


def encode(type_: MessageType, body: JsonObject) -> bytes:
    """Return the message of a JSON object. Raises KeyError for a key that the message has no field for."""
    return type_(**_field_values(type_.DESCRIPTOR, body)).SerializeToString()


def _to_dict(message: Message) -> dict[str, object]:
    return {field.json_name: _to_value(field, value) for field, value in message.ListFields()}


def _to_value(field: FieldDescriptor, value: Any) -> object:
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    if field.message_type is Struct.DESCRIPTOR:
        return MessageToDict(value)
    return [_to_dict(one) for one in value] if field.is_repeated else _to_dict(value)


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
