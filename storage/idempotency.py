"""Idempotency: stored responses of requests that may be repeated. SQL within a transaction of the caller."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

import aiosqlite

from bot.tickets.errors import IdempotencyKeyReused
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from storage.mapping import to_ms


def run_idempotent(
    db: sqlite3.Connection, key: IdempotencyKey | None, now: datetime, act: Callable[[], bytes]
) -> StoredResponse:
    """Return the stored response of the same request, or call `act` and store its response.

    In the thread of the writer. Raises IdempotencyKeyReused.
    """
    if key is None:
        return StoredResponse(body=act())
    stored = read_response(db.execute(*select_statement(key, now)), key)
    if stored is not None:
        return StoredResponse(body=stored, replayed=True)
    body = act()
    db.execute(DELETE_EXPIRED, {"now": to_ms(now)})
    db.execute(INSERT, insert_params(key, body))
    return StoredResponse(body=body)


async def find(db: aiosqlite.Connection, key: IdempotencyKey, now: datetime) -> bytes | None:
    """The stored response body of the same request, or None. Raises IdempotencyKeyReused."""
    return read_response(await db.execute_fetchall(*select_statement(key, now)), key)


async def insert(db: aiosqlite.Connection, key: IdempotencyKey, body: bytes, now: datetime) -> None:
    """Store a response, and delete the expired ones."""
    await db.execute(DELETE_EXPIRED, {"now": to_ms(now)})
    await db.execute(INSERT, insert_params(key, body))


def select_statement(key: IdempotencyKey, now: datetime) -> tuple[str, dict[str, object]]:
    """The statement that selects the response of the same request, and its parameters."""
    values: dict[str, object] = {
        "sender": key.key_prefix,
        "path": key.path,
        "token": key.header_value,
        "digest": key.body_sha256,
        "now": to_ms(now),
    }
    return (_SELECT_BY_BODY if key.header_value is None else _SELECT_BY_HEADER), values


def read_response(rows: Iterable[sqlite3.Row], key: IdempotencyKey) -> bytes | None:
    """The body among the selected rows. Raises IdempotencyKeyReused."""
    for row in rows:
        if row["digest"] != key.body_sha256:
            raise IdempotencyKeyReused
        return bytes(row["body"])
    return None


def insert_params(key: IdempotencyKey, body: bytes) -> dict[str, object]:
    return {
        "sender": key.key_prefix,
        "path": key.path,
        "token": key.header_value,
        "digest": key.body_sha256,
        "body": body,
        "until": to_ms(key.expires_at),
    }


_SELECT_BY_HEADER = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND token = :token AND keep_until > :now
"""

_SELECT_BY_BODY = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND digest = :digest AND token IS NULL AND keep_until > :now
"""


DELETE_EXPIRED = "DELETE FROM answered WHERE keep_until <= :now"

INSERT = """
    INSERT INTO answered (sender, path, token, digest, body, keep_until)
    VALUES (:sender, :path, :token, :digest, :body, :until)
"""
