"""Recognize repeated requests, by an Idempotency-Key or by their body."""

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
    """How long a response is stored for repeated requests."""

    key_ttl: timedelta = timedelta(hours=24)
    body_ttl: timedelta = timedelta(seconds=60)  # for the same body without a key; zero turns it off


def idempotency_key_header(request: web.BaseRequest) -> str | None:
    """The Idempotency-Key of a request, if it has one. Raises ApiError(400) for a malformed one."""
    values = set(request.headers.getall(IDEMPOTENCY_HEADER, ()))
    if not values:
        return None
    value = values.pop()
    if values or not IDEMPOTENCY_KEY_PATTERN.fullmatch(value):
        raise ApiError(400, f"{IDEMPOTENCY_HEADER} must be one value of 1 to 255 visible ASCII characters.")
    return value


def from_header(
    request: web.BaseRequest, key: ApiKey, body: bytes, now: datetime, policy: IdempotencyPolicy
) -> IdempotencyKey | None:
    """Build the key from the header, if there is one. Raises ApiError(400)."""
    value = idempotency_key_header(request)
    return None if value is None else _build_key(request, key, body, value, now + policy.key_ttl)


def from_header_or_body(
    request: web.BaseRequest, key: ApiKey, body: bytes, now: datetime, policy: IdempotencyPolicy
) -> IdempotencyKey | None:
    """Build the key from the header, else from the body: some clients repeat a POST by themselves."""
    idempotency_key = from_header(request, key, body, now, policy)
    if idempotency_key is None and policy.body_ttl:
        return _build_key(request, key, body, None, now + policy.body_ttl)
    return idempotency_key


def _build_key(
    request: web.BaseRequest, key: ApiKey, body: bytes, header_value: str | None, expires_at: datetime
) -> IdempotencyKey:
    return IdempotencyKey(
        key_prefix=key.prefix,
        path=request.path,
        body_sha256=hashlib.sha256(body).hexdigest(),
        header_value=header_value,
        expires_at=expires_at,
    )
