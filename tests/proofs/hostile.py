"""Requests nobody should send: fixtures gone wrong, a dictionary of bad ideas, and Hypothesis's own."""

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
from bot.sources.contract import Source

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

# What an endpoint may be sent that makes sense, by the names of its fields; "x" for any other.
_SENSE: dict[str, list[Any]] = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """One request, as bytes, and what of it the answer depends on."""

    head: bytes  # up to and with the empty line
    body: bytes
    target: str
    method: str


class Mind:
    """Thinks of requests: the same ones for the same seed."""

    def __init__(
        self, number: int, sources: dict[str, Source], keys: dict[str, str], names: list[str]
    ) -> None:
        self._chance = random.Random(number)  # noqa: S311 - a repeatable crowd, no secret
        self._values = _VALUES + _thought_of(number)
        self._intakes = [
            (source, intake.path) for source in sources.values() for intake in source.intake_endpoints
        ]
        self._endpoints = [
            (source, one)
            for source in sources.values()
            for one in (*source.endpoints, *source.public_endpoints)
        ]
        self._names = names  # ids of tickets there are
        self._prefixes = [prefix for source in sources.values() for prefix in source.path_prefixes]
        self._fixtures = {path: _fixtures(source, path) for source, path in self._intakes}
        self._keys = keys
        self._kinds: list[tuple[int, Callable[[str], bytes]]] = [
            (6, self._one_field), (3, self._several_fields), (6, self._as_it_is), (3, self._bytes_changed),
            (2, self._from_the_dictionary), (2, self._any_value), (1, self._deep),
        ]  # fmt: skip

    def request(self) -> Hostile:
        """The next one."""
        if self._endpoints and self._chance.random() < 0.4:
            return self._to_an_endpoint()
        chance = self._chance
        source, path = chance.choice(self._intakes)
        weights = [weight for weight, _ in self._kinds]
        (_, make), = chance.choices(self._kinds, weights)  # fmt: skip
        body = make(path)
        method = "POST" if chance.random() < 0.93 else chance.choice(_METHODS)
        target = path if chance.random() < 0.8 else self._target(path)
        headers = self._headers(source)
        body = self._packed(body, headers)
        return self._framed(method, target, headers, body)

    def _to_an_endpoint(self) -> Hostile:
        chance = self._chance
        source, one = chance.choice(self._endpoints)
        method = one.method if chance.random() < 0.95 else chance.choice(_METHODS)
        target = re.sub(r"\{\w+\}", lambda _: self._name(), one.path)
        if one.query is not None:
            target += "?" + urlencode(self._fields(list(one.query.model_fields)), errors="surrogatepass")
        body = b"" if one.body is None else self._body_for(list(one.body.model_fields))
        headers = self._headers(source)
        return self._framed(method, target, headers, self._packed(body, headers))

    def _name(self) -> str:
        if self._chance.random() < 0.7:
            return self._chance.choice(self._names)
        value = str(self._chance.choice(self._values))[:300]
        return quote(value, safe="", errors="surrogatepass") or "x"

    def _fields(self, names: list[str]) -> dict[str, Any]:
        """Each field left out, with sense, or with any value."""
        return {
            name: self._chance.choice(
                _SENSE.get(name, ["x"])
                if self._chance.random() < 0.7
                else [_short(self._chance.choice(self._values))]
            )
            for name in names
            if self._chance.random() < 0.85
        }

    def _body_for(self, names: list[str]) -> bytes:
        body = _dumped(self._fields(names))
        match self._chance.randrange(10):
            case 0:
                return self._flipped(body)
            case 1:
                return self._chance.choice(_BODIES)
            case _:
                return body

    def _headers(self, source: Source) -> list[tuple[str, str]]:
        chance = self._chance
        headers = [("Host", "x"), (chance.choice(source.key_headers), self._key(source))]
        if chance.random() < 0.1:
            headers.append(("Idempotency-Key", chance.choice(_TOKENS)))
        if chance.random() < 0.3:
            headers += [
                (name, chance.choice(values))
                for name, values in chance.sample(_HEADERS, chance.randint(1, 3))
            ]
        return headers

    def _key(self, source: Source) -> str:
        return (
            self._keys[source.name]
            if self._chance.random() < 0.95
            else self._chance.choice(["", "x", "tb_x"])
        )

    def _target(self, path: str) -> str:
        chance = self._chance
        match chance.randrange(4):
            case 0:
                return chance.choice(_PATHS)
            case 1:
                return path + chance.choice(_ENDS)
            case 2:
                return chance.choice(self._prefixes) + chance.choice(_ENDS)
            case _:
                return path.replace("/", chance.choice(["//", "/%2f", "/./", "/"]), chance.randint(1, 3))

    def _packed(self, body: bytes, headers: list[tuple[str, str]]) -> bytes:
        if self._chance.random() > 0.1:
            return body
        headers.append(("Content-Encoding", "gzip"))
        packed = gzip.compress(body, compresslevel=1, mtime=0)
        if self._chance.random() < 0.3:
            return packed[: self._chance.randrange(len(packed))]
        return packed if self._chance.random() < 0.8 else self._flipped(packed)

    def _framed(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Hostile:
        named = {name.lower() for name, _ in headers}
        if not named & {"content-length", "transfer-encoding"}:
            if self._chance.random() < 0.85:
                headers.append(("Content-Length", str(len(body))))
            else:
                headers.append(("Transfer-Encoding", "chunked"))
                cut = self._chance.randint(1, 5000)
                parts = [body[at : at + cut] for at in range(0, len(body), cut)]
                body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        return Hostile(head=head, body=body, target=target, method=method)

    # Bodies.

    def _one_field(self, path: str) -> bytes:
        sent = dict(self._chance.choice(self._fixtures[path]))
        sent[self._chance.choice([*sent, "extra"])] = self._chance.choice(self._values)
        return _dumped(sent)

    def _several_fields(self, path: str) -> bytes:
        sent = dict(self._chance.choice(self._fixtures[path]))
        for name in self._chance.sample(list(sent), self._chance.randint(1, len(sent))):
            if self._chance.random() < 0.3:
                del sent[name]
            else:
                sent[name] = self._chance.choice(self._values)
        return _dumped(sent)

    def _as_it_is(self, path: str) -> bytes:
        return _dumped(self._chance.choice(self._fixtures[path]))

    def _bytes_changed(self, path: str) -> bytes:
        return self._flipped(self._as_it_is(path))

    def _from_the_dictionary(self, _: str) -> bytes:
        return self._chance.choice(_BODIES)

    def _any_value(self, _: str) -> bytes:
        return _dumped(self._chance.choice(self._values))

    def _deep(self, path: str) -> bytes:
        deep = self._chance.choice([50, 199, 200, 201, 1000, 20_000])
        kind = self._chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
        inside = kind[0] * deep + b"1" + kind[1] * deep
        name = self._chance.choice(list(self._chance.choice(self._fixtures[path])))
        return b'{"%s":%s}' % (name.encode(), inside)

    def _flipped(self, body: bytes) -> bytes:
        changed = bytearray(body or b"x")
        for _ in range(self._chance.randint(1, 4)):
            at = self._chance.randrange(len(changed))
            changed[at : at + self._chance.randint(0, 2)] = self._chance.randbytes(self._chance.randint(0, 2))
            changed = changed or bytearray(b"x")
        return bytes(changed)


def _short(value: object) -> object:
    """What fits the target of a request."""
    return value if len(str(value)) < 1000 else str(value)[:1000]


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()  # escapes: half a surrogate pair stays one


def _fixtures(source: Source, path: str) -> list[dict[str, Any]]:
    """Every object that a fixture sends to that path."""
    read = [json.loads(file.read_bytes()) for file in (_FOLDER / source.name / "fixtures").glob("*.json")]
    found = [
        fixture["body"] for fixture in sorted(read, key=repr) if fixture["path"] == path and "body" in fixture
    ]
    return [body for body in found if isinstance(body, dict) and body]


def _thought_of(number: int) -> list[Any]:
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
    def think(value: Any) -> None:
        found.append(value)

    think()
    return found
