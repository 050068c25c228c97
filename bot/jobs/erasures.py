"""Erases players as it was requested, in batches, and then what the database's files have of it."""

import asyncio
import logging
import time
from contextlib import suppress

from storage import MERGED_PAGES, StorageError, Store, Topic

log = logging.getLogger(__name__)

POLL_SECONDS = 60.0  # also without a request; one that was made before a restart is taken up at the start
RETRY_SECONDS = 10.0  # after a failure of the database, and while a backup needs its log
PAUSE_FACTOR = 4.0  # pauses four times as long as a batch took, so the writer is busy with it a fifth at most


async def run_erasures(store: Store, *, poll_seconds: float = POLL_SECONDS) -> None:
    """Erase what is to be erased until cancelled."""
    with store.subscription(Topic.ERASURES) as requested:
        while True:
            requested.clear()
            try:
                await erase_pending(store)
                wait = poll_seconds if await purge(store) else RETRY_SECONDS
            except StorageError as error:
                log.error("Players cannot be erased now; trying again in %.0f s. %s", RETRY_SECONDS, error)
                wait = RETRY_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(requested.wait(), wait)


async def erase_pending(store: Store) -> None:
    """Erase all players that are to be erased."""
    for erasure_id in await store.erasures.pending_ids():
        has_more = True
        while has_more:
            began = time.monotonic()
            has_more = await store.erasures.run_batch(erasure_id, store.now())
            await _pause(began)
        erasure = await store.erasures.get(erasure_id)
        log.info("A player was erased from %d tickets", erasure.tickets, extra={"source": erasure.source})


async def purge(store: Store) -> bool:
    """Take what was erased out of the database's files. Returns False if a backup needs the log now."""
    began_at, ids = store.now(), await store.erasures.unpurged_ids()
    if not ids:
        return True
    pages, has_more = -MERGED_PAGES, True
    while has_more:
        began = time.monotonic()
        has_more = await store.erasures.merge_search_index(pages)
        pages = MERGED_PAGES
        await _pause(began)
    if not await store.erasures.purge_log():
        return False
    await store.erasures.mark_purged(ids, began_at)
    return True


async def _pause(began: float) -> None:
    await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - began))
