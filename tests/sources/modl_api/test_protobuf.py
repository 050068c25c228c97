"""The protobuf form of the modl API: the same requests as in JSON have the same outcomes."""

import gzip
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from importlib.resources import files
from json import loads
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from bot.sources.modl.protobuf import minecraft_pb2 as pb
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket
from tests.sources.modl_api import conftest as modl
from tests.sources.modl_api import protobuf_wire
from tests.sources.modl_api import test_errors as error_tables
from tests.sources.modl_api.conftest import NOTCH, REQUESTS, TICKETS, Api, add_tickets
from tests.sources.modl_api.protobuf_wire import (
    CONTENT_TYPE,
    HEADERS,
    NotInProtobuf,
    ProtobufApi,
    encode_body,
    expected_message,
    v3,
)

V3_TICKETS = v3(TICKETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request, to be sent in both forms."""

    method: str
    path: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {str(self.body or '')[:80]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a request came to: the status, the message or error, and the tickets there are afterwards."""

    status: int
    message: object
    tickets: list[object]


def cases() -> Iterator[Case]:
    """Every request of the JSON form's tables that the protobuf form can say."""
    for request in REQUESTS:
        yield Case(method=request.method, path=request.path, body=request.body)
    for path, _ in table_of(error_tables.test_400_for_an_invalid_query_or_path):
        yield Case(method="GET", path=path)
    for path, body, _ in table_of(error_tables.test_400_for_an_invalid_body):
        yield Case(method="POST", path=path, body=body)
    for file in sorted(files("bot.sources.modl").joinpath("fixtures").iterdir(), key=lambda one: one.name):
        fixture = loads(file.read_text("utf-8"))
        if "body" in fixture:
            yield Case(method="POST", path=fixture["path"], body=fixture["body"])


def table_of(test: Callable[..., object]) -> Iterable[Any]:
    """The cases that a test is parametrized with."""
    marks = {mark.name: mark for mark in getattr(test, "pytestmark", ())}
    return marks["parametrize"].args[1]  # type: ignore[no-any-return]


def sayable_cases() -> Iterator[Case]:
    for case in cases():
        if protobuf_wire.messages_of(case.method, case.path) is None:
            continue
        try:
            encode_body(case.method, case.path, case.body)
        except NotInProtobuf:
            continue
        yield case


@dataclass(frozen=True, slots=True)
class Twins:
    """Two bridges with the same tickets: one is spoken to in JSON, the other in protobuf."""

    json: Api
    protobuf: ProtobufApi


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Twins]:
    async with AsyncExitStack() as stack:
        (tmp_path / "json").mkdir()
        (tmp_path / "protobuf").mkdir()
        in_json = await stack.enter_async_context(modl.open_api(tmp_path / "json"))
        in_protobuf = await stack.enter_async_context(protobuf_wire.open_api(tmp_path / "protobuf"))
        for api in (in_json, in_protobuf):
            await add_tickets(api)
        yield Twins(in_json, in_protobuf)


@pytest.fixture
async def api(twins: Twins) -> ProtobufApi:
    return twins.protobuf


async def json_outcome(api: Api, case: Case) -> Outcome:
    response = await api.send(case.method, case.path, case.body)
    body = anonymous(api, response.body)
    message: object = body.get("message")
    if response.status == 200:
        message = expected_message(case.method, case.path, body)
    return Outcome(status=response.status, message=message, tickets=await stored(api))


async def protobuf_outcome(api: ProtobufApi, case: Case) -> Outcome:
    path = v3(case.path)
    encoded = encode_body(case.method, path, case.body)
    response = await api.send(case.method, path, raw=encoded)
    decoded = protobuf_wire.decode_response(
        case.method, path, response.status, response.text.encode("latin-1")
    )
    message: object = getattr(decoded, "message", None)
    if response.status == 200:
        message = anonymous_message(api, decoded)
    return Outcome(status=response.status, message=message, tickets=await stored(api))


async def stored(api: Api) -> list[object]:
    """All tickets with their messages, without what differs between two databases."""
    workspaces = [one.id for one in await api.store.workspaces.list_all()]
    tickets = await api.store.tickets.autocomplete("", workspaces)
    return [anonymous_ticket(one, [await said(api, one)]) for one in tickets]


async def said(api: Api, ticket: Ticket) -> list[tuple[MessageKind, str, str]]:
    messages = await api.store.messages.list_of_ticket(ticket.id)
    return [(one.kind, one.author.name, one.text) for one in messages]


def anonymous_ticket(ticket: Ticket, messages: object) -> object:
    values = asdict(ticket) | {"public_id": "", "uid": "", "workspace_id": "", "raw_request": ""}
    return values, messages


def anonymous(api: Api, body: Any) -> Any:
    """The JSON body, with the name of each ticket in place of its ids."""
    names = names_of_ids(api)
    if isinstance(body, Mapping):
        return {key: anonymous_id(key, anonymous(api, value), names) for key, value in body.items()}
    return [anonymous(api, one) for one in body] if isinstance(body, list) else body


def anonymous_message(api: Api, message: Message) -> Message:
    """The message, with the name of each ticket in place of its ids."""
    names = names_of_ids(api)
    for field, value in message.ListFields():
        if isinstance(value, str):
            setattr(message, field.name, anonymous_id(field.json_name, value, names))
        elif isinstance(value, Struct):
            value.update(anonymous(api, MessageToDict(value)))
        elif field.message_type is not None and field.message_type.file is pb.DESCRIPTOR:
            for one in value if field.is_repeated else [value]:
                anonymous_message(api, one)
    return message


def names_of_ids(api: Api) -> dict[str, str]:
    """By what differs between two bridges: ids, and the address."""
    ids = {ticket.public_id: name for name, ticket in api.tickets.items()}
    return ids | {ticket.uid: name for name, ticket in api.tickets.items()} | {api.address: "<address>"}


def anonymous_id(key: str, value: Any, names: Mapping[str, str]) -> Any:
    if key in ("id", "ticketId"):
        return names.get(value, "new")
    if isinstance(value, str):
        for ticket_id, name in names.items():
            value = value.replace(ticket_id, name)
    return value


@pytest.mark.parametrize("case", list(sayable_cases()), ids=str)
async def test_a_request_has_the_same_outcome_in_both_forms(twins: Twins, case: Case) -> None:
    in_json = await json_outcome(twins.json, case)

    in_protobuf = await protobuf_outcome(twins.protobuf, case)

    assert in_protobuf == in_json


def test_the_cases_have_every_operation_and_successes_and_refusals() -> None:
    shown = list(sayable_cases())

    assert {protobuf_wire.messages_of(one.method, one.path) for one in shown} == {
        *protobuf_wire.MESSAGES.values()
    }
    assert len(shown) > 60


async def test_every_invalid_field_is_named_as_in_the_message(api: ProtobufApi) -> None:
    response = await api.send("POST", V3_TICKETS, {"creatorUuid": "x", "type": "bug", "subject": "x" * 257})

    assert response.body == {
        "statusCode": 400,
        "code": "INVALID_ARGUMENT",
        "message": "Invalid data provided: creatorUuid must be a UUID; "
        "subject must have at most 256 characters.",
        "fieldViolations": [
            {"field": "creator_uuid", "message": "must be a UUID"},
            {"field": "subject", "message": "must have at most 256 characters"},
        ],
    }


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xff" * 20, id="no message"),
        pytest.param(
            encode_body("POST", TICKETS, {"creatorUuid": NOTCH, "type": "bug"})[:-1], id="truncated"
        ),
        pytest.param(b"\x0a\x02\xc3\x28", id="text that is not UTF-8"),
        pytest.param(b'{"creatorUuid":"x"}', id="JSON"),
    ],
)
async def test_400_for_bytes_that_are_no_message(api: ProtobufApi, raw: bytes) -> None:
    response = await api.send("POST", V3_TICKETS, raw=raw)

    reason = "must be a MinecraftCreateTicketRequest in protobuf"
    assert response.status == 400
    assert response.body == {
        "statusCode": 400,
        "code": "INVALID_ARGUMENT",
        "message": f"Invalid data provided: body {reason}.",
        "fieldViolations": [{"field": "body", "message": reason}],
    }


async def test_a_field_that_is_not_known_is_ignored(api: ProtobufApi) -> None:
    raw = encode_body("POST", TICKETS, {"creatorUuid": NOTCH, "type": "bug"}) + b"\xfa\x06\x03abc"

    assert (await api.send("POST", V3_TICKETS, raw=raw)).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Content-Type": "application/json"}, 415, "The body must be application/x-protobuf."),
        ({"Content-Type": "text/plain"}, 415, "The body must be application/x-protobuf."),
        (
            {"Accept": "application/json"},
            406,
            "The response is application/x-protobuf, which Accept does not name.",
        ),
        ({"Content-Type": "application/octet-stream"}, 200, "Ticket created successfully"),
        ({"Content-Type": "application/x-protobuf; charset=UTF-16"}, 200, "Ticket created successfully"),
        ({"Accept": "text/html, image/gif, image/jpeg, */*; q=0.2"}, 200, "Ticket created successfully"),
        ({"Accept": "application/json, application/x-protobuf"}, 200, "Ticket created successfully"),
        ({"Accept": ""}, 200, "Ticket created successfully"),
    ],
)
async def test_media_types_are_those_of_protobuf(
    api: ProtobufApi, headers: dict[str, str], status: int, message: str
) -> None:
    """Even a refusal of JSON is a message: the plugin reads nothing else."""
    raw = encode_body("POST", TICKETS, {"creatorUuid": NOTCH, "type": "bug"})
    sent = HEADERS | {"X-API-Key": api.keys["home"]} | headers

    async with api.session.post(api.address + V3_TICKETS, data=raw, headers=sent) as got:
        decoded = protobuf_wire.decode_response("POST", V3_TICKETS, got.status, await got.read())

    assert (got.status, got.content_type) == (status, CONTENT_TYPE)
    assert decoded.message == message  # type: ignore[attr-defined]  # both messages have one


async def test_a_repeated_body_is_the_same_ticket_and_the_same_bytes(api: ProtobufApi) -> None:
    body = {"creatorUuid": NOTCH, "type": "bug", "subject": "twice"}

    first = await api.send("POST", V3_TICKETS, body)
    again = await api.send("POST", V3_TICKETS, body)

    assert again.text == first.text
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_the_same_body_in_the_other_form_is_another_ticket(api: ProtobufApi) -> None:
    body = {"creatorUuid": NOTCH, "type": "bug", "subject": "twice"}

    in_protobuf = await api.send("POST", V3_TICKETS, body)
    in_json = await api.send("POST", TICKETS, body)

    assert in_json.body["ticketId"] != in_protobuf.body["ticketId"]


async def test_an_inflated_message_is_limited_like_json(api: ProtobufApi) -> None:
    raw = gzip.compress(b"\x2a\xff\xff\x3f" + b"x" * (1024 * 1024))
    headers = HEADERS | {"X-API-Key": api.keys["home"], "Content-Encoding": "gzip"}

    async with api.session.post(api.address + V3_TICKETS, data=raw, headers=headers) as got:
        error = pb.ApiError.FromString(await got.read())

    assert (got.status, error.status_code, error.code) == (413, 413, "PAYLOAD_TOO_LARGE")


async def test_the_stored_request_and_a_rejected_one_are_readable(api: ProtobufApi) -> None:
    accepted = await api.send("POST", V3_TICKETS, {"creatorUuid": NOTCH, "type": "bug"})
    await api.send("POST", V3_TICKETS, {"creatorUuid": NOTCH, "type": "x", "description": "what they typed"})

    ticket = await api.store.tickets.find_by_public_id(accepted.body["ticketId"])
    (rejected,) = await api.store.rejected_requests.list_newest(10)
    assert ticket is not None
    assert loads(await api.store.tickets.raw_request(ticket.id)) == {"creatorUuid": NOTCH, "type": "bug"}
    assert b"what they typed" in rejected.body
    assert rejected.path == V3_TICKETS


async def test_the_proto_file_is_served_as_it_is(api: ProtobufApi) -> None:
    response = await api.send("GET", "/v3/minecraft.proto", key=None)

    assert response.status == 200
    assert "message MinecraftCreateTicketRequest {" in response.text
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
