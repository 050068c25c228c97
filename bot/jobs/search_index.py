"""Keeps the index for searches up with the tickets, behind their intake. Knows nothing of what it holds."""

import asyncio
import logging
import time

from storage import StorageError, Store

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # seconds between two looks while no whole batch waits
PAUSE_FACTOR = 4.0  # times as long as the last batch took: so it takes a fifth of the writer, at most
RETRY_SECONDS = 10.0  # seconds
LONG_BACKLOG = 10_000  # tickets: more than intake leaves behind
REPORT_SECONDS = 10.0  # seconds


async def run_search_indexer(store: Store, *, poll_seconds: float = POLL_SECONDS) -> None:
    """Until cancelled. `look` is how many seconds a ticket waits for others to be indexed with, at most."""
    progress = IndexProgress()
    while True:
        begun = time.monotonic()
        try:
            waiting = await store.index_lag()
            progress.report(waiting, begun)
            left = await store.index_batch() if waiting else 0
        except StorageError as error:
            log.error("Tickets cannot be indexed now; trying again in %.0f s. %s", RETRY_SECONDS, error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            # A batch that is not full can wait: a commit for each ticket would hold up who files others.
            await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - begun) if left else poll_seconds)


class IndexProgress:
    """Tells of a long catching up, as after an upgrade."""

    def __init__(self) -> None:
        self._next_line: float | None = None  # None: there is no backlog

    def report(self, left: int, now: float) -> None:
        if self._next_line is None and left < LONG_BACKLOG:
            return
        if left == 0:
            log.info("All tickets are indexed")
            self._next_line = None
        elif self._next_line is None or now >= self._next_line:
            log.info("%d tickets are left to index; searches see the newest of them", left)
            self._next_line = now + REPORT_SECONDS
