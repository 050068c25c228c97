"""One process per database: a lock file beside it, and a lock on the database's own file.

The lock file can be deleted, and a hard link gives the same database a second lock file. The lock on the file
itself, which only Linux has, still keeps a second process out then.
"""

import errno
import fcntl
import os
import struct
import sys
from pathlib import Path
from typing import Self

from storage.errors import DatabaseInUse, DatabaseOpenError

_LOCKED_BYTE = 2**50  # far behind the end of any database, and behind the bytes that SQLite locks


class DatabaseLock:
    """An exclusive lock on a database, released by the system however the process ends.

    The holder can publish an address in the lock file, where commands find it. Close every connection to the
    database before: closing a file drops all locks that the process has on it, SQLite's too.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = lock_path(database)
        self._fd: int | None = None
        self._database_fd: int | None = None

    def __enter__(self) -> Self:
        """Raises DatabaseInUse if another process holds the lock."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseOpenError(
                f"{self._path} cannot be written ({error.strerror}). Check the path and its permissions."
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._database_fd = _open_locked(self._database)
        except OSError as error:
            os.close(fd)
            raise self._in_use() from error
        self._fd = fd
        self.publish_address("")
        return self

    def lock_database(self) -> None:
        """Lock the database's own file too if it was created since. Raises DatabaseInUse."""
        if self._database_fd is None:
            try:
                self._database_fd = _open_locked(self._database)
            except BlockingIOError as error:
                raise self._in_use() from error

    def _in_use(self) -> DatabaseInUse:
        return DatabaseInUse(
            f"Another ticketbridge is using {self._path.name.removesuffix('.lock')}. "
            "Stop it first, or give this one a database of its own."
        )

    def publish_address(self, address: str) -> None:
        """Write the address into the lock file, in the place of an earlier one."""
        if self._fd is None:
            raise ValueError("the lock is not held")
        os.truncate(self._fd, 0)
        os.pwrite(self._fd, address.encode(), 0)

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            os.truncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None
        if self._database_fd is not None:
            os.close(self._database_fd)
            self._database_fd = None


def lock_path(database: Path) -> Path:
    """The lock file of a database; the same one through every symbolic link."""
    database = database.resolve()
    return database.with_name(f"{database.name}.lock")


def read_address(database: Path) -> str:
    """The address that the holder of the lock has published; empty if there is none."""
    try:
        return lock_path(database).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _open_locked(database: Path) -> int | None:
    """Open a file and lock it; None if it cannot be opened. Raises BlockingIOError if another has it."""
    try:
        fd = os.open(database, os.O_RDWR)
    except OSError:  # it is not there yet, or SQLite says soon what is wrong with it
        return None
    try:
        _lock_byte(fd)
    except OSError as error:  # any other one: a file system without such locks
        if error.errno in (errno.EAGAIN, errno.EACCES):
            os.close(fd)
            raise BlockingIOError(error.errno, "locked by another process") from error
    return fd


def _lock_byte(fd: int) -> None:
    if sys.platform == "linux":
        # Of this open file, not of the process: those are lost when SQLite closes the same file.
        # struct flock: type, whence, start, length, process.
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_BYTE, 1, 0)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock)
