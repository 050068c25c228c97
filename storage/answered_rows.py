"""Rows of answers to requests that may come again. Never commits."""

from datetime import datetime

import aiosqlite

from bot.tickets import DifferentRequest, Once
from storage.times import to_ms


async def find(db: aiosqlite.Connection, once: Once, now: datetime) -> bytes | None:
    """What the same request was answered with. Raises DifferentRequest."""
    values = {
        "sender": once.sender,
        "path": once.path,
        "token": once.token,
        "digest": once.digest,
        "now": to_ms(now),
    }
    rows = await db.execute_fetchall(_WITHOUT if once.token is None else _WITH_HEADER, values)
    for row in rows:
        if row["digest"] != once.digest:
            raise DifferentRequest
        return bytes(row["body"])
    return None


_WITH_HEADER = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND token = :token AND keep_until > :now
"""

_WITHOUT = """
    SELECT digest, body FROM answered
    WHERE sender = :sender AND path = :path AND digest = :digest AND token IS NULL AND keep_until > :now
"""


async def insert(db: aiosqlite.Connection, once: Once, body: bytes, now: datetime) -> None:
    """Keep an answer, and let go of those that are kept no longer."""
    await db.execute("DELETE FROM answered WHERE keep_until <= :now", {"now": to_ms(now)})
    await db.execute(
        """
        INSERT INTO answered (sender, path, token, digest, body, keep_until)
        VALUES (:sender, :path, :token, :digest, :body, :until)
        """,
        {
            "sender": once.sender,
            "path": once.path,
            "token": once.token,
            "digest": once.digest,
            "body": body,
            "until": to_ms(once.until),
        },
    )
