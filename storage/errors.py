"""What storage says when it cannot. Each is a sentence for the operator."""


class StorageError(Exception):
    """The database did not take or give what was asked; whether a write was kept is unknown."""


class UnreadableDatabase(StorageError):
    """The file cannot be opened as a database of ours."""


class DatabaseInUse(StorageError):
    """Another process holds this database."""


class NameTaken(StorageError):
    """That name is already in use."""


class UnknownWorkspace(StorageError):
    """There is no workspace of that name."""


class UnknownKey(StorageError):
    """There is no API key with that prefix."""


class BackupFailed(StorageError):
    """There is no good backup, or none could be made."""


class UnknownDelivery(StorageError):
    """There is no undelivered delivery with that number."""


class UnknownRejected(StorageError):
    """There is no refused request with that number."""
