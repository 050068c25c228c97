"""Limits changed while the sandbox runs: rate limits and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.model.json import Json
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError
from bot.sandbox.rest.rate_limits import DEFAULT_LIMITS, RateLimit

CHANGEABLE: Mapping[str, type] = {
    "old_message_age": float,
    "max_active_threads": int,
    "blocked_words": tuple,
    "harmful_links": tuple,
}


def set_rate_limit(state: SandboxState, name: str, requests: int, per: float) -> Json:
    if name not in DEFAULT_LIMITS:
        raise ControlError(
            f"There is no rate limit {name!r}: there are {', '.join(DEFAULT_LIMITS)}.", status=404
        )
    limit = RateLimit(requests=_number(int, "requests", requests), per=_number(float, "per", per))
    state.rate_limiter.set_limit(name, limit)
    return {"limit": name, "requests": limit.requests, "per": limit.per}


def change_settings(state: SandboxState, changes: Json) -> Json:
    """Change settings and return all that can be changed; raises `ControlError` for invalid ones."""
    if unknown := set(changes) - set(CHANGEABLE):
        raise ControlError(
            f"{sorted(unknown)[0]!r} cannot be changed: only {', '.join(CHANGEABLE)}.", status=400
        )
    given: Json = {
        name: _words(name, value) if CHANGEABLE[name] is tuple else _number(CHANGEABLE[name], name, value)
        for name, value in changes.items()
    }
    state.settings = replace(state.settings, **given)
    return {name: getattr(state.settings, name) for name in CHANGEABLE}


def _words(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) and word for word in value):
        raise ControlError(f"{name!r} is a list of words, not {value!r}.", status=400)
    return tuple(value)


def _number(kind: type, name: str, value: Any) -> Any:
    try:
        number = kind(value)
    except (TypeError, ValueError):
        raise ControlError(f"{name!r} is a number, not {value!r}.", status=400) from None
    if number < 0:
        raise ControlError(f"{name!r} is 0 or more, not {value!r}.", status=400)
    return number
