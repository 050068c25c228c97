"""The API's description and the page that shows it: from this machine alone, also without a network."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from aiohttp import hdrs, web

from bot.sources import Refused, Source
from bot.webhook.errors import refusal
from bot.webhook.openapi.document import describe
from bot.webhook.openapi.responses import plain_answers, plainly
from bot.webhook.openapi.schemas import Described
from bot.webhook.responses import Answer, encoded

_PACKAGE = "mkdocs-swagger-ui-tag"  # its files are read, its code is never imported
_SCRIPT, _STYLE = "text/javascript", "text/css"
_FILES = {  # what the page loads besides its own script
    "swagger-ui-bundle.js": ("mkdocs_swagger_ui_tag/swagger-ui/javascripts/swagger-ui-bundle.js", _SCRIPT),
    "swagger-ui.css": ("mkdocs_swagger_ui_tag/swagger-ui/stylesheets/swagger-ui.css", _STYLE),
}
_START = "start.js"
_PAGE = b"""\
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
_STARTING = b"""\
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
_ASK_AGAIN: Mapping[str, str] = {hdrs.CACHE_CONTROL: "no-cache"}
_AN_HOUR: Mapping[str, str] = {hdrs.CACHE_CONTROL: "max-age=3600"}


def own_routes(sources: Mapping[str, Source]) -> list[web.RouteDef]:
    """The description and its page. The first is made when it is first read."""

    @cache
    def document() -> bytes:
        return encoded(describe(sources, _OWN))

    async def description(_: web.Request) -> Answer:
        return Answer(document(), headers=_ASK_AGAIN)

    return [
        web.get("/openapi.json", description),
        web.get("/docs", _page),
        web.get("/docs/{file}", _file),
    ]


async def _page(_: web.Request) -> Answer:
    return _text(_PAGE, "text/html", {**_PAGE_HEADERS, **_ASK_AGAIN})


async def _file(request: web.Request) -> Answer:
    name = request.match_info["file"]
    if name == _START:
        return _text(_STARTING, _SCRIPT, _AN_HOUR)
    if name not in _FILES:
        raise refusal(404)
    path, content_type = _FILES[name]
    return _text(_packed(path), content_type, _AN_HOUR)


def _text(text: bytes, content_type: str, headers: Mapping[str, str]) -> Answer:
    answer = Answer(text, headers=headers, content_type=content_type)
    answer.charset = "utf-8"
    return answer


@cache
def _packed(path: str) -> bytes:
    return Path(str(distribution(_PACKAGE).locate_file(path))).read_bytes()


def _described(summary: str, *content_types: str, schema: Described, **others: Described) -> Described:
    """`others` are the answers besides 200, as s503."""
    content = {content_type: {"schema": schema} for content_type in content_types}
    answers = {"200": {"description": "Done.", "content": content}}
    return {"summary": summary, "responses": answers | {name[1:]: other for name, other in others.items()}}


def _or_crowded(description: str, schema: Described) -> Described:
    """An answer of 503 that is no refusal; the refusal of a house that is full has the same status."""
    crowded = plain_answers(has_names=False)["503"]["content"]["application/json"]["schema"]
    return {
        "description": description,
        "content": {"application/json": {"schema": {"anyOf": [schema, crowded]}}},
    }


def _object(**properties: Described) -> Described:
    """Of which nothing may be missing but `reasons`."""
    required = [name for name in properties if name != "reasons"]
    return {"type": "object", "properties": properties, "required": required}


_TEXT: Described = {"type": "string"}
_OK = _object(status={"const": "ok"})
_DEGRADED = _object(status={"const": "degraded"}, reason=_TEXT)
_REASONS: Described = {
    "type": "array",
    "items": _TEXT,
    "description": "What is wrong; for the networks that may read it.",
}
_READY = _object(ready={"const": True}, reasons=_REASONS)
_NOT_READY = _object(ready={"const": False}, reasons=_REASONS)
_NAMES = [{"name": "file", "in": "path", "required": True, "schema": {"enum": [_START, *_FILES]}}]
_OWN: Mapping[str, Described] = {
    "/healthz": _described(
        "Whether tickets are accepted",
        "application/json",
        schema=_OK,
        s503=_or_crowded("The database takes nothing for now.", _DEGRADED),
    ),
    "/readyz": _described(
        "Whether tickets are accepted and posted",
        "application/json",
        schema=_READY,
        s503=_or_crowded("Something is in the way.", _NOT_READY),
    ),
    "/metrics": _described(
        "Figures for Prometheus, for the networks that may read them",
        "text/plain",
        schema=_TEXT,
        s403=plainly(Refused(403, "")),
    ),
    "/openapi.json": _described("This description", "application/json", schema={"type": "object"}),
    "/docs": _described("This description as a page", "text/html", schema=_TEXT),
    "/docs/{file}": _described("What the page loads", _SCRIPT, _STYLE, schema=_TEXT) | {"parameters": _NAMES},
}
