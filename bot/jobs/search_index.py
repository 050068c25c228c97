"""Search indexer: adds new tickets to the search index in batches, some time after they were saved."""

import asyncio
import logging
import time

from storage import StorageError, Store

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between two batches that are not full
PAUSE_FACTOR = (
    4.0  # pauses four times as long as a full batch took, so the writer is busy with it a fifth at most
)
RETRY_SECONDS = 10.0  # after a failure of the database
LONG_BACKLOG = 10_000  # tickets, from which on progress is logged; intake alone leaves fewer
REPORT_SECONDS = 10.0  # between two lines of progress


async def run_search_indexer(store: Store, *, poll_seconds: float = POLL_SECONDS) -> None:
    """Index new tickets until cancelled, at the latest `poll_seconds` after they were saved."""
    progress = IndexProgress()
    while True:
        started = time.monotonic()
        try:
            backlog = await store.search_index.lag()
            progress.report(backlog, started)
            left = await store.search_index.index_batch() if backlog else 0
        except StorageError as error:
            log.error("Tickets cannot be indexed now; trying again in %.0f s. %s", RETRY_SECONDS, error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            # A batch that is not full can wait: one commit per ticket would slow down intake.
            await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - started) if left else poll_seconds)


class IndexProgress:
    """Logs how many tickets are left to index, while there are many, as after an upgrade."""

    def __init__(self) -> None:
        self._next_line: float | None = None  # None: nothing was logged yet

    def report(self, backlog: int, now: float) -> None:
        if self._next_line is None and backlog < LONG_BACKLOG:
            return
        if backlog == 0:
            log.info("All tickets are indexed")
            self._next_line = None
        elif self._next_line is None or now >= self._next_line:
            log.info("%d tickets are left to index; searches find the newest of them", backlog)
            self._next_line = now + REPORT_SECONDS
