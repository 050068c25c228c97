"""SQL, and only here. Knows tickets; has never heard of HTTP, Discord or any game."""

from storage.condition_rows import Depth
from storage.errors import (
    BackupFailed,
    BrokenDatabase,
    DatabaseInUse,
    DiskFull,
    NameTaken,
    Overloaded,
    StorageError,
    Unavailable,
    UnknownDelivery,
    UnknownKey,
    UnknownRejected,
    UnknownWorkspace,
    UnreadableDatabase,
)
from storage.healing_store import Loss
from storage.lock import DatabaseLock, lock_path, read_note
from storage.store import Store

__all__ = [
    "BackupFailed",
    "BrokenDatabase",
    "DatabaseInUse",
    "DatabaseLock",
    "Depth",
    "DiskFull",
    "Loss",
    "NameTaken",
    "Overloaded",
    "StorageError",
    "Store",
    "Unavailable",
    "UnknownDelivery",
    "UnknownKey",
    "UnknownRejected",
    "UnknownWorkspace",
    "UnreadableDatabase",
    "lock_path",
    "read_note",
]
