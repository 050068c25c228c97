"""Rate limits: a bucket per route and major id, X-RateLimit headers and 429 responses."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.model.json import json_response

VIA = "1.1 google"  # discord.py takes a 429 without a Via header for Cloudflare's and does not retry it
RENAME = "rename"  # changes of a name or topic: Discord does not announce this limit in headers
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
    RENAME: RateLimit(requests=2, per=600.0),
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

    def acquire(self, method: str, path: str, body: object = None) -> RateLimitDecision:
        """Count one request; `path` is without /api/v10, `body` shows whether a PATCH renames the channel."""
        route, major = route_of(method, path)
        limit = self._limits.get(route, self._limits.get(ANY_ROUTE))
        if limit is None or path.startswith(("/interactions/", "/webhooks/")):
            return RateLimitDecision()
        bucket = self._bucket(route, major, limit)
        if bucket.used >= limit.requests:
            return RateLimitDecision(
                headers=self._headers(route, limit, bucket), retry_after=self._seconds_left(bucket)
            )
        rename_wait = self._acquire_rename(route, major, body)
        bucket.used += 1
        return RateLimitDecision(headers=self._headers(route, limit, bucket), retry_after=rename_wait)

    def _acquire_rename(self, route: str, major: str, body: object) -> float | None:
        limit = self._limits.get(RENAME)
        renames = isinstance(body, dict) and not body.keys().isdisjoint({"name", "topic"})
        if limit is None or route != "PATCH /channels/{id}" or not renames:
            return None
        bucket = self._bucket(RENAME, major, limit)
        if bucket.used >= limit.requests:
            return self._seconds_left(bucket)
        bucket.used += 1
        return None

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
    retry_after: float, *, scope: str = "user", headers: Mapping[str, str] | None = None
) -> web.Response:
    """Build Discord's 429 response; `scope` is user, shared or global."""
    body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": scope == "global"}
    extra = {"Via": VIA, "Retry-After": str(math.ceil(retry_after)), "X-RateLimit-Scope": scope}
    if scope == "global":
        extra["X-RateLimit-Global"] = "true"
    return json_response(body, 429, {**(headers or {}), **extra})
