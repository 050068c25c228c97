"""Scheduled backups: one every so many hours, the oldest deleted. Knows nothing of tickets."""

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path

from bot.clock import utc_now
from bot.config import BackupSettings
from storage import BackupFailed
from storage.backup import create_backup, newest_scheduled_at, prune_backups, scheduled_backup_name

log = logging.getLogger(__name__)

RETRY_DELAY = timedelta(hours=1)


async def run_backup_schedule(database: Path, settings: BackupSettings) -> None:
    """Until cancelled. A restart waits for what is left of the hours since the last one."""
    if settings.folder is None:
        return
    while True:
        await asyncio.sleep(seconds_until_next_backup(settings.folder, settings.hours, utc_now()))
        try:
            await asyncio.to_thread(back_up_and_prune, database, settings.folder, settings.keep)
        except BackupFailed as error:
            log.error("The scheduled backup failed; trying again in an hour. %s", error)
            await asyncio.sleep(RETRY_DELAY.total_seconds())


def seconds_until_next_backup(folder: Path, hours: int, now: datetime) -> float:
    """0 if there is no scheduled backup in the folder, or the newest is that old."""
    newest = newest_scheduled_at(folder)
    return 0.0 if newest is None else max(0.0, (newest + timedelta(hours=hours) - now).total_seconds())


def back_up_and_prune(database: Path, folder: Path, keep: int) -> None:
    """Raises BackupFailed; then nothing older is deleted."""
    made = create_backup(database, folder / scheduled_backup_name(utc_now()))
    gone = prune_backups(folder, keep)
    log.info("Backup %s holds %d tickets; %d older ones are deleted", made.path.name, made.tickets, len(gone))
