"""Translates SQLite's errors into those of storage."""

import sqlite3

from storage.errors import DatabaseCorrupt, DatabaseUnavailable, DiskFull, StorageError

# After one of these a failed transaction may be on the disk all the same, and reads may be wrong.
_CORRUPT_CODES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TRANSIENT_CODES = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
)
# SHMSIZE: the WAL index could not grow. That is a full disk, although SQLite calls it an I/O error.
_DISK_FULL_CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_PRIMARY_CODE = 0xFF  # mask of the primary result code within an extended one


def translate_error(error: sqlite3.Error) -> StorageError:
    """Translate an error of SQLite into one of ours."""
    code = error_code(error)
    if code in _DISK_FULL_CODES:
        return DiskFull("The database failed: the disk is full. Free some space; it goes on by itself.")
    if code & _PRIMARY_CODE in _CORRUPT_CODES:
        return DatabaseCorrupt(f"The database failed: {error} ({error.sqlite_errorname}).")
    kind = DatabaseUnavailable if code & _PRIMARY_CODE in _TRANSIENT_CODES else StorageError
    return kind(f"The database failed: {error}.")


def is_corruption(error: BaseException) -> bool:
    """Whether the error says that the database file is corrupt."""
    return isinstance(error, sqlite3.Error) and error_code(error) & _PRIMARY_CODE == sqlite3.SQLITE_CORRUPT


def error_code(error: sqlite3.Error) -> int:
    """SQLite's extended result code; 0 for an error of the sqlite3 module itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code
