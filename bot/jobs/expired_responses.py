"""Deletes the stored responses of requests whose time for repeats is over."""

import asyncio
import logging

from storage import StorageError, Store

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0


async def run_response_cleanup(store: Store, *, interval: float = INTERVAL_SECONDS) -> None:
    """Delete expired responses until cancelled."""
    while True:
        try:
            await store.intake.delete_expired_responses(store.now())
        except StorageError as error:
            log.error("Expired responses cannot be deleted now; trying again later. %s", error)
        await asyncio.sleep(interval)
