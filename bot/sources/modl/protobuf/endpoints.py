"""The operations below /v3/minecraft: those of the JSON form, with protobuf bodies."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib.resources import files
from typing import TypeVar

from bot.sources.contract import (
    ApiError,
    Codec,
    Endpoint,
    FileEndpoint,
    IntakeEndpoint,
    JsonObject,
    Operation,
)
from bot.sources.modl.protobuf import messages
from bot.sources.modl.protobuf import minecraft_pb2 as pb
from bot.sources.modl.protobuf.messages import MessageType
from bot.tickets.errors import TicketError, UnknownTicket

PATH_PREFIX = "/v3"
PROTO_PATH = f"{PATH_PREFIX}/minecraft.proto"
CONTENT_TYPE = "application/x-protobuf"

# By method and path below /v1/minecraft, or /v2/minecraft: the messages of the request, if it has a body,
# and of the response.
_MESSAGES: Mapping[tuple[str, str], tuple[MessageType | None, MessageType]] = {
    ("POST", "/tickets"): (pb.MinecraftCreateTicketRequest, pb.MinecraftCreateTicketResponse),
    ("POST", "/tickets/unfinished"): (pb.MinecraftCreateTicketRequest, pb.MinecraftCreateTicketResponse),
    ("GET", "/tickets"): (None, pb.TicketsResponse),
    ("GET", "/tickets/{id}"): (None, pb.MinecraftTicketDetailResponse),
    ("GET", "/tickets/player/{uuid}"): (None, pb.TicketsResponse),
    ("POST", "/tickets/by-ids"): (pb.MinecraftTicketsByIdsRequest, pb.TicketsResponse),
    ("POST", "/tickets/{id}/claim"): (pb.MinecraftClaimTicketRequest, pb.ClaimTicketResponse),
    ("GET", "/reports"): (None, pb.ReportsResponse),
    ("GET", "/reports/player/{uuid}"): (None, pb.ReportsResponse),
    ("POST", "/reports/{id}/assign"): (pb.AssignReportRequest, pb.MinecraftReportOperationResponse),
    ("POST", "/reports/{id}/resolve"): (pb.ResolveReportRequest, pb.MinecraftReportOperationResponse),
    ("POST", "/reports/{id}/dismiss"): (pb.DismissReportRequest, pb.MinecraftReportOperationResponse),
    ("POST", "/players/login"): (pb.PlayerLoginRequest, pb.PlayerLoginResponse),
    ("POST", "/players/sync"): (pb.SyncRequest, pb.SyncResponse),
    ("POST", "/players/disconnect"): (pb.PlayerDisconnectRequest, pb.SimpleResponse),
    ("POST", "/players/update-server"): (pb.UpdatePlayerServerRequest, pb.SimpleResponse),
    ("POST", "/players/chat-log"): (pb.ChatLogBatchRequest, pb.SimpleResponse),
    ("POST", "/players/command-log"): (pb.CommandLogBatchRequest, pb.SimpleResponse),
    ("POST", "/staff/disconnect"): (pb.ReportStaffDisconnectRequest, pb.SimpleResponse),
    ("POST", "/notifications/acknowledge"): (pb.AcknowledgeNotificationsRequest, pb.SimpleResponse),
}

_OperationT = TypeVar("_OperationT", bound=IntakeEndpoint | Endpoint[object])


def with_protobuf(operations: Iterable[_OperationT]) -> tuple[_OperationT, ...]:
    """The operations, and after them those that have a protobuf form, in it."""
    json_form = tuple(operations)
    return (*json_form, *[_in_protobuf(one) for one in json_form if _key(one) in _MESSAGES])


def _key(operation: Operation) -> tuple[str, str]:
    return operation.method, operation.path.partition("/minecraft")[2]


def _in_protobuf(operation: _OperationT) -> _OperationT:
    method, path = _key(operation)
    request, response = _MESSAGES[method, path]
    is_report_update = response is pb.MinecraftReportOperationResponse
    if isinstance(operation, IntakeEndpoint):  # a message that modl's plugin reads, and no more than that
        operation = replace(operation, serialize_page_url=None)
    return replace(
        operation,
        path=f"{PATH_PREFIX}/minecraft{path}",
        codec=Codec(
            content_type=CONTENT_TYPE,
            request=_describe(request) if request else "",
            response=_describe(response),
            error=_describe(pb.ApiError),
            decode=_decoder(operation, request),
            encode=_encoder(response),
        ),
        errors=_report_errors(operation) if is_report_update else operation.errors,
        example=None,
    )


def _decoder(operation: Operation, request: MessageType | None) -> Callable[[bytes], bytes]:
    if request is None:
        return bytes
    return partial(messages.decode, request, frozenset(operation.body.model_fields if operation.body else ()))


def _encoder(response: MessageType) -> Callable[[JsonObject], bytes]:
    if response is pb.SimpleResponse:  # without a status
        return lambda body: messages.encode(response, {"success": body["success"]})
    return partial(messages.encode, response)


def _describe(type_: MessageType) -> str:
    return f"The message {type_.DESCRIPTOR.name} of {PROTO_PATH}."


def _report_errors(operation: Operation) -> Mapping[type[TicketError], ApiError]:
    """An unknown report is no `ApiError`, but the message of a report's update."""
    unknown = operation.errors[UnknownTicket]
    body = pb.MinecraftReportOperationResponse(status=404, message=unknown.message).SerializeToString()
    return {**operation.errors, UnknownTicket: ApiError(404, unknown.message, body=body)}


@cache
def _proto_text() -> bytes:
    return files(__package__).joinpath("minecraft.proto").read_bytes()


PROTO_FILE = FileEndpoint(
    path=PROTO_PATH,
    summary="The messages of the protobuf form",
    content=_proto_text,
)
