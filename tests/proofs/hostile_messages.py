"""Generates hostile protobuf bodies: valid messages, bad texts and numbers, and bytes that are no message."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

# Wire types
_VARINT, _FIXED64, _DELIMITED, _GROUP, _END_GROUP, _FIXED32 = range(6)
_ODD_WIRE_TYPES = (_VARINT, _FIXED64, _GROUP, _END_GROUP, _FIXED32, 6, 7)  # 6 and 7 do not exist

_UUIDS = ["550e8400-e29b-41d4-a716-446655440000", "660e8400-e29b-41d4-a716-446655440001"]
# Valid texts by the names of fields; "x" for any other field.
_VALID: dict[str, list[str]] = {
    "creator_uuid": _UUIDS,
    "player_uuid": _UUIDS,
    "reported_player_uuid": _UUIDS,
    "minecraft_uuid": _UUIDS,
    "type": ["player", "chat", "bug", "support", "appeal", "staff"],
    "priority": ["low", "normal", "high", ""],
    "ids": ["PLAYER-100000", "BUG-1"],
    "player_name": ["Notch"],
    "chat_messages": [
        "12:00:00 Notch: hello",
        '{"username":"Notch","message":"hello","timestamp":"2026-01-01T00:00:00Z"}',
        "{",
    ],
}
_BAD_UTF_8 = [
    b"\xff", b"a\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98",
    b"\xfe\xff\x00x",
]  # fmt: skip
_TEXTS = [
    "", " ", "\x00", "a\x00b", "\u202eabc\u202c", "\u2066x", "\ufeff", "\uffff", "\U0010ffff", "\r\n",
    "\x1b[31m", "\x7f", "e\u0301" * 300, "\U0001f600" * 200, "x" * 300_000, "null", "[]",
    '{"a":1}', '"', "\\", "\\ud83d",
]  # fmt: skip
_NUMBERS = [0, 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
_LENGTHS = [1, 127, 128, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
_BODIES = [
    b"\x00", b"\x08", b"\x0a", b"\x0a\x05x", b"\x80" * 11, b"\xff" * 10 + b"\x01", b"\x07", b"\x0b",
    b"\x0c", b"\x0b\x0c", b"{}", b"[]", b"null",
    b'{"creatorUuid":"' + _UUIDS[0].encode() + b'","type":"bug"}', b"a=1&b=2",
    b"\x1f\x8b", b"PK",
    b"\x00" * 1000, b"\xff" * 1000, b"\n" * 5000,
]  # fmt: skip
_OVERSIZE = 2**20 + 1  # bytes; the limit of a body is one less
_MOST_NESTED = 4  # messages in each other

_Text = Callable[[FieldDescriptor], bytes]


class MessageGenerator:
    """Makes bodies for a message type. Texts from `values`, which may be anything, are among them."""

    def __init__(self, rng: random.Random, values: Sequence[Any], fixtures: Sequence[dict[str, Any]]) -> None:
        self._rng = rng
        self._values = values
        self._fixtures = fixtures  # bodies of the JSON form
        self._kinds: list[tuple[float, Callable[[Descriptor], bytes]]] = [
            (8, self._valid), (4, self._fixture), (6, self._hostile_texts), (3, self._changed_bytes),
            (2, self._truncated), (2, self._odd_wire_types), (2, self._unknown_fields), (1, self._nested),
            (1, self._too_long), (2, self._twice), (2, self._any_bytes), (0.2, self._oversize),
        ]  # fmt: skip

    def body(self, type_: type[Message]) -> bytes:
        """The next one."""
        ((_, make),) = self._rng.choices(self._kinds, [weight for weight, _ in self._kinds])
        descriptor: Any = type_.DESCRIPTOR
        return make(descriptor)

    def _valid(self, type_: Descriptor) -> bytes:
        return self._message(type_, self._valid_text)

    def _fixture(self, type_: Descriptor) -> bytes:
        """The texts of a JSON body, in those fields that have them; objects as JSON text."""
        body, parts = self._rng.choice(self._fixtures), []
        for field in type_.fields:
            value = body.get(field.json_name)
            for one in value if isinstance(value, list) else [value]:
                if one is not None and field.cpp_type == field.CPPTYPE_STRING:
                    parts.append(_text(field.number, one))
        return b"".join(parts)

    def _hostile_texts(self, type_: Descriptor) -> bytes:
        return self._message(
            type_, lambda field: self._rng.choice([self._valid_text, self._hostile_text])(field)
        )

    def _changed_bytes(self, type_: Descriptor) -> bytes:
        changed = bytearray(self._valid(type_) or b"x")
        for _ in range(self._rng.randint(1, 4)):
            at = self._rng.randrange(len(changed) or 1)
            changed[at : at + self._rng.randint(0, 2)] = self._rng.randbytes(self._rng.randint(0, 2))
        return bytes(changed)

    def _truncated(self, type_: Descriptor) -> bytes:
        body = self._fixture(type_) or b"\x0a\x01"
        return body[: self._rng.randrange(len(body))]

    def _odd_wire_types(self, type_: Descriptor) -> bytes:
        """Known fields with other types than theirs, before or after valid ones."""
        field, wire_type = self._rng.choice(type_.fields), self._rng.choice(_ODD_WIRE_TYPES)
        odd = _key(field.number, wire_type) + self._rng.choice([b"", b"\x01", b"\x00" * 4, b"\x00" * 8])
        return self._shuffled(odd, self._valid(type_))

    def _unknown_fields(self, type_: Descriptor) -> bytes:
        number = self._rng.choice([0, 16, 999, 18_999, 19_500, 2**29 - 1, 2**29])
        unknown = [
            _delimited(number, b"x" * 50),
            _key(number, _VARINT) + b"\x01",
            _key(number, _FIXED64) + b"x" * 8,
        ]
        return self._shuffled(self._rng.choice(unknown), self._valid(type_))

    def _nested(self, type_: Descriptor) -> bytes:
        """Groups, or unknown messages, deep in each other; at times never closed."""
        deep, number = self._rng.choice([1, 50, 99, 100, 101, 1000, 50_000]), self._rng.choice([3, 40])
        closed = self._rng.choice([deep, deep, deep - 1, 0])
        groups = _key(number, _GROUP) * deep + _key(number, _END_GROUP) * closed
        inside = b"x"
        for _ in range(min(deep, 1000)):
            inside = _delimited(number, inside)
        return self._shuffled(self._rng.choice([groups, inside]), self._valid(type_))

    def _too_long(self, type_: Descriptor) -> bytes:
        """A length that is more than there is."""
        field = self._rng.choice(type_.fields)
        return self._valid(type_) + _key(field.number, _DELIMITED) + _varint(self._rng.choice(_LENGTHS))

    def _twice(self, type_: Descriptor) -> bytes:
        """Fields repeated: the last one of each counts, and lists grow."""
        return self._valid(type_) * self._rng.choice([2, 3, 100])

    def _any_bytes(self, _: Descriptor) -> bytes:
        return self._rng.choice(
            [b"", self._rng.choice(_BODIES), self._rng.randbytes(self._rng.randint(1, 300))]
        )

    def _oversize(self, type_: Descriptor) -> bytes:
        head = self._valid(type_)
        return head + _delimited(5, b"x" * (_OVERSIZE - len(head) - self._rng.choice([0, 4, 5, 6])))

    # Fields.

    def _message(self, type_: Descriptor, text: _Text, depth: int = 1) -> bytes:
        """Each field left out, once, or where it is a list, some times."""
        parts = []
        for field in type_.fields:
            if self._rng.random() < 0.15:
                continue
            for _ in range(self._rng.randint(0, 3) if field.is_repeated else 1):
                parts.append(self._field(field, text, depth))
        return b"".join(parts)

    def _field(self, field: FieldDescriptor, text: _Text, depth: int) -> bytes:
        if field.message_type is not None:
            deeper = depth < _MOST_NESTED
            return _delimited(
                field.number, self._message(field.message_type, text, depth + 1) if deeper else b""
            )
        if field.cpp_type == field.CPPTYPE_STRING:
            return _delimited(field.number, text(field))
        return _key(field.number, _VARINT) + _varint(self._rng.choice(_NUMBERS))

    def _valid_text(self, field: FieldDescriptor) -> bytes:
        return self._rng.choice(_VALID.get(field.name, ["x"])).encode()

    def _hostile_text(self, _: FieldDescriptor) -> bytes:
        match self._rng.randrange(4):
            case 0:
                return self._rng.choice(_BAD_UTF_8)
            case 1:
                return self._rng.choice(_TEXTS).encode()
            case _:  # half a surrogate pair becomes invalid UTF-8
                return str(self._rng.choice(self._values)).encode("utf-8", "surrogatepass")

    def _shuffled(self, *parts: bytes) -> bytes:
        return b"".join(self._rng.sample(parts, len(parts)))


def _text(number: int, value: object) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return _delimited(number, text.encode("utf-8", "surrogatepass"))


def _delimited(number: int, content: bytes) -> bytes:
    return _key(number, _DELIMITED) + _varint(len(content)) + content


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
