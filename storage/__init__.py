"""SQL, and only here. Knows tickets; has never heard of HTTP, Discord or any game."""

from storage.errors import (
    BackupFailed,
    DatabaseInUse,
    NameTaken,
    StorageError,
    UnknownDelivery,
    UnknownKey,
    UnknownRejected,
    UnknownWorkspace,
    UnreadableDatabase,
)
from storage.lock import DatabaseLock, lock_path, read_note
from storage.store import Store

__all__ = [
    "BackupFailed",
    "DatabaseInUse",
    "DatabaseLock",
    "NameTaken",
    "StorageError",
    "Store",
    "UnknownDelivery",
    "UnknownKey",
    "UnknownRejected",
    "UnknownWorkspace",
    "UnreadableDatabase",
    "lock_path",
    "read_note",
]
