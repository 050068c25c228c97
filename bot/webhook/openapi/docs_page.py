"""The API's description and the page that shows it: from this machine alone, also without a network."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from aiohttp import hdrs, web

from bot.sources.contract import ApiError, Source
from bot.webhook.errors import api_error
from bot.webhook.openapi.document import build_document
from bot.webhook.openapi.responses import default_error_doc, default_error_docs
from bot.webhook.openapi.schemas import OpenApiNode
from bot.webhook.responses import JsonResponse, dump_json

_SWAGGER_PACKAGE = "mkdocs-swagger-ui-tag"  # its files are read, its code is never imported
_JS_TYPE, _CSS_TYPE = "text/javascript", "text/css"
_ASSETS = {  # what the page loads besides its own script
    "swagger-ui-bundle.js": ("mkdocs_swagger_ui_tag/swagger-ui/javascripts/swagger-ui-bundle.js", _JS_TYPE),
    "swagger-ui.css": ("mkdocs_swagger_ui_tag/swagger-ui/stylesheets/swagger-ui.css", _CSS_TYPE),
}
_INIT_SCRIPT_NAME = "start.js"
_HTML = b"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ticketbridge: what it answers to</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body><div id="page"></div></body>
</html>
"""
_INIT_SCRIPT = b"""\
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null, // the public validator would be told where this is
});
"""
# The page may load what is served here and nothing else; Swagger UI draws its icons from data: addresses.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_NO_CACHE: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-cache"}
_CACHE_ONE_HOUR: Mapping[str, str] = {hdrs.CACHE_CONTROL: "max-age=3600"}


def docs_routes(sources: Mapping[str, Source]) -> list[web.RouteDef]:
    """The description and its page. The first is made when it is first read."""

    @cache
    def document() -> bytes:
        return dump_json(build_document(sources, _OWN_PATHS))

    async def description(_: web.Request) -> JsonResponse:
        return JsonResponse(document(), headers=_NO_CACHE)

    return [
        web.get("/openapi.json", description),
        web.get("/docs", _docs_page),
        web.get("/docs/{file}", _docs_file),
    ]


async def _docs_page(_: web.Request) -> JsonResponse:
    return _text_response(_HTML, "text/html", {**_PAGE_HEADERS, **_NO_CACHE})


async def _docs_file(request: web.Request) -> JsonResponse:
    name = request.match_info["file"]
    if name == _INIT_SCRIPT_NAME:
        return _text_response(_INIT_SCRIPT, _JS_TYPE, _CACHE_ONE_HOUR)
    if name not in _ASSETS:
        raise api_error(404)
    path, content_type = _ASSETS[name]
    return _text_response(_swagger_asset(path), content_type, _CACHE_ONE_HOUR)


def _text_response(text: bytes, content_type: str, headers: Mapping[str, str]) -> JsonResponse:
    answer = JsonResponse(text, headers=headers, content_type=content_type)
    answer.charset = "utf-8"
    return answer


@cache
def _swagger_asset(path: str) -> bytes:
    return Path(str(distribution(_SWAGGER_PACKAGE).locate_file(path))).read_bytes()


def _operation_doc(
    summary: str, *content_types: str, schema: OpenApiNode, **other_responses: OpenApiNode
) -> OpenApiNode:
    """`others` are the answers besides 200, as s503."""
    content = {content_type: {"schema": schema} for content_type in content_types}
    answers = {"200": {"description": "Done.", "content": content}}
    return {
        "summary": summary,
        "responses": answers | {name[1:]: other for name, other in other_responses.items()},
    }


def _or_503(description: str, schema: OpenApiNode) -> OpenApiNode:
    """An answer of 503 that is no refusal; the refusal of a house that is full has the same status."""
    crowded = default_error_docs(has_path_params=False)["503"]["content"]["application/json"]["schema"]
    return {
        "description": description,
        "content": {"application/json": {"schema": {"anyOf": [schema, crowded]}}},
    }


def _object_schema(**properties: OpenApiNode) -> OpenApiNode:
    """Of which nothing may be missing but `reasons`."""
    required = [name for name in properties if name != "reasons"]
    return {"type": "object", "properties": properties, "required": required}


_TEXT_SCHEMA: OpenApiNode = {"type": "string"}
_OK_SCHEMA = _object_schema(status={"const": "ok"})
_DEGRADED_SCHEMA = _object_schema(status={"const": "degraded"}, reason=_TEXT_SCHEMA)
_REASONS_SCHEMA: OpenApiNode = {
    "type": "array",
    "items": _TEXT_SCHEMA,
    "description": "What is wrong; for the networks that may read it.",
}
_READY_SCHEMA = _object_schema(ready={"const": True}, reasons=_REASONS_SCHEMA)
_NOT_READY_SCHEMA = _object_schema(ready={"const": False}, reasons=_REASONS_SCHEMA)
_FILE_PARAMS = [
    {"name": "file", "in": "path", "required": True, "schema": {"enum": [_INIT_SCRIPT_NAME, *_ASSETS]}}
]
_OWN_PATHS: Mapping[str, OpenApiNode] = {
    "/healthz": _operation_doc(
        "Whether tickets are accepted",
        "application/json",
        schema=_OK_SCHEMA,
        s503=_or_503("The database takes nothing for now.", _DEGRADED_SCHEMA),
    ),
    "/readyz": _operation_doc(
        "Whether tickets are accepted and posted",
        "application/json",
        schema=_READY_SCHEMA,
        s503=_or_503("Something is in the way.", _NOT_READY_SCHEMA),
    ),
    "/metrics": _operation_doc(
        "Figures for Prometheus, for the networks that may read them",
        "text/plain",
        schema=_TEXT_SCHEMA,
        s403=default_error_doc(ApiError(403, "")),
    ),
    "/openapi.json": _operation_doc("This description", "application/json", schema={"type": "object"}),
    "/docs": _operation_doc("This description as a page", "text/html", schema=_TEXT_SCHEMA),
    "/docs/{file}": _operation_doc("What the page loads", _JS_TYPE, _CSS_TYPE, schema=_TEXT_SCHEMA)
    | {"parameters": _FILE_PARAMS},
}
