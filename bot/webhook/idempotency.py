"""Requests that come again: what says that two are the same."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from bot.sources import Refused
from bot.tickets import ApiKey, Once

HEADER = "Idempotency-Key"
TOKEN = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How long an answer is given again."""

    with_token: timedelta = timedelta(hours=24)
    without: timedelta = timedelta(seconds=60)  # to the same body; zero: never


def token_of(request: web.Request) -> str | None:
    """Its Idempotency-Key. Raises Refused(400) for one that cannot be told apart from others."""
    carried = set(request.headers.getall(HEADER, ()))
    if not carried:
        return None
    token = carried.pop()
    if carried or not TOKEN.fullmatch(token):
        raise Refused(400, f"{HEADER} must be one value of 1 to 255 visible ASCII characters.")
    return token


def with_token(request: web.Request, key: ApiKey, body: bytes, now: datetime, memory: Memory) -> Once | None:
    """What makes a request the same as an earlier one: its token, or nothing."""
    token = token_of(request)
    return None if token is None else _once(request, key, body, token, now + memory.with_token)


def with_body(request: web.Request, key: ApiKey, body: bytes, now: datetime, memory: Memory) -> Once | None:
    """Its token; without one its body, for a short while: some clients send a POST again by themselves."""
    once = with_token(request, key, body, now, memory)
    if once is None and memory.without:
        return _once(request, key, body, None, now + memory.without)
    return once


def _once(request: web.Request, key: ApiKey, body: bytes, token: str | None, until: datetime) -> Once:
    digest = hashlib.sha256(body).hexdigest()
    return Once(sender=key.prefix, path=request.path, digest=digest, token=token, until=until)
