"""Serve the OpenAPI document, and Swagger UI at /docs from installed files, without internet."""

import gzip
from asyncio import to_thread
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Literal

from aiohttp import hdrs, web

from bot.sources.contract import Operation, Source
from bot.webhook.errors import api_error
from bot.webhook.events import EVENT_OPERATIONS
from bot.webhook.health import HEALTH_OPERATIONS
from bot.webhook.links import LINK_OPERATIONS
from bot.webhook.openapi.document import build_document
from bot.webhook.responses import JsonResponse, dump_json

_SWAGGER_PACKAGE = "mkdocs-swagger-ui-tag"  # its files are read, its code is not imported
_JS_TYPE, _CSS_TYPE = "text/javascript", "text/css"
_ASSETS = {  # what the page loads besides its own script, by name
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
<title>ticketbridge: API</title>
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
  validatorUrl: null, // the public validator would be sent our address
});
"""
# The page may load only what is served here. Swagger UI draws its icons from data: addresses.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_NO_CACHE: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-cache"}
_CACHE_ONE_HOUR: Mapping[str, str] = {hdrs.CACHE_CONTROL: "max-age=3600"}
DOCS_OPERATIONS = (
    Operation(path="/openapi.json", summary="This document"),
    Operation(path="/docs", summary="This document as a page", response=str, text_types=("text/html",)),
    Operation(
        path="/docs/{file}",
        summary="A file of the page",
        path_params={"file": Literal["start.js", "swagger-ui-bundle.js", "swagger-ui.css"]},
        response=str,
        text_types=(_JS_TYPE, _CSS_TYPE),
    ),
)


def docs_routes(sources: Mapping[str, Source]) -> list[web.RouteDef]:
    """The routes of the document and its page. The document is built when it is first requested."""

    @cache
    def document() -> bytes:
        own = (*HEALTH_OPERATIONS, *DOCS_OPERATIONS, *EVENT_OPERATIONS, *LINK_OPERATIONS)
        return dump_json(build_document(sources, own))

    async def openapi_json(_: web.Request) -> JsonResponse:
        return JsonResponse(document(), headers=_NO_CACHE)

    return [
        web.get("/openapi.json", openapi_json),
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
    headers = {**_CACHE_ONE_HOUR, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if not _accepts_gzip(request):
        return _text_response(await to_thread(_swagger_file, path), content_type, headers)
    headers[hdrs.CONTENT_ENCODING] = "gzip"
    return _text_response(await to_thread(_gzipped_swagger_file, path), content_type, headers)


def _accepts_gzip(request: web.Request) -> bool:
    """Whether Accept-Encoding names gzip, and not with a weight of 0."""
    for coding in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(","):
        name, _, weight = coding.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False


def _text_response(text: bytes, content_type: str, headers: Mapping[str, str]) -> JsonResponse:
    response = JsonResponse(text, headers=headers, content_type=content_type)
    response.charset = "utf-8"
    return response


def _swagger_file(path: str) -> bytes:
    return Path(str(distribution(_SWAGGER_PACKAGE).locate_file(path))).read_bytes()


@cache
def _gzipped_swagger_file(path: str) -> bytes:
    return gzip.compress(_swagger_file(path), mtime=0)
