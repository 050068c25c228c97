"""Build the OpenAPI 3.1 document from what the sources declare of their operations."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import metadata

from bot.sources.contract import ErasureWebhook, Operation, SharedOperation, Source
from bot.webhook.idempotency import IDEMPOTENCY_HEADER, IDEMPOTENCY_KEY_PATTERN
from bot.webhook.openapi.responses import (
    default_errors,
    describe_responses,
    encoded_schema,
    is_idempotent,
    possible_errors,
    success_headers,
)
from bot.webhook.openapi.schemas import JsonSchema, OpenApiNode, SchemaRegistry
from bot.webhook.responses import default_error_body

_BRIDGE = "bridge"  # the tag of the paths that belong to no source
_DESCRIPTION = """\
Creates tickets and works on them, as the APIs named below do: a game server needs another address, no more.

Every path responds in the format of the API it belongs to, errors too. A path that is not listed is answered
with 404, and a listed one with 405 for another method, with `Allow`. JSON is read whatever its
`Content-Type` says. A body is inflated if its `Content-Encoding` is `gzip` or `deflate`, and 1 MiB at most
after that.
Doubled and trailing slashes of a path are ignored, and so are fields and parameters that are not listed.
"""


def build_document(sources: Mapping[str, Source], own_operations: Sequence[Operation]) -> OpenApiNode:
    """The whole document; `own_operations` are those of the bridge itself, which belong to no source."""
    document: OpenApiNode = {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [*map(_tag, sources.values()), {"name": _BRIDGE, "description": "The bridge itself."}],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for source in sources.values():
        schemas = SchemaRegistry(source.name, source.operations)
        for operation in source.operations:
            _add(document, operation, _source_operation(source, operation, schemas))
        document["components"]["schemas"] |= schemas.components
        document["components"]["securitySchemes"] |= _security_schemes(source)
    schemas = SchemaRegistry(_BRIDGE, own_operations)
    for own in own_operations:
        _add(document, own, _own_operation(own, schemas, sources.values()))
    document["components"]["schemas"] |= schemas.components
    return document


def _add(document: OpenApiNode, operation: Operation, described: OpenApiNode) -> None:
    document["paths"].setdefault(operation.path, {})[operation.method.lower()] = described


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


def _source_operation(source: Source, operation: Operation, schemas: SchemaRegistry) -> OpenApiNode:
    is_public = operation in source.public_endpoints or isinstance(operation, ErasureWebhook)
    return _operation(source.name, operation, schemas) | {
        "security": [] if is_public else [{scheme: []} for scheme in _scheme_headers(source)],
        "responses": describe_responses(
            operation,
            schemas,
            possible=possible_errors(source, operation),
            format_error=source.format_error,
            headers=success_headers(source, operation),
        ),
    }


def _own_operation(operation: Operation, schemas: SchemaRegistry, sources: Iterable[Source]) -> OpenApiNode:
    takes_key = isinstance(operation, SharedOperation)
    schemes: list[OpenApiNode] = [{scheme: []} for source in sources for scheme in _scheme_headers(source)]
    return _operation(_BRIDGE, operation, schemas) | {
        "security": schemes if takes_key else [],
        "responses": describe_responses(
            operation,
            schemas,
            possible=default_errors(operation),
            format_error=default_error_body,
            headers={},
        ),
    }


def _operation(owner: str, operation: Operation, schemas: SchemaRegistry) -> OpenApiNode:
    described: OpenApiNode = {
        "operationId": operation_id(owner, operation),
        "tags": [owner],
        "summary": operation.summary,
        "parameters": [
            *_path_params(operation, schemas),
            *_query_params(operation, schemas),
            *_header_params(operation),
        ],
    }
    if operation.body is not None:
        described["requestBody"] = _request_body(operation, schemas)
    return described


def operation_id(owner: str, operation: Operation) -> str:
    """A name that no other operation has: `<owner>-post-tickets-create`."""
    return re.sub(r"\W+", "-", f"{owner} {operation.method} {operation.path}").strip("-").lower()


def _request_body(operation: Operation, schemas: SchemaRegistry) -> OpenApiNode:
    codec = operation.codec
    if codec is not None:
        schema = encoded_schema(codec.request)
        # Not required: a message whose fields are all unset has no bytes.
        return {"content": {codec.content_type: {"schema": schema}}}
    content: OpenApiNode = {"schema": schemas.request_schema(operation.body)}
    if operation.example is not None:
        content["example"] = dict(operation.example)
    return {"required": True, "content": {operation.body_type: content}}


def _path_params(operation: Operation, schemas: SchemaRegistry) -> Iterable[OpenApiNode]:
    for name in operation.path_param_names:
        schema: JsonSchema = {"type": "string", "minLength": 1}
        if name in operation.path_params:
            schema = schemas.request_schema(operation.path_params[name])
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_params(operation: Operation, schemas: SchemaRegistry) -> Iterable[OpenApiNode]:
    if operation.query is not None:
        for name, schema, required in schemas.fields(operation.query):
            yield {"name": name, "in": "query", "required": required, "schema": schema}


def _header_params(operation: Operation) -> Iterable[OpenApiNode]:
    if isinstance(operation, ErasureWebhook):
        yield {
            "name": operation.signature_header,
            "in": "header",
            "description": "The platform's signature of the body.",
            "schema": {"type": "string"},
        }
    if is_idempotent(operation):
        yield {
            "name": IDEMPOTENCY_HEADER,
            "in": "header",
            "description": "A text of your own, new for every new request. A request repeated with the same "
            "text is carried out once, and gets the same response.",
            "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN.pattern}$"},
        }
