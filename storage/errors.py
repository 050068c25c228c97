"""Errors of storage, each a sentence for the operator."""


class StorageError(Exception):
    """A read or write failed; whether a write was stored is unknown."""


class DatabaseUnavailable(StorageError):
    """The database accepts no writes for now, and recovers by itself once the cause is gone."""


class Overloaded(StorageError):
    """Too many writes are queued to accept another."""


class DiskFull(DatabaseUnavailable):
    """The disk is full."""


class DatabaseCorrupt(StorageError):
    """The disk failed, or the file is damaged: the process has to stop, for no write can be trusted."""


class DatabaseOpenError(StorageError):
    """The file cannot be opened as a ticketbridge database."""


class DatabaseInUse(StorageError):
    """Another process has locked this database."""


class WorkspaceNameTaken(StorageError):
    """Another workspace has that name."""


class UnknownWorkspace(StorageError):
    """There is no workspace with that name or id."""


class UnknownKey(StorageError):
    """There is no API key with that prefix."""


class KeyAlreadyKnown(StorageError):
    """That API key is stored already; it may be revoked or expired."""


class BackupFailed(StorageError):
    """A backup could not be made, verified or restored."""


class UnknownDelivery(StorageError):
    """There is no undelivered delivery with that id."""


class UnknownEndpoint(StorageError):
    """There is no outgoing webhook with that id."""


class UnknownRejectedRequest(StorageError):
    """There is no rejected request with that id."""
