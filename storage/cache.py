"""In-memory cache for rows that every request reads and that rarely change."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_MAX_ENTRIES = 10_000

Value = TypeVar("Value")


class ReadCache(Generic[Value]):
    """Values by key; `invalidate()` drops them all after a write."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._generation = 0

    def peek(self, key: str) -> Value | None:
        """Return the cached value, or None."""
        return self._values.get(key)

    async def get(self, key: str, read: Callable[[], Awaitable[Value]]) -> Value:
        """Return the cached value, or call `read` and cache its result; a None is never cached."""
        value = self._values.get(key)
        if value is None:
            generation = self._generation
            value = await read()
            # A value that was read during a write may be the old one.
            if value is not None and generation == self._generation:
                self._store(key, value)
        return value

    def remember(self, key: str, read: Callable[[], Value]) -> Value:
        """Return the cached value, or call `read` and cache its result. In any thread."""
        value = self._values.get(key)
        if value is None:
            value = read()
            self._store(key, value)
        return value

    def invalidate(self) -> None:
        """Drop everything: something was written, or may have been."""
        self._generation += 1
        self._values.clear()

    def _store(self, key: str, value: Value) -> None:
        if len(self._values) >= _MAX_ENTRIES:
            self._values.clear()
        self._values[key] = value
