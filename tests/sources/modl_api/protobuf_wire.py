"""The modl API's protobuf form as a client speaks it, made from the requests of the JSON form.

Messages are converted by protobuf's own `json_format`, which the bridge does not use for them.
"""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from bot.sources.contract import ApiError, Operation, Source
from bot.sources.modl import SOURCE
from bot.sources.modl.protobuf import minecraft_pb2 as pb
from bot.tickets.errors import UnknownTicket
from tests.sources.conftest import Request, Response, serve
from tests.sources.modl_api.conftest import Api, add_workspaces

CONTENT_TYPE = "application/x-protobuf"
HEADERS = {"Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE}

# As the plugin calls them: the path below /v3/minecraft, and the messages it sends and reads.
MESSAGES: dict[tuple[str, str], tuple[type[Message] | None, type[Message]]] = {
    ("POST", "tickets"): (pb.MinecraftCreateTicketRequest, pb.MinecraftCreateTicketResponse),
    ("POST", "tickets/unfinished"): (pb.MinecraftCreateTicketRequest, pb.MinecraftCreateTicketResponse),
    ("POST", "tickets/by-ids"): (pb.MinecraftTicketsByIdsRequest, pb.TicketsResponse),
    ("POST", "tickets/[^/]*/claim"): (pb.MinecraftClaimTicketRequest, pb.ClaimTicketResponse),
    ("GET", "tickets"): (None, pb.TicketsResponse),
    ("GET", "tickets/player/[^/]*"): (None, pb.TicketsResponse),
    ("GET", "tickets/[^/]*"): (None, pb.MinecraftTicketDetailResponse),
    ("GET", "reports"): (None, pb.ReportsResponse),
    ("GET", "reports/player/[^/]*"): (None, pb.ReportsResponse),
    ("POST", "reports/[^/]*/assign"): (pb.AssignReportRequest, pb.MinecraftReportOperationResponse),
    ("POST", "reports/[^/]*/resolve"): (pb.ResolveReportRequest, pb.MinecraftReportOperationResponse),
    ("POST", "reports/[^/]*/dismiss"): (pb.DismissReportRequest, pb.MinecraftReportOperationResponse),
    ("POST", "players/login"): (pb.PlayerLoginRequest, pb.PlayerLoginResponse),
    ("POST", "players/sync"): (pb.SyncRequest, pb.SyncResponse),
    ("POST", "players/disconnect"): (pb.PlayerDisconnectRequest, pb.SimpleResponse),
    ("POST", "players/update-server"): (pb.UpdatePlayerServerRequest, pb.SimpleResponse),
    ("POST", "players/chat-log"): (pb.ChatLogBatchRequest, pb.SimpleResponse),
    ("POST", "players/command-log"): (pb.CommandLogBatchRequest, pb.SimpleResponse),
    ("POST", "staff/disconnect"): (pb.ReportStaffDisconnectRequest, pb.SimpleResponse),
    ("POST", "notifications/acknowledge"): (pb.AcknowledgeNotificationsRequest, pb.SimpleResponse),
}
CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "ALREADY_LINKED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE_ENTITY",
    429: "RESOURCE_EXHAUSTED",
}
_BELOW = re.compile("/v[12]/minecraft/")


class NotInProtobuf(Exception):
    """The message has no field for what a JSON body says, or none of that type."""


def messages_of(method: str, path: str) -> tuple[type[Message] | None, type[Message]] | None:
    """The messages of a path in either form; None if the plugin has none for it."""
    below = re.sub(r"^/v\d/minecraft/", "", path.partition("?")[0])
    for (its_method, pattern), messages in MESSAGES.items():
        if method == its_method and re.fullmatch(pattern, below):
            return messages
    return None


def in_protobuf(requests: Iterable[Request]) -> tuple[Request, ...]:
    """Those of the requests in JSON that have a protobuf form, at its path."""
    converted = {
        (one.method, v3(one.path)): replace(one, path=v3(one.path), operation=v3(one.operation))
        for one in requests
        if messages_of(one.method, one.path)
    }
    return tuple(converted.values())  # two paths of the JSON form may be one of this form


def v3(path: str) -> str:
    return _BELOW.sub("/v3/minecraft/", path)


def encode_body(method: str, path: str, body: Any) -> bytes:
    """The message of a JSON body. Raises NotInProtobuf."""
    messages = messages_of(method, path)
    if messages is None or messages[0] is None:
        return b""
    if not isinstance(body, dict):
        raise NotInProtobuf
    try:
        return ParseDict(body, messages[0](), ignore_unknown_fields=True).SerializeToString()
    except Exception as error:  # what json_format raises is no one type
        raise NotInProtobuf from error


def expected_message(method: str, path: str, body: dict[str, Any]) -> Message:
    """The message that says what the JSON form's success says."""
    messages = messages_of(method, path)
    assert messages is not None
    if messages[1] is pb.SimpleResponse:  # without a status
        body = {"success": body["success"]}
    body.pop("ticketUrl", None)  # modl's plugin makes a link of its own, and reads nothing besides
    return ParseDict(_with_times(messages[1].DESCRIPTOR, body), messages[1]())


def _with_times(descriptor: Any, body: dict[str, Any]) -> dict[str, Any]:
    """The body with times as protobuf's JSON writes them: text, where the field is not a number."""
    fields = {field.json_name: field for field in descriptor.fields}
    return {key: _with_time(fields[key], value) for key, value in body.items()}


def _with_time(field: Any, value: Any) -> Any:
    if field.message_type is None:
        return value
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return _iso(value)
    if field.message_type.full_name == "google.protobuf.Struct":
        if isinstance(value, dict):
            return value
        return [one | {"timestamp": _iso(one["timestamp"])} for one in value]
    if isinstance(value, list):
        return [_with_times(field.message_type, one) for one in value]
    return _with_times(field.message_type, value)


def _iso(milliseconds: int) -> str:
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_body(error: ApiError) -> dict[str, Any]:
    """An `ApiError` message as `ProtobufApi` returns it."""
    body: dict[str, Any] = {
        "statusCode": error.status,
        "code": CODES[error.status],
        "message": error.message,
    }
    if error.retry_after is not None:
        seconds = error.retry_after
        body["retryMetadata"] = {"retryAfterMs": str(seconds * 1000), "retryAfterSeconds": str(seconds)}
    return body


def unknown_ticket_body(operation: Operation) -> dict[str, Any]:
    """The body for a ticket that does not exist."""
    if "/reports/" in operation.path:
        return {"status": 404, "message": operation.errors[UnknownTicket].message}
    return error_body(ApiError(404, "Ticket not found"))


class ProtobufApi(Api):
    """Speaks protobuf below /v3: takes JSON bodies, and returns a message as protobuf's JSON has it."""

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = "home",
        raw: bytes | None = None,
    ) -> Response:
        if not path.startswith("/v3"):
            return await super().send(method, path, body, key=key, raw=raw)
        if raw is None:
            raw = b"" if body is None else encode_body(method, path, body)
        headers = dict(HEADERS) if key is None else HEADERS | {"X-API-Key": self.keys[key]}
        url = self.address + path.format(**{name: one.public_id for name, one in self.tickets.items()})
        async with self.session.request(method, url, data=BytesIO(raw), headers=headers) as got:
            encoded = await got.read()
            body = None
            if got.content_type == CONTENT_TYPE:
                body = MessageToDict(decode_response(method, path, got.status, encoded))
            text = encoded.decode("latin-1")
            return Response(status=got.status, body=body, text=text, headers=got.headers.copy())


def decode_response(method: str, path: str, status: int, encoded: bytes) -> Message:
    """The message of a response, success or error."""
    messages = messages_of(method, path)
    type_ = messages[1] if messages is not None and status == 200 else pb.ApiError
    if status == 404 and messages is not None and messages[1] is pb.MinecraftReportOperationResponse:
        type_ = messages[1]
    return type_.FromString(encoded)


@asynccontextmanager
async def open_api(folder: Path, source: Source = SOURCE) -> AsyncIterator[ProtobufApi]:
    """Without tickets; the clock of its rate limit stands still."""
    async with serve(folder, source, lambda: 1000.0) as client:
        api = ProtobufApi(source, client.store, client.address, client.session, client.now)
        await add_workspaces(api)
        yield api
