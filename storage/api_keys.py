"""API keys: their hashes are stored, never the keys themselves."""

from datetime import datetime

from bot.tickets.api_keys import ApiKey
from storage.cache import ReadCache
from storage.db import Db, Row
from storage.engine import Engine
from storage.errors import KeyAlreadyKnown, UnknownKey
from storage.mapping import from_ms, optional_from_ms, to_ms
from storage.workspaces import get_workspace_by_name

_TOUCH_TIMEOUT = 0.5  # seconds to wait for the database before a use goes unrecorded


class ApiKeyRepository:
    """Every method is one transaction. Keys are cached until one is revoked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_hash: ReadCache[ApiKey | None] = ReadCache()

    async def add(
        self,
        workspace_name: str,
        source: str,
        *,
        prefix: str,
        key_hash: str,
        now: datetime,
        name: str = "",
        expires_at: datetime | None = None,
    ) -> ApiKey:
        """Store a key's hash. Raises UnknownWorkspace and KeyAlreadyKnown."""

        def insert(db: Db) -> ApiKey:
            workspace = get_workspace_by_name(db, workspace_name)
            known = _find(db, key_hash)
            if known is not None:
                raise _already_known(known, now)
            key = ApiKey(
                prefix=prefix,
                workspace_id=workspace.id,
                workspace_name=workspace.name,
                source=source,
                created_at=now,
                name=name,
                expires_at=expires_at,
            )
            _insert(db, key, key_hash)
            return key

        return await self._engine.write(insert, locks=[f"api_key:{key_hash}"])

    async def list_all(self) -> list[ApiKey]:
        """All keys, oldest first, including expired and revoked ones."""
        return await self._engine.read(lambda db: [_from_row(row) for row in db.all(_ALL)])

    async def find(self, key_hash: str) -> ApiKey | None:
        """The key with this hash, valid or not, or None. Its `last_used_at` may be out of date."""
        return await self._by_hash.get(key_hash, lambda: self._engine.read(lambda db: _find(db, key_hash)))

    async def touch_last_used(self, prefix: str, now: datetime) -> None:
        """Store when a key was last used. Gives up after half a second: the request waits for it."""
        await self._engine.write(
            lambda db: db.run(
                "UPDATE api_keys SET last_used_at = :now WHERE prefix = :prefix",
                {"prefix": prefix, "now": to_ms(now)},
            ),
            max_seconds=_TOUCH_TIMEOUT,
        )

    async def revoke(self, prefix: str, now: datetime) -> None:
        """Revoke a key, from the next request on. Raises UnknownKey."""
        try:
            await self._engine.write(lambda db: _revoke(db, prefix, now))
        finally:
            self._by_hash.invalidate()


_ALL = """
    SELECT api_keys.*, workspaces.name AS workspace_name
    FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
    ORDER BY api_keys.created_at, prefix
"""
_BY_HASH = """
    SELECT api_keys.*, workspaces.name AS workspace_name
    FROM api_keys JOIN workspaces ON workspaces.id = workspace_id
    WHERE key_hash = :key_hash
"""


def _find(db: Db, key_hash: str) -> ApiKey | None:
    row = db.one(_BY_HASH, {"key_hash": key_hash})
    return None if row is None else _from_row(row)


def _insert(db: Db, key: ApiKey, key_hash: str) -> None:
    db.run(
        """
        INSERT INTO api_keys (key_hash, prefix, workspace_id, source, name, created_at, expires_at)
        VALUES (:key_hash, :prefix, :workspace_id, :source, :name, :created_at, :expires_at)
        """,
        {
            "key_hash": key_hash,
            "prefix": key.prefix,
            "workspace_id": key.workspace_id,
            "source": key.source,
            "name": key.name,
            "created_at": to_ms(key.created_at),
            "expires_at": to_ms(key.expires_at) if key.expires_at else None,
        },
    )


def _already_known(key: ApiKey, now: datetime) -> KeyAlreadyKnown:
    known = f"This key is known already: its prefix is {key.prefix}"
    if key.is_valid_for(key.source, now):
        return KeyAlreadyKnown(f"{known}, for source {key.source} and workspace {key.workspace_name}.")
    state = "it was revoked" if key.revoked_at else "it has expired"
    return KeyAlreadyKnown(
        f"{known}, and {state}, for good. Make a new key where it is from, and import that."
    )


def _revoke(db: Db, prefix: str, now: datetime) -> None:
    found = db.run(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, :now) WHERE prefix = :prefix",
        {"prefix": prefix, "now": to_ms(now)},
    )
    if not found:
        raise UnknownKey(f"There is no API key with the prefix {prefix}. `ticketbridge key list` shows them.")


def _from_row(row: Row) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        source=row["source"],
        name=row["name"],
        created_at=from_ms(row["created_at"]),
        expires_at=optional_from_ms(row["expires_at"]),
        last_used_at=optional_from_ms(row["last_used_at"]),
        revoked_at=optional_from_ms(row["revoked_at"]),
    )
