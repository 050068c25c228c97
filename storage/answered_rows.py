"""Rows of answers to requests that may come again. Never commits."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

import aiosqlite

from bot.tickets import DifferentRequest, Once
from storage.times import to_ms


async def find(db: aiosqlite.Connection, once: Once, now: datetime) -> bytes | None:
    """What the same request was answered with. Raises DifferentRequest."""
    return answer_in(await db.execute_fetchall(*asking_for(once, now)), once)


async def insert(db: aiosqlite.Connection, once: Once, body: bytes, now: datetime) -> None:
    """Keep an answer, and let go of those that are kept no longer."""
    await db.execute(FORGET, by(now))
    await db.execute(INSERT, values_of(once, body))


def asking_for(once: Once, now: datetime) -> tuple[str, dict[str, object]]:
    """The statement that finds what the same request was answered, and its values."""
    values: dict[str, object] = {
        "sender": once.sender,
        "path": once.path,
        "token": once.token,
        "digest": once.digest,
        "now": to_ms(now),
    }
    return (_WITHOUT if once.token is None else _WITH_HEADER), values


def answer_in(rows: Iterable[sqlite3.Row], once: Once) -> bytes | None:
    """Raises DifferentRequest."""
    for row in rows:
        if row["digest"] != once.digest:
            raise DifferentRequest
        return bytes(row["body"])
    return None


def values_of(once: Once, body: bytes) -> dict[str, object]:
    return {
        "sender": once.sender,
        "path": once.path,
        "token": once.token,
        "digest": once.digest,
        "body": body,
        "until": to_ms(once.until),
    }


_WITH_HEADER = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND token = :token AND keep_until > :now
"""

_WITHOUT = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND digest = :digest AND token IS NULL AND keep_until > :now
"""


def by(now: datetime) -> dict[str, object]:
    return {"now": to_ms(now)}


FORGET = "DELETE FROM answered WHERE keep_until <= :now"

INSERT = """
    INSERT INTO answered (sender, path, token, digest, body, keep_until)
    VALUES (:sender, :path, :token, :digest, :body, :until)
"""
