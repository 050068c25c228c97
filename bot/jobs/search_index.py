"""Keeps the index for searches up with the tickets, behind their intake. Knows nothing of what it holds."""

import asyncio
import logging
import time

from storage import StorageError, Store

log = logging.getLogger(__name__)

_LOOK = 1.0  # seconds between two looks while no whole batch waits
_REST = 4.0  # times as long as the last batch took: so it takes a fifth of the writer, at most
_AFTER_A_FAILURE = 10.0  # seconds
_BACKLOG = 10_000  # tickets: more than intake leaves behind
_BETWEEN_LINES = 10.0  # seconds


async def keep_indexed(store: Store, *, look: float = _LOOK) -> None:
    """Until cancelled. `look` is how many seconds a ticket waits for others to be indexed with, at most."""
    backlog = _Backlog()
    while True:
        begun = time.monotonic()
        try:
            waiting = await store.not_indexed()
            backlog.note(waiting, begun)
            left = await store.index_some() if waiting else 0
        except StorageError as error:
            log.error("Tickets cannot be indexed now; trying again in %.0f s. %s", _AFTER_A_FAILURE, error)
            await asyncio.sleep(_AFTER_A_FAILURE)
        else:
            # A batch that is not full can wait: a commit for each ticket would hold up who files others.
            await asyncio.sleep(_REST * (time.monotonic() - begun) if left else look)


class _Backlog:
    """Tells of a long catching up, as after an upgrade."""

    def __init__(self) -> None:
        self._next_line: float | None = None  # None: there is no backlog

    def note(self, left: int, now: float) -> None:
        if self._next_line is None and left < _BACKLOG:
            return
        if left == 0:
            log.info("All tickets are indexed")
            self._next_line = None
        elif self._next_line is None or now >= self._next_line:
            log.info("%d tickets are left to index; searches see the newest of them", left)
            self._next_line = now + _BETWEEN_LINES
