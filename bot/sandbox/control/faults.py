"""Fault injection: error responses, rate limits, hanging and broken connections."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import asdict, dataclass

from aiohttp import web

from bot.sandbox.model.json import Json, json_response
from bot.sandbox.rest.errors import (
    FLAGGED_FOR_SPAM,
    MISSING_PERMISSIONS,
    OPENING_DMS_TOO_FAST,
    ControlError,
    discord_error,
    unauthorized,
)
from bot.sandbox.rest.rate_limits import cloudflare_ban, too_many_requests

RATE_LIMITS = {"429-user": "user", "429-global": "global", "429-shared": "shared"}
SERVER_ERRORS = {
    "500": "500: Internal Server Error",
    "502": "502: Bad Gateway",
    "503": "503: Service Unavailable",
    "504": "504: Gateway Timeout",
}
REFUSALS = {
    "forbidden": MISSING_PERMISSIONS,
    "direct-message-limit": OPENING_DMS_TOO_FAST,
    "spam-flag": FLAGGED_FOR_SPAM,
}
KINDS = (*RATE_LIMITS, "429-no-via", *SERVER_ERRORS, "hang", "reset", "unauthorized", *REFUSALS)
WHEN = ("before", "after", "early")


@dataclass(kw_only=True, slots=True)
class Fault:
    """A failure to inject into matching requests; raises `ControlError` for invalid values."""

    kind: str
    method: str = "*"
    path: str = ""  # a regular expression, searched in the path
    when: str = "before"  # or "after" the request took effect, or "early": it takes effect later
    times: int | None = 1  # None: every time
    chance: float = 1.0  # probability for each matching request
    retry_after: float = 1.0  # seconds, for the 429 kinds
    hang_for: float = 60.0  # seconds
    effect_delay: float = 3.0  # seconds until the effect, for "early"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ControlError(f"There is no fault {self.kind!r}: use one of {', '.join(KINDS)}.", status=400)
        if self.when not in WHEN:
            sentence = f"`when` is 'before', 'after' or 'early', not {self.when!r}."
            raise ControlError(sentence, status=400)
        if self.times is not None and self.times < 1:
            raise ControlError("A fault happens at least once: give times 1 or more, or null.", status=400)
        if not 0 < self.chance <= 1:
            raise ControlError(
                "A fault's chance is above 0 and at most 1: 0.05 is one in twenty.", status=400
            )
        try:
            re.compile(self.path)
        except re.error as wrong:
            raise ControlError(f"The path is no regular expression: {wrong}.", status=400) from wrong

    def to_json(self) -> Json:
        return asdict(self)

    def matches(self, method: str, path: str) -> bool:
        return self.method.upper() in ("*", method.upper()) and re.search(self.path, path) is not None


class Faults:
    """Pending faults, in order; the same seed gives the same random decisions."""

    def __init__(self, seed: int | None = None) -> None:
        self.planned: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311  # repeatable faults, no secret

    def add(self, fault: Fault) -> Fault:
        self.planned.append(fault)
        return fault

    def clear(self) -> None:
        self.planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches this request and count it down."""
        fault = next((f for f in self.planned if f.matches(method, path) and self._chance_hits(f)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.planned.remove(fault)
        return fault

    def _chance_hits(self, fault: Fault) -> bool:
        return fault.chance == 1 or self._random.random() < fault.chance


async def inject(fault: Fault, request: web.Request) -> web.StreamResponse:
    """Return the fault's response; a hang waits first, a reset aborts the connection."""
    if fault.kind in RATE_LIMITS:
        return too_many_requests(fault.retry_after, scope=RATE_LIMITS[fault.kind])
    if fault.kind == "429-no-via":
        return cloudflare_ban()
    if fault.kind in SERVER_ERRORS:
        return json_response({"message": SERVER_ERRORS[fault.kind], "code": 0}, int(fault.kind))
    if fault.kind == "unauthorized" or fault.kind in REFUSALS:
        error = unauthorized() if fault.kind == "unauthorized" else discord_error(REFUSALS[fault.kind])
        return json_response(error.body(), error.status)
    if fault.kind == "hang":
        await asyncio.sleep(fault.hang_for)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=504)
