"""Backups: a copy of the whole database as of one moment, while it is written to; and the way back.

A backup is one file, readable by its owner alone. It is verified before it gets its name, so that a file of
that name is a whole backup.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import BackupFailed
from storage.migrate import migrations

ProgressCallback = Callable[[int, int], None]  # pages done, pages in all

_STEP_PAGES = 256  # copied between two looks at the progress: 1 MiB, some milliseconds
_NAME_FORMAT = "ticketbridge-%Y%m%d-%H%M%S.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A verified backup."""

    path: Path
    tickets: int
    bytes: int


def create_backup(
    database: Path, target: Path, on_progress: ProgressCallback = lambda done, total: None
) -> Backup:
    """Copy the database as it is now. Blocks; writers go on meanwhile. Raises BackupFailed."""
    if not database.exists():
        raise BackupFailed(f"There is no database at {database}. Check [storage] path.")
    if target.exists():
        raise BackupFailed(f"{target} is there already. Choose another name, or move it away.")
    with _as_backup_failed(f"{target} cannot be written"), _temporary_file(target) as unfinished:
        with closing(_open(database, "ro")) as source, closing(sqlite3.connect(unfinished)) as copy:
            source.backup(
                copy, pages=_STEP_PAGES, progress=lambda _, left, total: on_progress(total - left, total)
            )
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        tickets = verify(unfinished)
        _fsync(unfinished)
        unfinished.rename(target)
        _fsync(target.parent)
    return Backup(path=target, tickets=tickets, bytes=target.stat().st_size)


def restore(
    backup: Path, database: Path, now: datetime, on_progress: ProgressCallback = lambda done, total: None
) -> Path | None:
    """Put a backup in the database's place; what was there is moved aside, and its new path returned.

    The caller holds the database's lock. Raises BackupFailed, and then nothing has changed.
    """
    database = database.resolve()  # a link stays a link
    if not backup.exists():
        raise BackupFailed(f"There is no backup at {backup}.")
    with _as_backup_failed(f"{backup} cannot be restored"):
        verify(backup)
        with _temporary_file(database) as unfinished:
            with closing(_open(backup, "ro")) as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(
                    copy,
                    pages=_STEP_PAGES,
                    progress=lambda _, left, total: on_progress(total - left, total),
                )
            verify(unfinished)
            _fsync(unfinished)
            aside = _move_aside(database, now)
            unfinished.replace(database)
            _fsync(database.parent)
    return aside


def verify(path: Path) -> int:
    """How many tickets are in a whole and healthy database of ours. Raises BackupFailed."""
    try:
        with closing(_open(path, "ro")) as db:
            found = [row[0] for row in db.execute("PRAGMA integrity_check(5)")]
            orphans = db.execute("PRAGMA foreign_key_check").fetchall()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (tickets,) = db.execute("SELECT count(*) FROM tickets").fetchone()
    except sqlite3.Error as error:
        raise BackupFailed(f"{path} is no database of ours, or is damaged ({error}).") from error
    if found != ["ok"] or orphans:
        raise BackupFailed(f"{path} is damaged ({'; '.join(map(str, found))}). Use an older backup.")
    newest = migrations()[-1][0]
    if version < 1:
        raise BackupFailed(f"{path} is no database of ours.")
    if version > newest:
        raise BackupFailed(
            f"{path} has version {version}, newer than this ticketbridge knows ({newest}). "
            "Install the newer ticketbridge first."
        )
    return int(tickets)


def scheduled_backup_name(now: datetime) -> str:
    """What a scheduled backup made at that time, in UTC, is called."""
    return now.astimezone(UTC).strftime(_NAME_FORMAT)


def newest_scheduled_at(folder: Path) -> datetime | None:
    """When the newest scheduled backup of a folder was made."""
    return max((made for made, _ in _scheduled_backups(folder)), default=None)


def prune_backups(folder: Path, keep: int) -> list[Path]:
    """Delete all but so many of the newest scheduled backups of a folder. Raises BackupFailed."""
    gone = [path for _, path in sorted(_scheduled_backups(folder))[:-keep]]
    with _as_backup_failed(f"{folder} cannot be tidied"):
        for path in gone:
            path.unlink()
    return gone


def _scheduled_backups(folder: Path) -> Iterator[tuple[datetime, Path]]:
    for path in folder.glob("ticketbridge-*.db"):
        with suppress(ValueError):
            yield datetime.strptime(path.name, _NAME_FORMAT).replace(tzinfo=UTC), path


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """A file to be finished and then named `target`; gone if that does not happen."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    try:
        yield unfinished
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)


def _move_aside(database: Path, now: datetime) -> Path | None:
    """Give the database a second name, under which it stays when another takes its first.

    Its log goes into it before; that of a damaged one, which cannot take it, goes with it.
    """
    if not database.exists():
        return None
    with suppress(sqlite3.Error), closing(_open(database, "rw")) as damaged_or_not:
        damaged_or_not.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = database.with_name(f"{database.name}.before-{now:%Y%m%d-%H%M%S}")
    aside.hardlink_to(database)
    for suffix in ("-wal", "-shm"):
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _as_backup_failed(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(
            f"{what} ({error}). Check the path, its permissions and the free space."
        ) from error
