"""In-memory cache for rows that every request reads and that rarely change."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_MAX_ENTRIES = 10_000

Value = TypeVar("Value")


class ReadCache(Generic[Value]):
    """Values by key; `invalidate()` drops them all after a write.

    Safe without expiry: the database lock keeps other processes from writing.
    """

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._generation = 0

    async def get(self, key: str, read: Callable[[str], Awaitable[Value | None]]) -> Value | None:
        """Return the cached value, or call `read` and cache what it finds; a None is never cached."""
        if key in self._values:
            return self._values[key]
        generation = self._generation
        found = await read(key)
        # A value that was read during a write may be the old one.
        if found is not None and generation == self._generation:
            if len(self._values) >= _MAX_ENTRIES:
                self._values.clear()
            self._values[key] = found
        return found

    def invalidate(self) -> None:
        """Drop everything: something was written, or may have been."""
        self._generation += 1
        self._values.clear()
