"""The responses of an operation in the OpenAPI document: its results, and every error it may answer with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus

from aiohttp import hdrs

from bot.sources.contract import (
    AnswerEndpoint,
    ApiError,
    Codec,
    Endpoint,
    ErasureWebhook,
    IntakeEndpoint,
    KeyCheckEndpoint,
    Operation,
    RateLimit,
    SharedOperation,
    Source,
    allow_all,
)
from bot.sources.requests import GetTicket, RateLimitState, UpdateTicket
from bot.tickets import errors
from bot.tickets.errors import TicketError
from bot.webhook.errors import api_error, map_ticket_error
from bot.webhook.openapi.schemas import OpenApiNode, SchemaRegistry, infer_schema
from bot.webhook.rate_limit import rate_limit_headers
from bot.webhook.responses import default_error_body

DEFAULT_EXAMPLE = "default"  # the name of an error's example that says no more than its status
# The names of the other examples. They are public: a new name is a change of the API.
ERROR_NAMES: Mapping[type[TicketError], str] = {
    errors.AccountLinkedElsewhere: "account_linked_elsewhere",
    errors.AlreadyClaimed: "already_claimed",
    errors.AlreadyLinked: "already_linked",
    errors.IdempotencyKeyReused: "idempotency_key_reused",
    errors.InvalidPlayerId: "invalid_player_id",
    errors.LinkCodeForDiscord: "link_code_for_discord",
    errors.NotClaimed: "not_claimed",
    errors.NotClaimedByYou: "not_claimed_by_you",
    errors.NotReporter: "not_reporter",
    errors.OpenTicketLimitReached: "open_ticket_limit_reached",
    errors.TicketClosed: "ticket_closed",
    errors.TooManyLinks: "too_many_links",
    errors.UnknownCategory: "unknown_category",
    errors.UnknownDepartment: "unknown_department",
    errors.UnknownLinkCode: "unknown_link_code",
    errors.UnknownTicket: "unknown_ticket",
    errors.ViewOnly: "view_only",
    errors.WrongDepartment: "wrong_department",
}

NamedError = tuple[str, ApiError]

_COMMON_STATUSES = (400, 500)
_BODY_STATUSES = (408, 413, 415, 417)
_OVERLOADED = 503  # sent before the path is known, and so in no source's error format
_RATE_LIMIT_DESCRIPTIONS = {
    "RateLimit-Limit": "Requests in the window.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "In how many seconds all of them are available again.",
    "RateLimit-Policy": "The requests in the window, and its seconds.",
}
_REPLAYED_HEADER: OpenApiNode = {
    "Idempotent-Replayed": {
        "description": "Sent with the stored response to an earlier request that this one repeats.",
        "schema": {"const": "true"},
    }
}


def is_idempotent(operation: Operation) -> bool:
    """Return whether it reads an Idempotency-Key and recognizes repeated requests."""
    return isinstance(operation, IntakeEndpoint) or (
        isinstance(operation, Endpoint) and operation.request is UpdateTicket
    )


def possible_errors(source: Source, operation: Operation) -> Iterator[NamedError]:
    """Every error a source's operation may answer with, and its example's name; the usual ones first."""
    for status in _default_statuses(source, operation):
        yield DEFAULT_EXAMPLE, api_error(status)
    if _is_rate_limited(source, operation) or isinstance(operation, KeyCheckEndpoint | ErasureWebhook):
        yield DEFAULT_EXAMPLE, ApiError(429, str(api_error(429)), retry_after=1)
    if isinstance(operation, AnswerEndpoint):  # without a token; in no source's format
        unknown = api_error(404)
        yield DEFAULT_EXAMPLE, ApiError(404, unknown.message, body=default_error_body(unknown))
    for error in _ticket_errors(source, operation):
        yield ERROR_NAMES[error], map_ticket_error(error(), (operation.errors, source.errors))


def default_errors(operation: Operation) -> Iterator[NamedError]:
    """The errors of an operation that belongs to no source."""
    statuses = {*_COMMON_STATUSES, *([404] if operation.path_param_names else [])}
    if isinstance(operation, SharedOperation):
        statuses |= {401, 403, *operation.statuses, *(_BODY_STATUSES if operation.body else ())}
        yield DEFAULT_EXAMPLE, ApiError(429, str(api_error(429)), retry_after=1)
    for status in sorted(statuses):
        yield DEFAULT_EXAMPLE, api_error(status)
    for error in operation.errors:
        yield ERROR_NAMES[error], map_ticket_error(error(), [operation.errors])


def success_headers(source: Source, operation: Operation) -> OpenApiNode:
    """The headers of HTTP 200."""
    headers = _rate_limit_header_docs(source.rate_limit) if _is_rate_limited(source, operation) else {}
    return headers | _REPLAYED_HEADER if is_idempotent(operation) else headers


def describe_responses(
    operation: Operation,
    schemas: SchemaRegistry,
    *,
    possible: Iterable[NamedError],
    format_error: Callable[[ApiError], Mapping[str, object]],
    headers: OpenApiNode,
) -> OpenApiNode:
    """The responses by status; `headers` are those of HTTP 200."""
    if operation.codec is not None:
        return _encoded_responses(operation.codec, {error.status for _, error in possible}, headers)
    by_status: dict[int, dict[str, Mapping[str, object]]] = {}
    for name, error in possible:
        body = error.body if isinstance(error.body, Mapping) else format_error(error)
        by_status.setdefault(error.status, {})[name] = body
    responses = {
        str(status): _error_response(status, by_status[status], schemas) for status in sorted(by_status)
    }
    success = {} if operation.response is None else {200: operation.response}
    for status, type_ in {**success, **operation.other_responses}.items():
        content_types = operation.text_types if type_ is str else ("application/json",)
        content = {name: {"schema": schemas.response_schema(type_)} for name in content_types}
        if str(status) in responses:  # an error that comes in this form, too
            responses[str(status)]["content"] |= content
        else:
            responses[str(status)] = {
                "description": _status_phrase(status),
                "headers": headers,
                "content": content,
            }
    responses[str(_OVERLOADED)] = _overloaded(responses.get(str(_OVERLOADED)))
    return responses


def encoded_schema(description: str) -> OpenApiNode:
    """The schema of a body that is not JSON."""
    return {"type": "string", "format": "binary", "description": description}


def _encoded_responses(codec: Codec, statuses: Iterable[int], headers: OpenApiNode) -> OpenApiNode:
    responses: OpenApiNode = {}
    for status in sorted({200, 406, *statuses}):
        description = codec.response if status == 200 else codec.error
        responses[str(status)] = {
            "description": _status_phrase(status),
            "content": {codec.content_type: {"schema": encoded_schema(description)}},
        }
        if status in (429, 500):
            responses[str(status)]["headers"] = _retry_after_header(required=status == 429)
    responses["200"]["headers"] = headers
    overloaded = _overloaded(None)
    overloaded["content"] |= {codec.content_type: {"schema": encoded_schema(codec.error)}}
    responses[str(_OVERLOADED)] = overloaded
    return responses


def _default_statuses(source: Source, operation: Operation) -> Iterator[int]:
    yield from _COMMON_STATUSES
    if isinstance(operation, IntakeEndpoint) or operation.body is not None:
        yield from _BODY_STATUSES
    if operation not in source.public_endpoints:
        yield 401
        if source.authorize is not allow_all and not isinstance(operation, ErasureWebhook):
            yield 403


def _is_rate_limited(source: Source, operation: Operation) -> bool:
    if isinstance(operation, ErasureWebhook):
        return False
    return source.rate_limit.per == "address" or operation not in source.public_endpoints


def _ticket_errors(source: Source, operation: Operation) -> Iterable[type[TicketError]]:
    if isinstance(operation, IntakeEndpoint):
        unknown = (errors.UnknownCategory,) if source.categories is None else ()
        return (*unknown, errors.OpenTicketLimitReached, errors.IdempotencyKeyReused)
    if not isinstance(operation, Endpoint):
        return ()
    if operation.request is UpdateTicket:
        return (errors.UnknownTicket, errors.IdempotencyKeyReused, *operation.errors, *source.errors)
    return (errors.UnknownTicket,) if operation.request is GetTicket else ()


def _error_response(
    status: int, bodies: Mapping[str, Mapping[str, object]], schemas: SchemaRegistry
) -> OpenApiNode:
    shapes: list[OpenApiNode] = []
    for body in bodies.values():
        shape = schemas.error_schema(body)
        if shape not in shapes:
            shapes.append(shape)
    content = {
        "schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes},
        "examples": {name: {"value": body} for name, body in bodies.items()},
    }
    response: OpenApiNode = {
        "description": _status_phrase(status),
        "content": {"application/json": content},
    }
    if status in (429, 500):
        response["headers"] = _retry_after_header(required=status == 429)
    return response


def _overloaded(other: OpenApiNode | None) -> OpenApiNode:
    """The response of a server with too many connections; `other` has the same status."""
    body = default_error_body(api_error(_OVERLOADED))
    own: OpenApiNode = {"schema": infer_schema(body), "example": body}
    contents: OpenApiNode = {} if other is None else other["content"]
    if "application/json" in contents:
        own = {"schema": {"anyOf": [contents["application/json"]["schema"], own["schema"]]}}
    return {
        "description": _status_phrase(_OVERLOADED),
        "headers": _retry_after_header(required=other is None),
        "content": {**contents, "application/json": own},
    }


def _status_phrase(status: int) -> str:
    return f"{HTTPStatus(status).phrase}."


def _retry_after_header(*, required: bool) -> OpenApiNode:
    described = {"description": "In so many seconds.", "schema": {"type": "integer", "minimum": 1}}
    return {str(hdrs.RETRY_AFTER): described | {"required": required}}


def _rate_limit_header_docs(limit: RateLimit) -> OpenApiNode:
    """The headers of a rate limit, as for a client's first request."""
    first = RateLimitState(limit=limit.requests, remaining=limit.requests - 1, reset_seconds=limit.seconds)
    return {
        header: {
            "description": _RATE_LIMIT_DESCRIPTIONS.get(header, "As this API calls it."),
            "required": True,
            "schema": infer_schema(int(value) if value.isdigit() else value),
        }
        for header, value in rate_limit_headers(limit, first).items()
    }
