"""The API's description: OpenAPI 3.1, made of what the sources say of their routes. Knows no request."""

from collections.abc import Iterable, Mapping
from importlib.metadata import metadata

from bot.sources.contract import Source
from bot.webhook.idempotency import IDEMPOTENCY_HEADER, IDEMPOTENCY_KEY_PATTERN
from bot.webhook.openapi.operations import AnyEndpoint, is_idempotent, operation_id, path_param_names
from bot.webhook.openapi.responses import ResponseDocs, default_error_docs
from bot.webhook.openapi.schemas import JsonSchema, OpenApiNode, SchemaRegistry

_BRIDGE_TAG = "bridge"
_DESCRIPTION = """\
Files tickets, and works on them, as the APIs named below do: a game server needs another address, no more.

Every path answers in the words of the API it belongs to, refusals too. A path that is not listed is answered
404, and a listed one 405 to another method, with `Allow`. A body is read as JSON whatever its `Content-Type`
says, inflated if its `Content-Encoding` is `gzip` or `deflate`, and 1 MiB at most after that. Doubled and
trailing slashes of a path do not count, nor do fields and parameters that are not listed.
"""


def build_document(sources: Mapping[str, Source], own_paths: Mapping[str, OpenApiNode]) -> OpenApiNode:
    """The whole document; `own` are the paths besides those of the sources."""
    whole: OpenApiNode = {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [*map(_tag, sources.values()), {"name": _BRIDGE_TAG, "description": "The bridge itself."}],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for source in sources.values():
        shapes = SchemaRegistry(source)
        answers = ResponseDocs(source, shapes)
        for route in source.operations:
            operation = _operation(source, route, shapes, answers)
            whole["paths"].setdefault(route.path, {})[route.method.lower()] = operation
        whole["components"]["schemas"] |= shapes.components
        whole["components"]["securitySchemes"] |= _security_schemes(source)
    for path, operation in own_paths.items():
        whole["paths"][path] = {"get": _own_operation(path, operation)}
    return whole


def _info() -> OpenApiNode:
    package = metadata("ticketbridge")
    return {"title": "ticketbridge", "version": package["Version"], "description": _DESCRIPTION}


def _tag(source: Source) -> OpenApiNode:
    return {"name": source.name, "description": source.summary or source.name}


def _security_schemes(source: Source) -> OpenApiNode:
    return {
        name: {"type": "apiKey", "in": "header", "name": header, "description": "As `key create` printed it."}
        for name, header in _scheme_headers(source).items()
    }


def _scheme_headers(source: Source) -> Mapping[str, str]:
    """By the name of the scheme: the header that carries the key."""
    return {f"{source.name}.{header}": header for header in source.key_headers}


def _operation(
    source: Source, route: AnyEndpoint, schemas: SchemaRegistry, responses: ResponseDocs
) -> OpenApiNode:
    is_open = route in source.public_endpoints
    operation: OpenApiNode = {
        "operationId": operation_id(source, route),
        "tags": [source.name],
        "summary": route.summary,
        "security": [] if is_open else [{scheme: []} for scheme in _scheme_headers(source)],
        "parameters": [*_path_params(route, schemas), *_query_params(route, schemas), *_header_params(route)],
        "responses": responses.for_operation(route),
    }
    if route.body is not None:
        operation["requestBody"] = _request_body(route, schemas)
    return operation


def _request_body(route: AnyEndpoint, schemas: SchemaRegistry) -> OpenApiNode:
    content: OpenApiNode = {"schema": schemas.request_schema(route.body)}
    if route.example is not None:
        content["example"] = dict(route.example)
    return {"required": True, "content": {"application/json": content}}


def _path_params(route: AnyEndpoint, schemas: SchemaRegistry) -> Iterable[OpenApiNode]:
    for name in path_param_names(route):
        shape: JsonSchema = {"type": "string", "minLength": 1}
        if name in route.path_params:
            shape = schemas.request_schema(route.path_params[name])
        yield {"name": name, "in": "path", "required": True, "schema": shape}


def _query_params(route: AnyEndpoint, schemas: SchemaRegistry) -> Iterable[OpenApiNode]:
    if route.query is not None:
        for name, shape, required in schemas.fields(route.query):
            yield {"name": name, "in": "query", "required": required, "schema": shape}


def _header_params(route: AnyEndpoint) -> Iterable[OpenApiNode]:
    if is_idempotent(route):
        yield {
            "name": IDEMPOTENCY_HEADER,
            "in": "header",
            "description": "Text of your own, new for every new request. What comes again with the same text "
            "is carried out once, and answered the same again.",
            "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN.pattern}$"},
        }


def _own_operation(path: str, operation: OpenApiNode) -> OpenApiNode:
    answers = default_error_docs(has_path_params="{" in path) | operation["responses"]
    return {"tags": [_BRIDGE_TAG], "security": []} | operation | {"responses": answers}
