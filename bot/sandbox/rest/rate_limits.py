"""Rate limits: per route and major id, global, for edits of old messages; headers and 429 responses."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.model.json import json_response

OLD_EDIT_CODE = 30046
OLD_EDIT_MESSAGE = "Maximum number of edits to messages older than 1 hour reached. Try again later."
VIA = "1.1 google"  # discord.py takes a 429 without a Via header for Cloudflare's and does not retry it
GLOBAL = "global"  # all requests of the bot, without those that answer interactions
RENAME = "rename"  # changes of a name or topic: Discord does not announce this limit in headers
OLD_EDITS = "old-edits"  # edits of messages older than an hour, per channel; not announced either
INVALID = "invalid"  # responses 401, 403 and 429 after which Cloudflare answers in Discord's place
ANY_ROUTE = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimit:
    """Allowed number of requests per `per` seconds."""

    requests: int
    per: float


DEFAULT_LIMITS: Mapping[str, RateLimit] = {
    "POST /channels/{id}/messages": RateLimit(requests=5, per=5.0),
    "PATCH /channels/{id}/messages/{id}": RateLimit(requests=5, per=5.0),
    "DELETE /channels/{id}/messages/{id}": RateLimit(requests=5, per=1.0),
    "PATCH /channels/{id}": RateLimit(requests=5, per=5.0),
    "PUT /channels/{id}/messages/{id}/reactions/{emoji}/@me": RateLimit(requests=1, per=0.25),
    GLOBAL: RateLimit(requests=50, per=1.0),
    RENAME: RateLimit(requests=2, per=600.0),
    OLD_EDITS: RateLimit(requests=3, per=20.0),  # as bots report it; Discord keeps it to itself
    INVALID: RateLimit(requests=10_000, per=600.0),
    ANY_ROUTE: RateLimit(requests=20, per=1.0),
}


@dataclass(kw_only=True, slots=True)
class _Bucket:
    ends: float
    used: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimitDecision:
    """Rate limit headers for the response; `retry_after` seconds if the bucket is empty."""

    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    scope: str = "user"


class OldMessageEditLimit(Exception):
    """Too many edits of old messages in a channel: 429 with code 30046, `retry_after` in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"{OLD_EDIT_MESSAGE} ({OLD_EDIT_CODE})")
        self.retry_after = retry_after


class RateLimiter:
    """Counts requests; True uses `DEFAULT_LIMITS`, a mapping by route overrides some of them."""

    def __init__(
        self, limits: bool | Mapping[str, RateLimit] = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = (
            dict(DEFAULT_LIMITS) | (dict(limits) if isinstance(limits, Mapping) else {}) if limits else {}
        )
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def set_limit(self, name: str, limit: RateLimit) -> None:
        """Change a limit while requests come in; `name` is a route or one of the names above."""
        self._limits[name] = limit

    def acquire(self, method: str, path: str, body: object = None) -> RateLimitDecision:
        """Count one request; `path` is without /api/v10, `body` shows whether a PATCH renames the channel."""
        if path.startswith(("/interactions/", "/webhooks/")):
            return RateLimitDecision()
        global_wait = self._take(GLOBAL)
        if global_wait is not None:
            return RateLimitDecision(retry_after=global_wait, scope="global")
        route, major = route_of(method, path)
        limit = self._limits.get(route, self._limits.get(ANY_ROUTE))
        if limit is None:
            return RateLimitDecision(retry_after=self._acquire_rename(route, major, body))
        bucket = self._bucket(route, major, limit)
        if bucket.used >= limit.requests:
            return RateLimitDecision(
                headers=self._headers(route, limit, bucket), retry_after=self._seconds_left(bucket)
            )
        rename_wait = self._acquire_rename(route, major, body)
        bucket.used += 1
        return RateLimitDecision(headers=self._headers(route, limit, bucket), retry_after=rename_wait)

    def _acquire_rename(self, route: str, major: str, body: object) -> float | None:
        renames = isinstance(body, dict) and not body.keys().isdisjoint({"name", "topic"})
        return self._take(RENAME, major) if route == "PATCH /channels/{id}" and renames else None

    def acquire_old_edit(self, channel_id: int) -> None:
        """Count one edit of an old message; raises `OldMessageEditLimit` if too many came before."""
        wait = self._take(OLD_EDITS, str(channel_id))
        if wait is not None:
            raise OldMessageEditLimit(wait)

    def count_invalid(self) -> None:
        """Count one response that Cloudflare holds against the client."""
        self._take(INVALID)

    def is_banned(self) -> bool:
        """Return whether Cloudflare answers everything until the invalid requests are forgotten."""
        return self._wait(INVALID) is not None

    def _take(self, name: str, major: str = "") -> float | None:
        """Count one against a limit; return the seconds to wait if it is used up."""
        wait = self._wait(name, major)
        if wait is None and name in self._limits:
            self._bucket(name, major, self._limits[name]).used += 1
        return wait

    def _wait(self, name: str, major: str = "") -> float | None:
        limit = self._limits.get(name)
        if limit is None:
            return None
        bucket = self._bucket(name, major, limit)
        return self._seconds_left(bucket) if bucket.used >= limit.requests else None

    def _bucket(self, route: str, major: str, limit: RateLimit) -> _Bucket:
        bucket = self._buckets.get((route, major))
        if bucket is None or bucket.ends <= self._clock():
            bucket = self._buckets[route, major] = _Bucket(ends=self._clock() + limit.per)
        return bucket

    def _seconds_left(self, bucket: _Bucket) -> float:
        # Rounded up to milliseconds: a client that waits for it must not be early.
        return max(math.ceil((bucket.ends - self._clock()) * 1000), 1) / 1000

    def _headers(self, route: str, limit: RateLimit, bucket: _Bucket) -> dict[str, str]:
        seconds_left = self._seconds_left(bucket)
        return {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(limit.requests - bucket.used),
            "X-RateLimit-Reset": f"{time.time() + seconds_left:.3f}",
            "X-RateLimit-Reset-After": f"{seconds_left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
        }


def route_of(method: str, path: str) -> tuple[str, str]:
    """Return the route with ids replaced, and the major id, which has a bucket of its own."""
    path = re.sub(r"(/reactions)/[^/]+", r"\1/{emoji}", path.partition("?")[0])
    first = re.search(r"/(\d+)(?=/|$)", path)
    return f"{method} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', path)}", first.group(1) if first else ""


def too_many_requests(
    retry_after: float,
    *,
    scope: str = "user",
    headers: Mapping[str, str] | None = None,
    message: str = "You are being rate limited.",
    code: int = 0,
) -> web.Response:
    """Build Discord's 429 response; `scope` is user, shared or global."""
    body = {"message": message, "code": code, "retry_after": retry_after, "global": scope == "global"}
    extra = {"Via": VIA, "Retry-After": str(math.ceil(retry_after)), "X-RateLimit-Scope": scope}
    if scope == "global":
        extra["X-RateLimit-Global"] = "true"
    return json_response(body, 429, {**(headers or {}), **extra})


def cloudflare_ban() -> web.Response:
    """Build Cloudflare's 429 page: no Via header, no JSON."""
    page = "<html><body>error code: 1015</body></html>"
    return web.Response(text=page, status=429, content_type="text/html")
