"""What storage says when it cannot. Each is a sentence for the operator."""


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
