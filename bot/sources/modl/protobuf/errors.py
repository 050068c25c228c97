"""The errors of the protobuf form: each is an `ApiError` message."""

import re

from bot.sources.contract import ApiError, FieldViolation
from bot.sources.modl.protobuf import minecraft_pb2

_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    417: "EXPECTATION_FAILED",
    422: "UNPROCESSABLE_ENTITY",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_CAPITAL = re.compile("([A-Z])")


def encode_error(error: ApiError) -> bytes:
    """The body of an error."""
    message = minecraft_pb2.ApiError(
        status_code=error.status,
        code=error.code or _CODES.get(error.status, "UNKNOWN"),
        message=error.message,
        field_violations=[_violation(one) for one in error.violations],
    )
    if error.retry_after is not None:
        message.retry_metadata.retry_after_ms = error.retry_after * 1000
        message.retry_metadata.retry_after_seconds = error.retry_after
    return message.SerializeToString()


def _violation(violation: FieldViolation) -> minecraft_pb2.FieldViolation:
    name = _CAPITAL.sub(lambda letter: f"_{letter[1].lower()}", violation.field)  # as in the message
    return minecraft_pb2.FieldViolation(field=name, message=violation.reason)
