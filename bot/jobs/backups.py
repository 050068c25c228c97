"""Scheduled backups: one every so many hours; the oldest are deleted."""

import asyncio
import logging
from datetime import datetime, timedelta
from pathlib import Path

from bot.clock import utc_now
from bot.config import BackupSettings
from storage import BackupFailed, create_backup, newest_scheduled_at, prune_backups, scheduled_backup_name

log = logging.getLogger(__name__)

RETRY_DELAY = timedelta(hours=1)


async def run_backup_schedule(database: Path, settings: BackupSettings) -> None:
    """Back up on schedule until cancelled. After a restart the wait counts from the newest backup."""
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
    """0 if the folder has no scheduled backup, or the newest is older than `hours`."""
    newest = newest_scheduled_at(folder, now)
    return 0.0 if newest is None else max(0.0, (newest + timedelta(hours=hours) - now).total_seconds())


def back_up_and_prune(database: Path, folder: Path, keep: int) -> None:
    """Make a backup, then delete the oldest ones. Raises BackupFailed, with nothing deleted."""
    now = utc_now()
    backup = create_backup(database, folder / scheduled_backup_name(now))
    deleted = prune_backups(folder, keep, now)
    log.info(
        "Backup %s holds %d tickets; %d older backups deleted", backup.path.name, backup.tickets, len(deleted)
    )
