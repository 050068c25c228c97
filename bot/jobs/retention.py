"""Retention: once a day, erases tickets that ended longer ago than their workspace keeps them."""

import asyncio
import logging
import time
from datetime import timedelta

from storage import StorageError, Store

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 86_400.0
RETRY_SECONDS = 60.0  # after a failure of the database
PAUSE_FACTOR = 4.0  # pauses four times as long as a batch took, so the writer is busy with it a fifth at most


async def run_retention(store: Store, *, interval: float = INTERVAL_SECONDS) -> None:
    """Erase at the start, then once a day, until cancelled."""
    while True:
        try:
            for workspace in await store.workspaces.list_all():
                if workspace.retention_days is not None:
                    await erase_ended(store, workspace.id, timedelta(days=workspace.retention_days))
        except StorageError as error:
            log.error("Tickets cannot be erased now; trying again in a minute. %s", error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await asyncio.sleep(interval)


async def erase_ended(store: Store, workspace_id: str, period: timedelta) -> None:
    """Erase the tickets of a workspace whose period is over."""
    erased, count = 0, 1
    while count:
        began, now = time.monotonic(), store.now()
        count = await store.erasures.erase_ended(workspace_id, now - period, now)
        erased += count
        await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - began))
    if erased:
        log.info("%d tickets were erased that ended long ago", erased, extra={"workspace_id": workspace_id})
