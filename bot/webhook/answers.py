"""What HTTP says back: JSON, in the envelope of the source that owns the path, or a page for people."""

import json
from collections.abc import Iterable, Mapping

from aiohttp import hdrs

from bot.sources import Body, Page, Refused, Source
from bot.webhook.server.aiohttp_private import UnbrandedResponse

# A page of ours needs nothing but its own style, and is nobody else's frame.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_as_json = json.JSONEncoder(separators=(",", ":")).encode


def encoded(body: Body) -> bytes:
    """JSON, escaped to ASCII, so that no text a player sent can fail to be encoded."""
    return _as_json(body).encode("ascii")


class Answer(UnbrandedResponse):
    """An answer that does not tell which software gives it."""

    def __init__(
        self,
        body: Body | bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = "application/json",
    ) -> None:
        whole = body if isinstance(body, bytes) else encoded(body)
        super().__init__(body=whole, status=status, headers=headers, content_type=content_type)
        self.headers["X-Content-Type-Options"] = "nosniff"

    @classmethod
    def page(cls, page: Page) -> "Answer":
        """A page for people."""
        answer = cls(page.html.encode(), page.status, _PAGE_HEADERS, content_type="text/html")
        answer.charset = "utf-8"
        return answer


class Envelopes:
    """Each path's way to refuse: its source's own, or a plain one where no source is at home."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._owners = {prefix: source for source in sources for prefix in source.prefixes}

    def refuse(self, path: str, refused: Refused) -> Answer:
        """The refusal as the owner of `path` puts it."""
        owner = self._owner(path)
        body = refused.body or (owner.refuse(refused) if owner else plain(refused))
        return Answer(body, refused.status, _headers(refused))

    def owner_of(self, path: str) -> str:
        """The name of the source that is at home there; "" for none."""
        owner = self._owner(path)
        return owner.name if owner else ""

    def _owner(self, path: str) -> Source | None:
        """By whole segments, the longest prefix first: `/v1` owns `/v1/x` and not `/v10`."""
        while path:
            if path in self._owners:
                return self._owners[path]
            path = path.rpartition("/")[0]
        return None


def plain(refused: Refused) -> Body:
    """The envelope of a path that belongs to no source."""
    return {"success": False, "error": {"code": refused.status, "message": refused.message}}


def _headers(refused: Refused) -> dict[str, str]:
    return {} if refused.retry_after is None else {hdrs.RETRY_AFTER: str(refused.retry_after)}
