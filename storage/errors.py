"""What storage says when it cannot, each a sentence for the operator, and which a failure of SQLite means."""

import sqlite3


class StorageError(Exception):
    """The database did not take or give what was asked; whether a write was kept is unknown."""


class DatabaseUnavailable(StorageError):
    """The database takes nothing for now, and will again by itself once the cause is gone."""


class Overloaded(StorageError):
    """So much waits to be written that no more is taken on."""


class DiskFull(DatabaseUnavailable):
    """There is no room for what was to be kept."""


class DatabaseCorrupt(StorageError):
    """The disk failed, or the file is damaged: whoever has it open must end, and start anew or not at all."""


class DatabaseOpenError(StorageError):
    """The file cannot be opened as a database of ours."""


class DatabaseInUse(StorageError):
    """Another process holds this database."""


class WorkspaceNameTaken(StorageError):
    """That name is already in use."""


class UnknownWorkspace(StorageError):
    """There is no workspace of that name."""


class UnknownKey(StorageError):
    """There is no API key with that prefix."""


class BackupFailed(StorageError):
    """There is no good backup, or none could be made."""


class UnknownDelivery(StorageError):
    """There is no undelivered delivery with that number."""


class UnknownRejectedRequest(StorageError):
    """There is no refused request with that number."""


# A transaction that failed so may be on the disk all the same, and what is read may be wrong.
_CORRUPT_CODES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TRANSIENT_CODES = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
)
# The file by which connections find each other cannot grow, and what it stands for grows again with the next
# write: a full disk, though SQLite counts it among the broken ones.
_DISK_FULL_CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_PRIMARY_CODE = 0xFF  # the bits of a code that say what it is; the others say where


def translate_error(error: sqlite3.Error) -> StorageError:
    """The failure in our own words."""
    code = error_code(error)
    if code in _DISK_FULL_CODES:
        return DiskFull("The database failed: the disk is full. Free some space; it goes on by itself.")
    if code & _PRIMARY_CODE in _CORRUPT_CODES:
        return DatabaseCorrupt(f"The database failed: {error} ({error.sqlite_errorname}).")
    kind = DatabaseUnavailable if code & _PRIMARY_CODE in _TRANSIENT_CODES else StorageError
    return kind(f"The database failed: {error}.")


def is_corruption(error: BaseException) -> bool:
    """Whether it says that what is in the file is not what was written."""
    return isinstance(error, sqlite3.Error) and error_code(error) & _PRIMARY_CODE == sqlite3.SQLITE_CORRUPT


def error_code(error: sqlite3.Error) -> int:
    """SQLite's extended result code; 0 for what the sqlite3 module itself refuses."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code
