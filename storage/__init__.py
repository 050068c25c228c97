"""The database: every SQL statement of ticketbridge. Knows nothing of HTTP, Discord or games."""

from storage.db import Topic
from storage.deleted_channels import ChannelDeletion
from storage.erasures import MERGED_PAGES
from storage.errors import (
    BackupFailed,
    DatabaseCorrupt,
    DatabaseInUse,
    DatabaseOpenError,
    DatabaseUnavailable,
    DiskFull,
    KeyAlreadyKnown,
    Overloaded,
    StorageError,
    UnknownDelivery,
    UnknownEndpoint,
    UnknownKey,
    UnknownRejectedRequest,
    UnknownWorkspace,
    WorkspaceNameTaken,
)
from storage.outbox_admin import OutboxDepth
from storage.sqlite.backup import (
    create_backup,
    newest_scheduled_at,
    prune_backups,
    restore_backup,
    scheduled_backup_name,
    verify_backup,
)
from storage.sqlite.carried_erasures import carry_erasures
from storage.sqlite.lock import DatabaseLock, lock_path, read_address
from storage.sqlite.owner import ask_owner, serve_owner
from storage.store import Store, open_store

__all__ = [
    "MERGED_PAGES",
    "BackupFailed",
    "ChannelDeletion",
    "DatabaseCorrupt",
    "DatabaseInUse",
    "DatabaseLock",
    "DatabaseOpenError",
    "DatabaseUnavailable",
    "DiskFull",
    "KeyAlreadyKnown",
    "OutboxDepth",
    "Overloaded",
    "StorageError",
    "Store",
    "Topic",
    "UnknownDelivery",
    "UnknownEndpoint",
    "UnknownKey",
    "UnknownRejectedRequest",
    "UnknownWorkspace",
    "WorkspaceNameTaken",
    "ask_owner",
    "carry_erasures",
    "create_backup",
    "lock_path",
    "newest_scheduled_at",
    "open_store",
    "prune_backups",
    "read_address",
    "restore_backup",
    "scheduled_backup_name",
    "serve_owner",
    "verify_backup",
]
