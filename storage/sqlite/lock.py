"""One process per database: a lock file beside it, held as long as the process lives."""

import fcntl
import os
from pathlib import Path
from typing import Self

from storage.errors import DatabaseInUse, DatabaseOpenError


class DatabaseLock:
    """An exclusive lock on a database, released by the system however the process ends.

    The holder can publish an address in the lock file, where commands find it.
    """

    def __init__(self, database: Path) -> None:
        self._path = lock_path(database)
        self._fd: int | None = None

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
        except OSError as error:
            os.close(fd)
            raise DatabaseInUse(
                f"Another ticketbridge is using {self._path.name.removesuffix('.lock')}. "
                "Stop it first, or give this one a database of its own."
            ) from error
        self._fd = fd
        self.publish_address("")
        return self

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
