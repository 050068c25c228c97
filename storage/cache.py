"""What is read with every request and changes rarely: kept in memory until it is changed."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_MAX_ENTRIES = 10_000

Value = TypeVar("Value")


class ReadCache(Generic[Value]):
    """By a name, what was read under it. Nobody else changes the file: its holder has locked it."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._generation = 0

    async def get(self, name: str, read: Callable[[str], Awaitable[Value | None]]) -> Value | None:
        """What `read` finds; of nothing found nothing is remembered, for anybody can ask for that."""
        if name in self._values:
            return self._values[name]
        before = self._generation
        found = await read(name)
        # What was read while it was changed may be what it was before.
        if found is not None and before == self._generation:
            if len(self._values) >= _MAX_ENTRIES:
                self._values.clear()
            self._values[name] = found
        return found

    def invalidate(self) -> None:
        """Something was changed, or may have been."""
        self._generation += 1
        self._values.clear()
