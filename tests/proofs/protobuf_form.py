"""What is wrong with an answer in the protobuf form of the modl API."""

import re
from collections.abc import Iterable, Mapping

from google.protobuf.message import DecodeError, Message

from bot.sources.contract import FileEndpoint, Operation, Source
from bot.sources.modl.protobuf import minecraft_pb2 as pb
from tests.webhook.conftest import Reply

PATH_PREFIX = "/v3"
CONTENT_TYPE = "application/x-protobuf"


def is_protobuf_path(path: str) -> bool:
    return f"{path}/".startswith(f"{PATH_PREFIX}/")


def request_type(operation: Operation) -> type[Message] | None:
    """The message of its request; None for one without a body."""
    return _message_type(operation.codec.request) if operation.codec and operation.codec.request else None


def wrong_message(method: str, path: str, reply: Reply, sources: Mapping[str, Source]) -> str | None:
    """What is wrong with an answer below /v3, None if nothing is.

    An error must be an `ApiError` with its own HTTP status, or where a report is not known the message of its
    update; HTTP 200 the message of its operation. Messages must hold nothing else.
    """
    operations = list(_operations_at(method, path, sources))
    if any(isinstance(one, FileEndpoint) and reply.body == one.content() for one in operations):
        return None
    if reply.headers.get("content-type") != CONTENT_TYPE:
        return f"{reply.status} as {reply.headers.get('content-type')}: {reply.body[:80]!r}"
    types = [_message_type(one.codec.response) for one in operations if one.codec]
    if reply.status == 200:
        fits = any(_is_success(reply, type_) for type_ in types)
    else:
        fits = _is_api_error(reply) or (
            pb.MinecraftReportOperationResponse in types and _is_unknown_report(reply)
        )
    return None if fits else f"{reply.status} in another message: {reply.body[:120]!r}"


def _operations_at(method: str, path: str, sources: Mapping[str, Source]) -> Iterable[Operation]:
    for source in sources.values():
        for operation in source.operations:
            template = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path))
            if operation.method == method and re.fullmatch(template, path, re.DOTALL):
                yield operation


def _message_type(description: str) -> type[Message]:
    """The type that the API's description names."""
    name = re.match(r"The message (\w+) ", description)
    assert name is not None
    type_: type[Message] = getattr(pb, name[1])
    return type_


def _parsed(reply: Reply, type_: type[Message]) -> Message | None:
    """The answer as a message; None for one of another type."""
    message = type_()
    try:
        message.ParseFromString(reply.body)
    except DecodeError:
        return None
    message.DiscardUnknownFields()
    return message if message.ByteSize() == len(reply.body) else None


def _is_success(reply: Reply, type_: type[Message]) -> bool:
    message = _parsed(reply, type_)
    return message is not None and getattr(message, "status", 200) == 200


def _is_unknown_report(reply: Reply) -> bool:
    message = _parsed(reply, pb.MinecraftReportOperationResponse)
    return reply.status == 404 and message == pb.MinecraftReportOperationResponse(
        status=404, message="Report not found"
    )


def _is_api_error(reply: Reply) -> bool:
    error = _parsed(reply, pb.ApiError)
    if not isinstance(error, pb.ApiError) or error.status_code != reply.status:
        return False
    wait = int(reply.headers.get("retry-after", 0))
    return bool(error.code and error.message) and error.retry_metadata.retry_after_seconds == wait
