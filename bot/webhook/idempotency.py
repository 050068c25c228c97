"""Requests that come again: what says that two are the same."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from bot.sources.contract import ApiError
from bot.tickets.api_keys import ApiKey
from bot.tickets.idempotency import IdempotencyKey

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyPolicy:
    """How long an answer is given again."""

    key_ttl: timedelta = timedelta(hours=24)
    body_ttl: timedelta = timedelta(seconds=60)  # to the same body; zero: never


def idempotency_key_header(request: web.Request) -> str | None:
    """Its Idempotency-Key. Raises Refused(400) for one that cannot be told apart from others."""
    carried = set(request.headers.getall(IDEMPOTENCY_HEADER, ()))
    if not carried:
        return None
    token = carried.pop()
    if carried or not IDEMPOTENCY_KEY_PATTERN.fullmatch(token):
        raise ApiError(400, f"{IDEMPOTENCY_HEADER} must be one value of 1 to 255 visible ASCII characters.")
    return token


def from_header(
    request: web.Request, key: ApiKey, body: bytes, now: datetime, policy: IdempotencyPolicy
) -> IdempotencyKey | None:
    """What makes a request the same as an earlier one: its token, or nothing."""
    token = idempotency_key_header(request)
    return None if token is None else _build_key(request, key, body, token, now + policy.key_ttl)


def from_header_or_body(
    request: web.Request, key: ApiKey, body: bytes, now: datetime, policy: IdempotencyPolicy
) -> IdempotencyKey | None:
    """Its token; without one its body, for a short while: some clients send a POST again by themselves."""
    once = from_header(request, key, body, now, policy)
    if once is None and policy.body_ttl:
        return _build_key(request, key, body, None, now + policy.body_ttl)
    return once


def _build_key(
    request: web.Request, key: ApiKey, body: bytes, header_value: str | None, expires_at: datetime
) -> IdempotencyKey:
    digest = hashlib.sha256(body).hexdigest()
    return IdempotencyKey(
        key_prefix=key.prefix,
        path=request.path,
        body_sha256=digest,
        header_value=header_value,
        expires_at=expires_at,
    )
