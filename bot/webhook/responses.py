"""HTTP responses: JSON, web pages, and errors in the format of the source that owns the path."""

import time
from collections.abc import Collection, Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Literal

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from pydantic_core import to_json

from bot.sources.contract import (
    ApiError,
    ErrorCodec,
    HtmlPage,
    JsonObject,
    Operation,
    PageEndpoint,
    Source,
)
from bot.sources.validation import TypedDict, ValueT
from bot.tickets.idempotency import StoredResponse
from bot.webhook.rate_limit import RATE_LIMIT_HEADERS
from bot.webhook.server.aiohttp_private import UnbrandedResponse

# A page needs nothing but its own style, and must not be framed by another site, nor found by a search.
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}

_JSON_TYPE = "application/json"
_OK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nX-Content-Type-Options: nosniff\r\n"
    b"%b%bContent-Length: %d\r\n\r\n%b"
)
_REPLAYED_LINE = b"Idempotent-Replayed: true\r\n"


def dump_json(body: Mapping[str, object]) -> bytes:
    """JSON, escaped to ASCII, so that no text a player sent can fail to be encoded."""
    encoded = to_json(body)
    return encoded if encoded.isascii() else to_json(body, ensure_ascii=True)  # escaping makes it slower


def encode_body(operation: Operation, body: JsonObject) -> bytes:
    """The body of HTTP 200 as the operation encodes it."""
    return dump_json(body) if operation.codec is None else operation.codec.encode(body)


def content_type_of(operation: Operation) -> str:
    """The content type of what `encode_body` returns."""
    return _JSON_TYPE if operation.codec is None else operation.codec.content_type


class JsonResponse(UnbrandedResponse):
    """A response, JSON unless said otherwise."""

    def __init__(
        self,
        body: Mapping[str, object] | bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = _JSON_TYPE,
    ) -> None:
        encoded = body if isinstance(body, bytes) else dump_json(body)
        super().__init__(body=encoded, status=status, headers=headers, content_type=content_type)
        self.headers["X-Content-Type-Options"] = "nosniff"

    @classmethod
    def html_response(cls, page: HtmlPage) -> "JsonResponse":
        """A web page."""
        headers = {**_PAGE_HEADERS, **page.headers}
        response = cls(page.html.encode(), page.status, headers, content_type="text/html")
        response.charset = "utf-8"
        return response

    @classmethod
    def text_response(cls, text: bytes) -> "JsonResponse":
        """Plain text in UTF-8."""
        response = cls(text, content_type="text/plain")
        response.charset = "utf-8"
        return response


class StoredBodyResponse(web.StreamResponse):
    """HTTP 200 with a stored body, written in one piece with a head made from a template.

    Only for a request of HTTP/1.1 whose connection stays open.
    """

    def __init__(self, stored: StoredResponse, header_lines: bytes, content_type: str) -> None:
        super().__init__()
        self._stored = stored
        self._header_lines = header_lines
        self._type = content_type.encode()

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write the response."""
        lines = self._header_lines + _REPLAYED_LINE if self._stored.replayed else self._header_lines
        body = self._stored.body
        await request.writer.write_eof(
            _OK % (self._type, _date_line(int(time.time())), lines, len(body), body)
        )
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: it is written already."""


def stored_to_response(
    request: web.BaseRequest, operation: Operation, stored: StoredResponse
) -> web.StreamResponse:
    """The response to a request that was authenticated, with its rate limit headers."""
    limit, content_type = request[RATE_LIMIT_HEADERS], content_type_of(operation)
    if request.version == HttpVersion11 and request.keep_alive:
        return StoredBodyResponse(stored, limit.lines, content_type)
    replayed = {"Idempotent-Replayed": "true"} if stored.replayed else {}
    return JsonResponse(stored.body, headers={**limit.fields, **replayed}, content_type=content_type)


@lru_cache(maxsize=1)
def _date_line(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode()


class ErrorFormatter:
    """Formats each error as the source that owns the path does; in a default format for other paths."""

    def __init__(self, sources: Iterable[Source], shared_paths: Collection[str] = ()) -> None:
        """`shared_paths` belong to no source, whatever prefix they have."""
        self._shared_paths = shared_paths
        self._source_by_prefix: dict[str, Source] = {}
        self._codec_by_prefix: dict[str, ErrorCodec] = {}
        self._source_by_page: dict[str, Source] = {}  # by the page's path without its parameter
        for source in sources:
            self._source_by_prefix |= dict.fromkeys(source.path_prefixes, source)
            self._codec_by_prefix |= source.error_codecs
            for endpoint in source.public_endpoints:
                if isinstance(endpoint, PageEndpoint):
                    self._source_by_page[endpoint.path.rpartition("/")[0]] = source

    def to_response(self, path: str, error: ApiError) -> JsonResponse:
        """The error as the owner of `path` formats it.

        Below a page's path there is no API. What is not found there is a misspelt path of another one: 404 is
        in the default format.
        """
        codec = _at_longest_prefix(self._codec_by_prefix, path)
        if codec is not None:
            encoded = error.body if isinstance(error.body, bytes) else codec.encode(error)
            return JsonResponse(encoded, error.status, _error_headers(error), content_type=codec.content_type)
        owner = self._api_at(path)
        if owner is None and error.status != 404:
            owner = self._page_at(path)
        body = error.body or (owner.format_error(error) if owner else default_error_body(error))
        return JsonResponse(body, error.status, _error_headers(error))

    def source_name_for(self, path: str) -> str:
        """The name of the source that owns a path; "" for none."""
        owner = self._api_at(path) or self._page_at(path)
        return owner.name if owner else ""

    def _api_at(self, path: str) -> Source | None:
        if path in self._shared_paths:
            return None
        return _at_longest_prefix(self._source_by_prefix, path)

    def _page_at(self, path: str) -> Source | None:
        return self._source_by_page.get(path.rpartition("/")[0])


def _at_longest_prefix(by_prefix: Mapping[str, ValueT], path: str) -> ValueT | None:
    """By whole segments, the longest prefix first: `/v1` owns `/v1/x` and not `/v10`."""
    while path:
        if path in by_prefix:
            return by_prefix[path]
        path = path.rpartition("/")[0]
    return None


class ErrorDetail(TypedDict):
    """What is wrong: the HTTP status, and a sentence."""

    code: int
    message: str


class ErrorBody(TypedDict):
    """The error format of paths that belong to no source."""

    success: Literal[False]
    error: ErrorDetail


def default_error_body(error: ApiError) -> ErrorBody:
    """Format an error for a path that belongs to no source."""
    return {"success": False, "error": {"code": error.status, "message": error.message}}


def _error_headers(error: ApiError) -> dict[str, str]:
    return {} if error.retry_after is None else {hdrs.RETRY_AFTER: str(error.retry_after)}
