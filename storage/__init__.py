"""The database: every SQL statement of ticketbridge. Knows nothing of HTTP, Discord or games."""

from storage.deleted_channels import ChannelDeletion
from storage.errors import (
    BackupFailed,
    DatabaseCorrupt,
    DatabaseInUse,
    DatabaseOpenError,
    DatabaseUnavailable,
    DiskFull,
    Overloaded,
    StorageError,
    UnknownDelivery,
    UnknownKey,
    UnknownRejectedRequest,
    UnknownWorkspace,
    WorkspaceNameTaken,
)
from storage.outbox_admin import OutboxDepth
from storage.sqlite.lock import DatabaseLock, lock_path, read_address
from storage.store import Store, open_store

__all__ = [
    "BackupFailed",
    "ChannelDeletion",
    "DatabaseCorrupt",
    "DatabaseInUse",
    "DatabaseLock",
    "DatabaseOpenError",
    "DatabaseUnavailable",
    "DiskFull",
    "OutboxDepth",
    "Overloaded",
    "StorageError",
    "Store",
    "UnknownDelivery",
    "UnknownKey",
    "UnknownRejectedRequest",
    "UnknownWorkspace",
    "WorkspaceNameTaken",
    "lock_path",
    "open_store",
    "read_address",
]
