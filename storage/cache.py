"""What is read with every request and changes rarely: kept in memory until it is changed."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_MOST = 10_000

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """By a name, what was read under it. Nobody else changes the file: its holder has locked it."""

    def __init__(self) -> None:
        self._kept: dict[str, Value] = {}
        self._changes = 0

    async def get(self, name: str, read: Callable[[str], Awaitable[Value | None]]) -> Value | None:
        """What `read` finds; of nothing found nothing is remembered, for anybody can ask for that."""
        if name in self._kept:
            return self._kept[name]
        before = self._changes
        found = await read(name)
        # What was read while it was changed may be what it was before.
        if found is not None and before == self._changes:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[name] = found
        return found

    def forget(self) -> None:
        """Something was changed, or may have been."""
        self._changes += 1
        self._kept.clear()
