"""What the description says of answers: what is asked for, and every refusal a route may meet."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

from aiohttp import hdrs

from bot.sources.contract import ApiError, HtmlPage, JsonObject, Source, allow_all
from bot.sources.requests import RateLimitState
from bot.webhook.errors import api_error, map_ticket_error
from bot.webhook.openapi.links import operation_links
from bot.webhook.openapi.operations import (
    AnyEndpoint,
    checks_api_key,
    has_body,
    is_idempotent,
    possible_errors,
)
from bot.webhook.openapi.schemas import OpenApiNode, SchemaRegistry, infer_schema
from bot.webhook.rate_limit import rate_limit_headers
from bot.webhook.responses import default_error_body

DEFAULT_EXAMPLE = "usual"  # the name of the example that has no more to say than its status

_COMMON_STATUSES = (400, 500)
_BODY_STATUSES = (408, 413, 415, 417)
_OVERLOADED = 503  # said before the path is known, and so in no source's words
_RATE_LIMIT_DESCRIPTIONS = {
    "RateLimit-Limit": "Requests in the window.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "In how many seconds all of them are there again.",
    "RateLimit-Policy": "The requests in the window, and its seconds.",
}
_HTML_CONTENT: OpenApiNode = {"text/html": {"schema": {"type": "string"}}}
_REPLAYED_HEADER: OpenApiNode = {
    "Idempotent-Replayed": {
        "description": "Sent where this is the answer to an earlier request, of which this is a repeat.",
        "schema": {"const": "true"},
    }
}


class ResponseDocs:
    """Everything a source may answer, route by route."""

    def __init__(self, source: Source, schemas: SchemaRegistry) -> None:
        self._source = source
        self._schemas = schemas
        self._rate_limit_headers = _rate_limit_header_docs(source)

    def for_operation(self, route: AnyEndpoint) -> OpenApiNode:
        """The answers to one route, by status."""
        refused: dict[int, dict[str, JsonObject]] = {}
        for name, each in self._possible_errors(route):
            refused.setdefault(each.status, {})[name] = each.body or self._source.format_error(each)
        answers = {str(status): self._error_response(status, refused[status]) for status in sorted(refused)}
        return answers | self._success_responses(route) | {str(_OVERLOADED): _overloaded_doc()}

    def _success_responses(self, route: AnyEndpoint) -> OpenApiNode:
        headers = dict(self._rate_limit_headers) if self._is_rate_limited(route) else {}
        if is_idempotent(route):
            headers |= _REPLAYED_HEADER
        if route.response is HtmlPage:
            found = {"description": "The page.", "headers": headers, "content": _HTML_CONTENT}
            return {"200": found, "404": found | {"description": "A page that says that there is none."}}
        content = {"application/json": {"schema": self._schemas.response_schema(route.response)}}
        done = {"description": "Done.", "headers": headers, "content": content}
        links = operation_links(self._source, route)
        return {"200": done | {"links": links} if links else done}

    def _error_response(self, status: int, bodies: Mapping[str, JsonObject]) -> OpenApiNode:
        shapes: list[OpenApiNode] = []
        for body in bodies.values():
            shape = self._schemas.error_schema(body)
            if shape not in shapes:
                shapes.append(shape)
        content = {
            "schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes},
            "examples": {name: {"value": body} for name, body in bodies.items()},
        }
        answer: OpenApiNode = {
            "description": _status_phrase(status),
            "content": {"application/json": content},
        }
        if status in (429, 500):
            answer["headers"] = _retry_after_header(required=status == 429)
        return answer

    def _possible_errors(self, route: AnyEndpoint) -> Iterator[tuple[str, ApiError]]:
        """Each of them as it is raised, with its name; the usual ones first."""
        for status in self._default_statuses(route):
            yield DEFAULT_EXAMPLE, api_error(status)
        if self._is_rate_limited(route) or checks_api_key(route):
            yield DEFAULT_EXAMPLE, ApiError(429, str(api_error(429)), retry_after=1)
        for no in possible_errors(self._source, route):
            yield no.__name__, map_ticket_error(no(), (route.errors, self._source.errors))

    def _default_statuses(self, route: AnyEndpoint) -> Iterator[int]:
        yield from _COMMON_STATUSES
        if has_body(route):
            yield from _BODY_STATUSES
        if route not in self._source.public_endpoints:
            yield 401
            if self._source.authorize is not allow_all:
                yield 403

    def _is_rate_limited(self, route: AnyEndpoint) -> bool:
        return self._source.rate_limit.per == "address" or route not in self._source.public_endpoints


def default_error_docs(*, has_path_params: bool) -> OpenApiNode:
    """The refusals of a path that belongs to no source; what it names may be unknown."""
    statuses = (*_COMMON_STATUSES, 404) if has_path_params else _COMMON_STATUSES
    return {str(status): default_error_doc(api_error(status)) for status in statuses} | {
        str(_OVERLOADED): _overloaded_doc()
    }


def _overloaded_doc() -> OpenApiNode:
    return default_error_doc(api_error(_OVERLOADED)) | {"headers": _retry_after_header(required=True)}


def default_error_doc(error: ApiError) -> OpenApiNode:
    """A refusal where no source is at home."""
    body = default_error_body(error)
    content = {"application/json": {"schema": infer_schema(body), "example": body}}
    return {"description": _status_phrase(error.status), "content": content}


def _status_phrase(status: int) -> str:
    return f"{HTTPStatus(status).phrase}."


def _retry_after_header(*, required: bool) -> OpenApiNode:
    described = {"description": "In so many seconds.", "schema": {"type": "integer", "minimum": 1}}
    return {str(hdrs.RETRY_AFTER): described | {"required": required}}


def _rate_limit_header_docs(source: Source) -> OpenApiNode:
    """What is said of the limit with every answer that counts: by header, as for a first request."""
    limit = source.rate_limit
    first = RateLimitState(limit=limit.requests, remaining=limit.requests - 1, reset_seconds=limit.seconds)
    return {
        header: {
            "description": _RATE_LIMIT_DESCRIPTIONS.get(header, "As this API calls it."),
            "required": True,
            "schema": infer_schema(int(value) if value.isdigit() else value),
        }
        for header, value in rate_limit_headers(limit, first).items()
    }
