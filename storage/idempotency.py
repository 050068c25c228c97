"""Idempotency: stored responses of requests that may be repeated. SQL within a transaction of the caller."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from bot.tickets.errors import IdempotencyKeyReused
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from storage.db import Db, Params, Row
from storage.mapping import to_ms


def run_idempotent(
    db: Db, key: IdempotencyKey | None, now: datetime, act: Callable[[], bytes]
) -> StoredResponse:
    """Return the stored response of the same request, or call `act` and store its response.

    Raises IdempotencyKeyReused.
    """
    stored = find_response(db, key, now) if key is not None else None
    if stored is not None:
        return stored
    response = act()
    if key is not None:
        db.run(INSERT, response_params(key, response, to_ms(now)))
    return StoredResponse(body=response)


def find_response(db: Db, key: IdempotencyKey, now: datetime) -> StoredResponse | None:
    """The stored response of the same request, or None. Raises IdempotencyKeyReused."""
    row = db.one(
        """
        SELECT body_sha256, response FROM idempotent_responses
        WHERE key_prefix = :prefix AND path = :path AND idempotency_key = :key AND expires_at > :now
        """,
        {"prefix": key.key_prefix, "path": key.path, "key": _stored_key(key), "now": to_ms(now)},
    )
    if row is None:
        return None
    if row["body_sha256"] != key.body_sha256:
        raise IdempotencyKeyReused
    return StoredResponse(body=bytes(row["response"]), replayed=True)


def response_params(key: IdempotencyKey, response: bytes, now_ms: int) -> Params:
    """The parameters of INSERT."""
    return {
        "prefix": key.key_prefix,
        "path": key.path,
        "key": _stored_key(key),
        "sha256": key.body_sha256,
        "response": response,
        "until": to_ms(key.expires_at),
        "now": now_ms,
    }


def _stored_key(key: IdempotencyKey) -> str:
    return f"body:{key.body_sha256}" if key.header_value is None else f"header:{key.header_value}"


# Takes the place of an expired response; changes no row if the request has one that is not.
INSERT = """
    INSERT INTO idempotent_responses (key_prefix, path, idempotency_key, body_sha256, response, expires_at)
    VALUES (:prefix, :path, :key, :sha256, :response, :until)
    ON CONFLICT (key_prefix, path, idempotency_key)
    DO UPDATE SET body_sha256 = :sha256, response = :response, expires_at = :until
    WHERE idempotent_responses.expires_at <= :now
"""


def select_expired(db: Db, after: Params, now: datetime, limit: int) -> tuple[list[Params], Params | None]:
    """The keys of the expired among the next `limit` responses, and the last of them all; None at the end.

    Reads in the order of the primary key: an index by time would cost every request that is stored.
    """
    rows = db.all(
        """
        SELECT key_prefix, path, idempotency_key, expires_at FROM idempotent_responses
        WHERE (key_prefix, path, idempotency_key) > (:prefix, :path, :key)
        ORDER BY key_prefix, path, idempotency_key LIMIT :limit
        """,
        {**after, "limit": limit},
    )
    keys = [_primary_key(row) for row in rows]
    expired = [key for key, row in zip(keys, rows, strict=True) if row["expires_at"] <= to_ms(now)]
    return expired, keys[-1] if len(keys) == limit else None


def select_matching(
    db: Db, *, after: Params, scope: Params, pattern: re.Pattern[str], limit: int
) -> tuple[list[Params], Params | None]:
    """The keys of the next `limit` responses of a source that match, and the last of all; None at the end.

    Those of all workspaces if `scope` has none.
    """
    rows = db.all(_NEXT_OF_SCOPE, {**after, **scope, "limit": limit})
    found = [
        _primary_key(row) for row in rows if pattern.search(bytes(row["response"]).decode("utf-8", "replace"))
    ]
    return found, _primary_key(rows[-1]) if len(rows) == limit else None


_NEXT_OF_SCOPE = """
    SELECT idempotent_responses.key_prefix, path, idempotency_key, response
    FROM idempotent_responses JOIN FIRST api_keys ON api_keys.prefix = key_prefix
    WHERE (key_prefix, path, idempotency_key) > (:prefix, :path, :key)
      AND source = :source AND (workspace_id = :workspace OR CAST(:workspace AS TEXT) IS NULL)
    ORDER BY key_prefix, path, idempotency_key LIMIT :limit
"""


def delete_responses(db: Db, keys: Sequence[Params]) -> None:
    """Delete the responses with these keys."""
    db.run_many(
        """
        DELETE FROM idempotent_responses
        WHERE key_prefix = :prefix AND path = :path AND idempotency_key = :key
        """,
        keys,
    )


FIRST_KEY: Params = {"prefix": "", "path": "", "key": ""}  # before all others


def delete_expired(db: Db, keys: Sequence[Params], now: datetime) -> int:
    """Delete the responses with these keys that are still expired; return how many there were."""
    return db.run_many(
        """
        DELETE FROM idempotent_responses
        WHERE key_prefix = :prefix AND path = :path AND idempotency_key = :key AND expires_at <= :now
        """,
        [{**key, "now": to_ms(now)} for key in keys],
    )


def _primary_key(row: Row) -> Params:
    return {"prefix": row["key_prefix"], "path": row["path"], "key": row["idempotency_key"]}
