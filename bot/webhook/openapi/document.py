"""The API's description: OpenAPI 3.1, made of what the sources say of their routes. Knows no request."""

from collections.abc import Iterable, Mapping
from importlib.metadata import metadata

from bot.sources import Source
from bot.webhook.idempotency import HEADER, TOKEN
from bot.webhook.openapi.operations import Way, is_carried_out_once, names_in, operation_id
from bot.webhook.openapi.responses import Answers, plain_answers
from bot.webhook.openapi.schemas import Described, Shape, Shapes

_OWN_TAG = "bridge"
_INTRODUCTION = """\
Files tickets, and works on them, as the APIs named below do: a game server needs another address, no more.

Every path answers in the words of the API it belongs to, refusals too. A path that is not listed is answered
404, and a listed one 405 to another method, with `Allow`. A body is read as JSON whatever its `Content-Type`
says, inflated if its `Content-Encoding` is `gzip` or `deflate`, and 1 MiB at most after that. Doubled and
trailing slashes of a path do not count, nor do fields and parameters that are not listed.
"""


def describe(sources: Mapping[str, Source], own: Mapping[str, Described]) -> Described:
    """The whole document; `own` are the paths besides those of the sources."""
    whole: Described = {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [*map(_tag, sources.values()), {"name": _OWN_TAG, "description": "The bridge itself."}],
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for source in sources.values():
        shapes = Shapes(source)
        answers = Answers(source, shapes)
        for route in source.routes:
            operation = _operation(source, route, shapes, answers)
            whole["paths"].setdefault(route.path, {})[route.method.lower()] = operation
        whole["components"]["schemas"] |= shapes.components
        whole["components"]["securitySchemes"] |= _security(source)
    for path, operation in own.items():
        whole["paths"][path] = {"get": _own(path, operation)}
    return whole


def _info() -> Described:
    package = metadata("ticketbridge")
    return {"title": "ticketbridge", "version": package["Version"], "description": _INTRODUCTION}


def _tag(source: Source) -> Described:
    return {"name": source.name, "description": source.summary or source.name}


def _security(source: Source) -> Described:
    return {
        name: {"type": "apiKey", "in": "header", "name": header, "description": "As `key create` printed it."}
        for name, header in _schemes(source).items()
    }


def _schemes(source: Source) -> Mapping[str, str]:
    """By the name of the scheme: the header that carries the key."""
    return {f"{source.name}.{header}": header for header in source.key_headers}


def _operation(source: Source, route: Way, shapes: Shapes, answers: Answers) -> Described:
    is_open = route in source.open_endpoints
    operation: Described = {
        "operationId": operation_id(source, route),
        "tags": [source.name],
        "summary": route.summary,
        "security": [] if is_open else [{scheme: []} for scheme in _schemes(source)],
        "parameters": [*_in_path(route, shapes), *_in_query(route, shapes), *_in_headers(route)],
        "responses": answers.of(route),
    }
    if route.body is not None:
        operation["requestBody"] = _body(route, shapes)
    return operation


def _body(route: Way, shapes: Shapes) -> Described:
    content: Described = {"schema": shapes.read(route.body)}
    if route.example is not None:
        content["example"] = dict(route.example)
    return {"required": True, "content": {"application/json": content}}


def _in_path(route: Way, shapes: Shapes) -> Iterable[Described]:
    for name in names_in(route):
        shape: Shape = {"type": "string", "minLength": 1}
        if name in route.names:
            shape = shapes.read(route.names[name])
        yield {"name": name, "in": "path", "required": True, "schema": shape}


def _in_query(route: Way, shapes: Shapes) -> Iterable[Described]:
    if route.query is not None:
        for name, shape, required in shapes.fields(route.query):
            yield {"name": name, "in": "query", "required": required, "schema": shape}


def _in_headers(route: Way) -> Iterable[Described]:
    if is_carried_out_once(route):
        yield {
            "name": HEADER,
            "in": "header",
            "description": "Text of your own, new for every new request. What comes again with the same text "
            "is carried out once, and answered the same again.",
            "schema": {"type": "string", "pattern": f"^{TOKEN.pattern}$"},
        }


def _own(path: str, operation: Described) -> Described:
    answers = plain_answers(has_names="{" in path) | operation["responses"]
    return {"tags": [_OWN_TAG], "security": []} | operation | {"responses": answers}
