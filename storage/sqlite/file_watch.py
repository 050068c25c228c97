"""Notices that a file of the open database was deleted or replaced: the file, its log, or its lock file.

SQLite goes on with the deleted file, so that all it commits from then on is lost when the process ends. With
another lock file, a second process could open the same database.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from storage.errors import DatabaseCorrupt
from storage.sqlite.lock import lock_path

CHECK_INTERVAL = 1.0  # seconds

FileId = tuple[int, int]  # device and inode: no other file has them while this one is open


class FileWatch:
    """Which files the database consisted of when it was opened."""

    def __init__(self, database: Path) -> None:
        """Remember the files. To be called once SQLite has opened the database, and so made its log."""
        self._opened = identify_files(files_of(database))
        self._checked_at = time.monotonic()

    def check(self) -> None:
        """Compare the files with those that were opened. Raises DatabaseCorrupt."""
        self._checked_at = time.monotonic()
        changed = changed_files(self._opened, identify_files(self._opened))
        if changed:
            raise DatabaseCorrupt(
                f"The database failed: {changed[0]} was deleted or replaced while it was in use. Put it or a "
                "backup in its place before you start again, or tickets are missing."
            )

    def cause_of(self, error: DatabaseCorrupt) -> DatabaseCorrupt:
        """The reason for an error, if that is a deleted or replaced file; else the error itself."""
        try:
            self.check()
        except DatabaseCorrupt as cause:
            return cause
        return error

    def check_if_due(self) -> None:
        """The same, unless it was done less than a second ago: cheap enough for every commit."""
        if time.monotonic() - self._checked_at >= CHECK_INTERVAL:
            self.check()


def files_of(database: Path) -> list[Path]:
    """The database, its write-ahead log with its index, and its lock file."""
    real = database.resolve()  # where SQLite puts the log of a database that is opened by a symbolic link
    log, index = (real.with_name(real.name + suffix) for suffix in ("-wal", "-shm"))
    return [database, log, index, lock_path(database)]


def identify_files(paths: Iterable[Path]) -> dict[Path, FileId]:
    """The ids of those files that exist."""
    return {path: found for path in paths if (found := _file_id(path)) is not None}


def changed_files(opened: Mapping[Path, FileId], found: Mapping[Path, FileId]) -> list[Path]:
    """The files that were opened and are now missing, or others."""
    return [path for path, file_id in opened.items() if found.get(path) != file_id]


def _file_id(path: Path) -> FileId | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
