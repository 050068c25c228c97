"""Rows of answers to requests that may come again. Never commits."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

import aiosqlite

from bot.tickets.errors import IdempotencyKeyReused
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from storage.mapping import to_ms


def run_idempotent(
    db: sqlite3.Connection, once: IdempotencyKey | None, now: datetime, act: Callable[[], bytes]
) -> StoredResponse:
    """What the same request was answered before; otherwise what `act` answers. Raises DifferentRequest."""
    if once is None:
        return StoredResponse(body=act())
    kept = read_response(db.execute(*select_statement(once, now)), once)
    if kept is not None:
        return StoredResponse(body=kept, replayed=True)
    body = act()
    db.execute(DELETE_EXPIRED, by(now))
    db.execute(INSERT, insert_params(once, body))
    return StoredResponse(body=body)


async def find(db: aiosqlite.Connection, once: IdempotencyKey, now: datetime) -> bytes | None:
    """What the same request was answered with. Raises DifferentRequest."""
    return read_response(await db.execute_fetchall(*select_statement(once, now)), once)


async def insert(db: aiosqlite.Connection, once: IdempotencyKey, body: bytes, now: datetime) -> None:
    """Keep an answer, and let go of those that are kept no longer."""
    await db.execute(DELETE_EXPIRED, by(now))
    await db.execute(INSERT, insert_params(once, body))


def select_statement(once: IdempotencyKey, now: datetime) -> tuple[str, dict[str, object]]:
    """The statement that finds what the same request was answered, and its values."""
    values: dict[str, object] = {
        "sender": once.key_prefix,
        "path": once.path,
        "token": once.header_value,
        "digest": once.body_sha256,
        "now": to_ms(now),
    }
    return (_SELECT_BY_BODY if once.header_value is None else _SELECT_BY_HEADER), values


def read_response(rows: Iterable[sqlite3.Row], once: IdempotencyKey) -> bytes | None:
    """Raises DifferentRequest."""
    for row in rows:
        if row["digest"] != once.body_sha256:
            raise IdempotencyKeyReused
        return bytes(row["body"])
    return None


def insert_params(once: IdempotencyKey, body: bytes) -> dict[str, object]:
    return {
        "sender": once.key_prefix,
        "path": once.path,
        "token": once.header_value,
        "digest": once.body_sha256,
        "body": body,
        "until": to_ms(once.expires_at),
    }


_SELECT_BY_HEADER = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND token = :token AND keep_until > :now
"""

_SELECT_BY_BODY = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND digest = :digest AND token IS NULL AND keep_until > :now
"""


def by(now: datetime) -> dict[str, object]:
    return {"now": to_ms(now)}


DELETE_EXPIRED = "DELETE FROM answered WHERE keep_until <= :now"

INSERT = """
    INSERT INTO answered (sender, path, token, digest, body, keep_until)
    VALUES (:sender, :path, :token, :digest, :body, :until)
"""
