"""Creates, verifies, restores and prunes backups: consistent copies of the database while it is in use.

A backup is one file, readable by its owner alone. It is verified before it gets its name, so a file of that
name is a complete backup.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import BackupFailed
from storage.mapping import to_ms
from storage.sqlite.migrate import migrations

ProgressCallback = Callable[[int, int], None]  # pages copied, pages in total

_STEP_PAGES = 256  # copied per step: 1 MiB, some milliseconds
_NAME_FORMAT = "ticketbridge-%Y%m%d-%H%M%S.db"
_SUFFIXES = ("", "-wal", "-shm", "-journal")  # a database file and those that SQLite puts beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A verified backup."""

    path: Path
    tickets: int
    bytes: int


def create_backup(
    database: Path, target: Path, on_progress: ProgressCallback = lambda done, total: None
) -> Backup:
    """Copy the database to a new file. Blocks the thread, but no writer. Raises BackupFailed."""
    if not database.exists():
        raise BackupFailed(f"There is no database at {database}. Check [storage] path.")
    if target.exists():
        raise BackupFailed(f"{target} is there already. Choose another name, or move it away.")
    with _as_backup_failed(f"{target} cannot be written"), _temporary_file(target) as partial:
        with closing(_open(database, "ro")) as source, closing(sqlite3.connect(partial)) as copy:
            begin_snapshot(source)
            copy_database(source, copy, on_progress)
            # So that the backup is one file, without a write-ahead log.
            copy.execute("PRAGMA journal_mode = DELETE")
        tickets = verify_backup(partial)
        _fsync(partial)
        partial.rename(target)
        _fsync(target.parent)
    return Backup(path=target, tickets=tickets, bytes=target.stat().st_size)


def restore_backup(
    backup: Path, database: Path, now: datetime, on_progress: ProgressCallback = lambda done, total: None
) -> Path | None:
    """Replace the database by a backup; move the old one aside, and return its new path.

    What the backup holds as pending may have been delivered since, so it counts as attempted once already.
    The caller holds the database's lock. Raises BackupFailed; then nothing has changed.
    """
    database = database.resolve()  # so that a symbolic link stays one
    if not backup.exists():
        raise BackupFailed(f"There is no backup at {backup}.")
    with _as_backup_failed(f"{backup} cannot be restored"):
        verify_backup(backup)
        with _temporary_file(database) as partial:
            with closing(_open(backup, "ro")) as source, closing(sqlite3.connect(partial)) as copy:
                copy_database(source, copy, on_progress)
                mark_pending_as_attempted(copy, now)
            verify_backup(partial)
            _fsync(partial)
            aside = _move_aside(database, now)
            partial.replace(database)
            _fsync(database.parent)
    return aside


def begin_snapshot(source: sqlite3.Connection) -> None:
    """Begin a read transaction: the copy then is of this moment, and does not restart after each commit."""
    source.execute("BEGIN")
    source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # BEGIN alone reads nothing yet


def copy_database(
    source: sqlite3.Connection, copy: sqlite3.Connection, on_progress: ProgressCallback
) -> None:
    """Copy all pages in steps, so that progress can be shown."""
    source.backup(copy, pages=_STEP_PAGES, progress=lambda _, left, total: on_progress(total - left, total))


def mark_pending_as_attempted(db: sqlite3.Connection, now: datetime) -> None:
    """Give deliveries that wait an attempt that lasted until now, so that its effect is searched for."""
    with db:
        db.execute(
            """
            UPDATE outbox SET attempts = max(attempts, 1),
                              first_attempt_at = coalesce(first_attempt_at, created_at),
                              last_attempt_at = :now
            WHERE state IN ('pending', 'held')
            """,
            {"now": to_ms(now)},
        )


def verify_backup(path: Path) -> int:
    """Check that a file is an intact ticketbridge database; return its tickets. Raises BackupFailed."""
    try:
        with closing(_open(path, "ro")) as db:
            problems = [row[0] for row in db.execute("PRAGMA integrity_check(5)")]
            orphans = db.execute("PRAGMA foreign_key_check").fetchall()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (tickets,) = db.execute("SELECT count(*) FROM tickets").fetchone()
    except sqlite3.Error as error:
        raise BackupFailed(f"{path} is not a ticketbridge database, or is damaged ({error}).") from error
    if problems != ["ok"] or orphans:
        raise BackupFailed(f"{path} is damaged ({'; '.join(map(str, problems))}). Use an older backup.")
    newest = migrations()[-1][0]
    if version < 1:
        raise BackupFailed(f"{path} is not a ticketbridge database.")
    if version > newest:
        raise BackupFailed(
            f"{path} has version {version}, newer than this ticketbridge knows ({newest}). "
            "Install the newer ticketbridge first."
        )
    return int(tickets)


def scheduled_backup_name(now: datetime) -> str:
    """The file name of a scheduled backup made at that time, in UTC."""
    return now.astimezone(UTC).strftime(_NAME_FORMAT)


def newest_scheduled_at(folder: Path, now: datetime) -> datetime | None:
    """When the newest scheduled backup in a folder was made; None if there is none.

    Those of a later time than `now` were made before the clock was set back, and do not count.
    """
    return max((made for made, _ in _scheduled_backups(folder) if made <= now), default=None)


def prune_backups(folder: Path, keep: int, now: datetime) -> list[Path]:
    """Delete all scheduled backups in a folder but the newest `keep`; return the deleted ones.

    Those of a later time than `now` count as the oldest: they were made before the clock was set back. Raises
    BackupFailed.
    """
    by_age = sorted(_scheduled_backups(folder), key=lambda backup: (backup[0] <= now, backup[0]))
    old = [path for _, path in by_age[:-keep]]
    with _as_backup_failed(f"{folder} cannot be tidied"):
        for path in old:
            path.unlink()
    return old


def _scheduled_backups(folder: Path) -> Iterator[tuple[datetime, Path]]:
    for path in folder.glob("ticketbridge-*.db"):
        with suppress(ValueError):
            yield datetime.strptime(path.name, _NAME_FORMAT).replace(tzinfo=UTC), path


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)


@contextmanager
def _temporary_file(target: Path) -> Iterator[Path]:
    """A temporary file beside `target`, to be renamed to it; deleted if that does not happen."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    with _locked_folder(target.parent):
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        try:
            yield partial
        finally:
            for suffix in _SUFFIXES:
                partial.with_name(partial.name + suffix).unlink(missing_ok=True)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Hold a shared lock on a folder, after deleting what killed processes left if no other one holds it.

    On a file system without such locks nothing is deleted.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _delete_unfinished(folder)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _delete_unfinished(folder: Path) -> None:
    for suffix in _SUFFIXES:
        for path in folder.glob(f".*.unfinished{suffix}"):
            path.unlink()


def _move_aside(database: Path, now: datetime) -> Path | None:
    """Link the database under a second name, which it keeps when the restored one replaces it.

    Its write-ahead log is checkpointed before; if the file is too damaged for that, the log moves with it.
    """
    if not database.exists():
        return None
    with suppress(sqlite3.Error), closing(_open(database, "rw")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = database.with_name(f"{database.name}.before-{now:%Y%m%d-%H%M%S}")
    aside.hardlink_to(database)
    for suffix in ("-wal", "-shm"):
        log = database.with_name(database.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))
    return aside


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _as_backup_failed(problem: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(
            f"{problem} ({error}). Check the path, its permissions and the free space."
        ) from error
