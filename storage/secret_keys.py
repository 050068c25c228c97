"""Secret keys: random bytes that the bridge makes once and keeps, to sign what it gives out."""

import secrets

from storage.db import Db
from storage.engine import Engine

_LENGTH = 32  # bytes


class SecretKeyRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get_or_create(self, name: str) -> bytes:
        """The key of that name: 32 random bytes, made by the first call and the same ever after."""
        params = {"name": name}
        row = await self._engine.read(lambda db: db.one(_SELECT, params))
        if row is not None:
            return bytes(row["value"])
        new = secrets.token_bytes(_LENGTH)
        return await self._engine.write(lambda db: _insert_or_get(db, name, new))


_SELECT = "SELECT value FROM secret_keys WHERE name = :name"
_INSERT = "INSERT INTO secret_keys (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"


def _insert_or_get(db: Db, name: str, new: bytes) -> bytes:
    db.run(_INSERT, {"name": name, "value": new})
    row = db.one(_SELECT, {"name": name})
    return new if row is None else bytes(row["value"])
