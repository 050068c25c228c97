"""What HTTP says back: JSON, in the envelope of the source that owns the path, or a page for people."""

import json
from collections.abc import Iterable, Mapping

from aiohttp import hdrs

from bot.sources import ApiError, HtmlPage, JsonObject, Source
from bot.webhook.server.aiohttp_private import UnbrandedResponse

# A page of ours needs nothing but its own style, and is nobody else's frame.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_encode = json.JSONEncoder(separators=(",", ":")).encode


def dump_json(body: JsonObject) -> bytes:
    """JSON, escaped to ASCII, so that no text a player sent can fail to be encoded."""
    return _encode(body).encode("ascii")


class JsonResponse(UnbrandedResponse):
    """An answer that does not tell which software gives it."""

    def __init__(
        self,
        body: JsonObject | bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = "application/json",
    ) -> None:
        whole = body if isinstance(body, bytes) else dump_json(body)
        super().__init__(body=whole, status=status, headers=headers, content_type=content_type)
        self.headers["X-Content-Type-Options"] = "nosniff"

    @classmethod
    def html_response(cls, page: HtmlPage) -> "JsonResponse":
        """A page for people."""
        answer = cls(page.html.encode(), page.status, _PAGE_HEADERS, content_type="text/html")
        answer.charset = "utf-8"
        return answer


class ErrorFormatter:
    """Each path's way to refuse: its source's own, or a plain one where no source is at home."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._source_by_prefix = {prefix: source for source in sources for prefix in source.path_prefixes}

    def to_response(self, path: str, error: ApiError) -> JsonResponse:
        """The refusal as the owner of `path` puts it."""
        owner = self._source_for(path)
        body = error.body or (owner.format_error(error) if owner else default_error_body(error))
        return JsonResponse(body, error.status, _error_headers(error))

    def source_name_for(self, path: str) -> str:
        """The name of the source that is at home there; "" for none."""
        owner = self._source_for(path)
        return owner.name if owner else ""

    def _source_for(self, path: str) -> Source | None:
        """By whole segments, the longest prefix first: `/v1` owns `/v1/x` and not `/v10`."""
        while path:
            if path in self._source_by_prefix:
                return self._source_by_prefix[path]
            path = path.rpartition("/")[0]
        return None


def default_error_body(error: ApiError) -> JsonObject:
    """The envelope of a path that belongs to no source."""
    return {"success": False, "error": {"code": error.status, "message": error.message}}


def _error_headers(error: ApiError) -> dict[str, str]:
    return {} if error.retry_after is None else {hdrs.RETRY_AFTER: str(error.retry_after)}
