"""Generates hostile requests: damaged fixtures, a dictionary of bad values, and values of Hypothesis."""

import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import bot.sources
from bot.sources.contract import Operation, Source
from tests.proofs.hostile_messages import MessageGenerator
from tests.proofs.protobuf_form import CONTENT_TYPE, request_type

_FOLDER = Path(bot.sources.__file__).parent
_EXAMPLES = 400  # values that Hypothesis is asked for

_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 1.0, 1e308, -0.0, 0.5, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1,
    10**400, "", " ", "\t\n", "0", "-1", "1e5", "1_000", "١٢٣", "9" * 5000, "null", "NaN", "high", "HIGH",
    "\x00", "a\x00b", "\x1b[31m", "\u202eabc", "\ud83d", "\udfff x", "😀" * 200, "e\u0301" * 300,
    "x" * 300_000,
    "@everyone", "<@1>", "```", "[a](http://x)", "' OR 1=1 --", "'; DROP TABLE tickets; --",
    "../../etc/passwd",
    "{{7*7}}", "${jndi:ldap://x}", "%s%n", "javascript:alert(1)", "rbxthumb://x", "http://[::1", [], {},
    [[]],
    [None], [1, "a"], ["x"] * 2000, [{}], {"a": {"b": {}}}, {"": ""}, [float("nan")], float("inf"),
    "550e8400-e29b-41d4-a716-446655440000", "{550e8400e29b41d4a716446655440000}", "urn:uuid:" + "0" * 32,
]  # fmt: skip

_BODIES = [
    b"", b"{", b"}", b"[]", b"null", b"true", b"1", b'""', b"{}", b"{}{}", b"{} x", b"\xef\xbb\xbf{}",
    b"\xff\xfe",
    b"[" * 100_000, b'{"a":' * 50_000, b"[" * 5000 + b"]" * 5000, b'{"a":NaN}', b'{"a":Infinity}',
    b'{"a":1e999}',
    b'{"a":-1e999}', b"{'a':1}", b'{"a":1,}', b'{"a" 1}', b'{"a":"\xff"}', b'{"a":"\\ud83d"}',
    b'{"a":"\\u"}',
    b'{"\\ud83d":1}', b'{"a":"\\u0000"}', b'{"a":"\t"}', b'{"a":' + b"9" * 100_000 + b"}",
    b'{"a":0.' + b"1" * 9999,
    b'{"a":1,"a":2}', b"{" + b'"a":1,' * 20_000 + b'"b":1}', b" " * 70_000, b"a=1&b=2", b"<xml/>",
    b"--x\r\n\r\n",
    b"\x00" * 1000, b'{"a":"\xed\xa0\x80"}', b'{"a":01}', b'{"a":.5}', b'{"a":0x1}',
    b'{"a":"' + b"\\" * 1001,
]  # fmt: skip

# Valid values by the names of an endpoint's fields; "x" for any other field.
_VALID: dict[str, list[Any]] = {
    "staffUserId": [1, 7],
    "authorUserId": [123456789, 1],
    "status": ["open", "in-progress", "resolved", "closed"],
    "departmentId": ["general"],
    "playerUuid": ["550e8400-e29b-41d4-a716-446655440000", "660e8400-e29b-41d4-a716-446655440001"],
    "playerName": ["Notch"],
    "ids": [[], ["PLAYER-100000"]],
    "page": [1, 2, 10**6],
    "limit": [1, 50, 100],
    "type": ["player", "chat", "all"],
}

_TOKENS = ["a", "b", "c", "", "x" * 256, "two words", "\xff", "d" * 255]

_METHODS = [
    "GET",
    "HEAD",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "SEARCH",
    "PURGE",
    "LOCK",
]

_PATHS = [
    "/", "//", "/healthz", "/healthz/", "/x", "/favicon.ico", "/%", "/%zz", "/%00", "/%2e%2e/", "/../..",
    "/.", "/?",
    "/#", "/" + "a/" * 2000, "/" + "%20" * 1000, "/a?" + "b=c&" * 1000, "/\\", "/;", "/%ff",
    "/%f0%9f%98%80", "*",
    "/a b", "http://x", "http://x/y", "http://[", "x", "/:", "/{a}", "/%7Ba%7D", "/a//b//", "/\u00e9",
    "/@", "/%2F",
]  # fmt: skip

_ENDS = [
    "",
    "/",
    "//",
    "/x",
    "?a=1",
    "?" + "x" * 500,
    "#f",
    "%00",
    "%2f",
    "/..",
    "/../x",
    ";a=b",
    "%20",
    "/%2e",
    "\\",
]

_HEADERS = [
    ("Content-Type", ["application/json", "text/plain", "", ";", "a/b; charset=utf-16",
    "x; charset=idna", "\xff",
                      "x; charset=utf-7", "x; charset=\0", "x; charset=punycode",
                      "multipart/form-data; boundary="]),
    ("Content-Encoding", ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x", "GZIP", "\xe9"]),
    ("Accept", ["*/*", "text/html", "", "a;q=x"]),
    ("Accept-Encoding", ["gzip", "br;q=1", "*;q=0", "\xff"]),
    ("Connection", ["close", "keep-alive", "upgrade", "x", "", "close, upgrade"]),
    ("Upgrade", ["websocket", "h2c", "TLS/1.0", "x"]),
    ("Expect", ["x", "100-continue-not", ""]),
    ("Host", ["", "y", "[", "x:99999", "\xff"]),
    ("Range", ["bytes=0-", "bytes=-1", "x"]),
    ("If-None-Match", ["*", '"x"', "x"]),
    ("If-Modified-Since", ["x", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Xxx 0000"]),
    ("Cookie", ["a=b", "=", ";" * 1000, "a=\xff"]),
    ("Authorization", ["Bearer x", "Basic !!!", ""]),
    ("X-Forwarded-For", ["127.0.0.1", "x", "::1, ::2"]),
    ("Transfer-Encoding", ["chunked", "gzip", "identity", "chunked, chunked"]),
    ("Content-Length", ["0", "-1", "x", "1", "99999999999", ""]),
    ("Sec-WebSocket-Key1", ["x"]),
    ("apikey", ["x", "", "\xff", "k" * 7000]),
    ("x-api-key", ["x", "", "\xff"]),
    ("x" * 3000, ["y" * 5000]),
    ("bad name", ["x"]),
    ("A", ["x\x00y", "x\ry", "\t", "x" * 9000]),
]  # fmt: skip


# Of requests in protobuf. None: the header is not sent.
_CONTENT_TYPES = [
    None, "application/octet-stream", "application/json", "text/plain", "APPLICATION/X-PROTOBUF",
    "application/x-protobuf;", "application/x-protobuf; charset=utf-16", "application/protobuf", "x", "",
    "application/x-protobuf, application/json",
]  # fmt: skip
_ACCEPTS = [
    None, "*/*", "application/*", "application/json", "text/html, application/x-protobuf;q=0.1", "", ",",
    "\xff", "x", "application/x-protobuf;q=0", "," * 5000,
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileRequest:
    """One request as bytes, and the parts of it that the answer depends on."""

    head: bytes  # including the empty line
    body: bytes
    target: str
    method: str


class RequestGenerator:
    """Makes requests: the same ones for the same seed."""

    def __init__(
        self, seed_number: int, sources: dict[str, Source], keys: dict[str, str], ticket_ids: list[str]
    ) -> None:
        self._rng = random.Random(seed_number)  # noqa: S311 - repeatable, no secret
        self._values = _VALUES + _hypothesis_values(seed_number)
        self._intakes = [
            (source, intake.path)
            for source in sources.values()
            for intake in source.intake_endpoints
            if intake.codec is None
        ]
        self._endpoints = [
            (source, one)
            for source in sources.values()
            for one in (*source.endpoints, *source.public_endpoints)
            if one.codec is None
        ]
        self._protobuf_operations: list[tuple[Source, Operation]] = [
            (source, one)
            for source in sources.values()
            for one in (*source.intake_endpoints, *source.endpoints)
            if one.codec is not None
        ]
        self._ticket_ids = ticket_ids
        self._prefixes = [prefix for source in sources.values() for prefix in source.path_prefixes]
        self._fixtures = {path: _fixtures(source, path) for source, path in self._intakes}
        bodies = [body for path in sorted(self._fixtures) for body in self._fixtures[path]]
        self._messages = MessageGenerator(self._rng, self._values, bodies)
        self._keys = keys
        self._kinds: list[tuple[int, Callable[[str], bytes]]] = [
            (6, self._one_field), (3, self._several_fields), (6, self._unchanged), (3, self._changed_bytes),
            (2, self._bad_body), (2, self._any_value), (1, self._deep),
        ]  # fmt: skip

    def request(self) -> HostileRequest:
        """The next one: a third of them in protobuf."""
        rng = self._rng
        if self._protobuf_operations and rng.random() < 0.33:
            return self._protobuf_request()
        if self._endpoints and rng.random() < 0.4:
            return self._endpoint_request()
        source, path = rng.choice(self._intakes)
        weights = [weight for weight, _ in self._kinds]
        (_, make), = rng.choices(self._kinds, weights)  # fmt: skip
        body = make(path)
        method = "POST" if rng.random() < 0.93 else rng.choice(_METHODS)
        target = path if rng.random() < 0.8 else self._target(path)
        headers = self._headers(source)
        body = self._compressed(body, headers)
        return self._build(method, target, headers, body)

    def _endpoint_request(self) -> HostileRequest:
        rng = self._rng
        source, one = rng.choice(self._endpoints)
        method = one.method if rng.random() < 0.95 else rng.choice(_METHODS)
        target = self._operation_target(one)
        body = b"" if one.body is None else self._body_for(list(one.body.model_fields))
        headers = self._headers(source)
        return self._build(method, target, headers, self._compressed(body, headers))

    def _protobuf_request(self) -> HostileRequest:
        rng = self._rng
        source, one = rng.choice(self._protobuf_operations)
        method = one.method if rng.random() < 0.95 else rng.choice(_METHODS)
        target = self._operation_target(one)
        type_ = request_type(one)
        body = b"" if type_ is None else self._messages.body(type_)
        headers = self._headers(source)
        for name, others in (("Content-Type", _CONTENT_TYPES), ("Accept", _ACCEPTS)):
            value = CONTENT_TYPE if rng.random() < 0.9 else rng.choice(others)
            headers += [] if value is None else [(name, value)]
        body = self._compressed(body, headers)
        return self._build(method, target if rng.random() < 0.95 else self._target(target), headers, body)

    def _operation_target(self, operation: Operation) -> str:
        target = re.sub(r"\{\w+\}", lambda _: self._path_param(), operation.path)
        if operation.query is None:
            return target
        fields = self._fields(list(operation.query.model_fields))
        return f"{target}?{urlencode(fields, errors='surrogatepass')}"

    def _path_param(self) -> str:
        if self._rng.random() < 0.7:
            return self._rng.choice(self._ticket_ids)
        value = str(self._rng.choice(self._values))[:300]
        return quote(value, safe="", errors="surrogatepass") or "x"

    def _fields(self, names: list[str]) -> dict[str, Any]:
        """Each field left out, with a valid value, or with any value."""
        return {
            name: self._rng.choice(
                _VALID.get(name, ["x"])
                if self._rng.random() < 0.7
                else [_short(self._rng.choice(self._values))]
            )
            for name in names
            if self._rng.random() < 0.85
        }

    def _body_for(self, names: list[str]) -> bytes:
        body = _to_json(self._fields(names))
        match self._rng.randrange(10):
            case 0:
                return self._with_changed_bytes(body)
            case 1:
                return self._rng.choice(_BODIES)
            case _:
                return body

    def _headers(self, source: Source) -> list[tuple[str, str]]:
        rng = self._rng
        headers = [("Host", "x"), (rng.choice(source.key_headers), self._key(source))]
        if rng.random() < 0.1:
            headers.append(("Idempotency-Key", rng.choice(_TOKENS)))
        if rng.random() < 0.3:
            headers += [
                (name, rng.choice(values)) for name, values in rng.sample(_HEADERS, rng.randint(1, 3))
            ]
        return headers

    def _key(self, source: Source) -> str:
        return self._keys[source.name] if self._rng.random() < 0.95 else self._rng.choice(["", "x", "tb_x"])

    def _target(self, path: str) -> str:
        rng = self._rng
        match rng.randrange(4):
            case 0:
                return rng.choice(_PATHS)
            case 1:
                return path + rng.choice(_ENDS)
            case 2:
                return rng.choice(self._prefixes) + rng.choice(_ENDS)
            case _:
                return path.replace("/", rng.choice(["//", "/%2f", "/./", "/"]), rng.randint(1, 3))

    def _compressed(self, body: bytes, headers: list[tuple[str, str]]) -> bytes:
        if self._rng.random() > 0.1:
            return body
        headers.append(("Content-Encoding", "gzip"))
        compressed = gzip.compress(body, compresslevel=1, mtime=0)
        if self._rng.random() < 0.3:
            return compressed[: self._rng.randrange(len(compressed))]
        return compressed if self._rng.random() < 0.8 else self._with_changed_bytes(compressed)

    def _build(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> HostileRequest:
        named = {name.lower() for name, _ in headers}
        if not named & {"content-length", "transfer-encoding"}:
            if self._rng.random() < 0.85:
                headers.append(("Content-Length", str(len(body))))
            else:
                headers.append(("Transfer-Encoding", "chunked"))
                cut = self._rng.randint(1, 5000)
                parts = [body[at : at + cut] for at in range(0, len(body), cut)]
                body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        return HostileRequest(head=head, body=body, target=target, method=method)

    # Bodies.

    def _one_field(self, path: str) -> bytes:
        sent = dict(self._rng.choice(self._fixtures[path]))
        sent[self._rng.choice([*sent, "extra"])] = self._rng.choice(self._values)
        return _to_json(sent)

    def _several_fields(self, path: str) -> bytes:
        sent = dict(self._rng.choice(self._fixtures[path]))
        for name in self._rng.sample(list(sent), self._rng.randint(1, len(sent))):
            if self._rng.random() < 0.3:
                del sent[name]
            else:
                sent[name] = self._rng.choice(self._values)
        return _to_json(sent)

    def _unchanged(self, path: str) -> bytes:
        return _to_json(self._rng.choice(self._fixtures[path]))

    def _changed_bytes(self, path: str) -> bytes:
        return self._with_changed_bytes(self._unchanged(path))

    def _bad_body(self, _: str) -> bytes:
        return self._rng.choice(_BODIES)

    def _any_value(self, _: str) -> bytes:
        return _to_json(self._rng.choice(self._values))

    def _deep(self, path: str) -> bytes:
        deep = self._rng.choice([50, 199, 200, 201, 1000, 20_000])
        kind = self._rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
        inside = kind[0] * deep + b"1" + kind[1] * deep
        name = self._rng.choice(list(self._rng.choice(self._fixtures[path])))
        return b'{"%s":%s}' % (name.encode(), inside)

    def _with_changed_bytes(self, body: bytes) -> bytes:
        changed = bytearray(body or b"x")
        for _ in range(self._rng.randint(1, 4)):
            at = self._rng.randrange(len(changed))
            changed[at : at + self._rng.randint(0, 2)] = self._rng.randbytes(self._rng.randint(0, 2))
            changed = changed or bytearray(b"x")
        return bytes(changed)


def _short(value: object) -> object:
    """A value that fits the target of a request."""
    return value if len(str(value)) < 1000 else str(value)[:1000]


def _to_json(value: object) -> bytes:
    return json.dumps(value).encode()  # escapes: half a surrogate pair stays one


def _fixtures(source: Source, path: str) -> list[dict[str, Any]]:
    """The bodies of all fixtures for that path."""
    read = [json.loads(file.read_bytes()) for file in (_FOLDER / source.name / "fixtures").glob("*.json")]
    found = [
        fixture["body"] for fixture in sorted(read, key=repr) if fixture["path"] == path and "body" in fixture
    ]
    return [body for body in found if isinstance(body, dict) and body]


def _hypothesis_values(number: int) -> list[Any]:
    """Values from Hypothesis: the same ones for the same number."""
    found: list[Any] = []
    text = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text, st.uuids().map(str))
    values = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
        max_leaves=12,
    )

    @seed(number)
    @settings(max_examples=_EXAMPLES, phases=[Phase.generate], database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(values)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found
