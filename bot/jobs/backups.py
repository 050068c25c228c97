"""Scheduled backups: one every so many hours, the oldest deleted. Knows nothing of tickets."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.config import BackupSettings
from storage import BackupFailed
from storage.backup import back_up, newest_scheduled, prune, scheduled_name

log = logging.getLogger(__name__)

_AFTER_A_FAILURE = timedelta(hours=1)


async def keep_backups(database: Path, settings: BackupSettings) -> None:
    """Until cancelled. A restart waits for what is left of the hours since the last one."""
    if settings.folder is None:
        return
    while True:
        await asyncio.sleep(seconds_to_next(settings.folder, settings.hours, datetime.now(UTC)))
        try:
            await asyncio.to_thread(back_up_and_prune, database, settings.folder, settings.keep)
        except BackupFailed as error:
            log.error("The scheduled backup failed; trying again in an hour. %s", error)
            await asyncio.sleep(_AFTER_A_FAILURE.total_seconds())


def seconds_to_next(folder: Path, hours: int, now: datetime) -> float:
    """0 if there is no scheduled backup in the folder, or the newest is that old."""
    newest = newest_scheduled(folder)
    return 0.0 if newest is None else max(0.0, (newest + timedelta(hours=hours) - now).total_seconds())


def back_up_and_prune(database: Path, folder: Path, keep: int) -> None:
    """Raises BackupFailed; then nothing older is deleted."""
    made = back_up(database, folder / scheduled_name(datetime.now(UTC)))
    gone = prune(folder, keep)
    log.info("Backup %s holds %d tickets; %d older ones are deleted", made.path.name, made.tickets, len(gone))
