"""Rate limits per route, as Discord counts and announces them, and the 429 that answers who overdoes it."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.model.json import json_answer

VIA = "1.1 google"  # a 429 without Via came from Cloudflare, and discord.py does not retry that one
RENAME = "rename"  # names and topics: no header announces this limit
ANY_ROUTE = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """So many requests per so many seconds."""

    requests: int
    per: float


USUAL: Mapping[str, Limit] = {
    "POST /channels/{id}/messages": Limit(requests=5, per=5.0),
    "PATCH /channels/{id}/messages/{id}": Limit(requests=5, per=5.0),
    "DELETE /channels/{id}/messages/{id}": Limit(requests=5, per=1.0),
    "PATCH /channels/{id}": Limit(requests=5, per=5.0),
    "PUT /channels/{id}/messages/{id}/reactions/{emoji}/@me": Limit(requests=1, per=0.25),
    RENAME: Limit(requests=2, per=600.0),
    ANY_ROUTE: Limit(requests=20, per=1.0),
}


@dataclass(kw_only=True, slots=True)
class _Window:
    ends: float
    used: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """What a request got from its bucket: headers for its answer, and the wait in seconds if it was empty."""

    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None


class Buckets:
    """Counts requests; True is `USUAL`, a mapping changes some of it ("POST /channels/{id}/messages")."""

    def __init__(
        self, limits: bool | Mapping[str, Limit] = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = dict(USUAL) | (dict(limits) if isinstance(limits, Mapping) else {}) if limits else {}
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    def take(self, method: str, path: str, body: object = None) -> Take:
        """Counts one request; `path` is without /api/v10, `body` tells a rename from another change."""
        route, major = route_of(method, path)
        limit = self._limits.get(route, self._limits.get(ANY_ROUTE))
        if limit is None or path.startswith(("/interactions/", "/webhooks/")):
            return Take()
        window = self._window(route, major, limit)
        if window.used >= limit.requests:
            return Take(headers=self._headers(route, limit, window), retry_after=self._left(window))
        hidden_wait = self._take_rename(route, major, body)
        window.used += 1
        return Take(headers=self._headers(route, limit, window), retry_after=hidden_wait)

    def _take_rename(self, route: str, major: str, body: object) -> float | None:
        limit = self._limits.get(RENAME)
        renames = isinstance(body, dict) and not body.keys().isdisjoint({"name", "topic"})
        if limit is None or route != "PATCH /channels/{id}" or not renames:
            return None
        window = self._window(RENAME, major, limit)
        if window.used >= limit.requests:
            return self._left(window)
        window.used += 1
        return None

    def _window(self, route: str, major: str, limit: Limit) -> _Window:
        window = self._windows.get((route, major))
        if window is None or window.ends <= self._clock():
            window = self._windows[route, major] = _Window(ends=self._clock() + limit.per)
        return window

    def _left(self, window: _Window) -> float:
        return round(max(window.ends - self._clock(), 0.001), 3)

    def _headers(self, route: str, limit: Limit, window: _Window) -> dict[str, str]:
        left = self._left(window)
        return {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(limit.requests - window.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
        }


def route_of(method: str, path: str) -> tuple[str, str]:
    """The route with its ids made alike, and the first id, which has a bucket of its own."""
    path = re.sub(r"(/reactions)/[^/]+", r"\1/{emoji}", path.partition("?")[0])
    first = re.search(r"/(\d+)(?=/|$)", path)
    return f"{method} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', path)}", first.group(1) if first else ""


def too_many_requests(
    retry_after: float, *, scope: str = "user", headers: Mapping[str, str] | None = None
) -> web.Response:
    """Discord's 429; `scope` is user, shared or global."""
    told = {"message": "You are being rate limited.", "retry_after": retry_after, "global": scope == "global"}
    extra = {"Via": VIA, "Retry-After": str(math.ceil(retry_after)), "X-RateLimit-Scope": scope}
    if scope == "global":
        extra["X-RateLimit-Global"] = "true"
    return json_answer(told, 429, {**(headers or {}), **extra})
