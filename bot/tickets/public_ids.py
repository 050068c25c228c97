"""Public ticket ids: endless candidates, of which the database takes the first that is free."""

import secrets
import string
from collections.abc import Iterator
from datetime import datetime

_TRIES_PER_LENGTH = 10


def numeric_ids(prefix: str) -> Iterator[str]:
    """Yield `PREFIX-123456`: six digits, and one more each time ten candidates in a row were taken."""
    digits = 6
    while True:
        for _ in range(_TRIES_PER_LENGTH):
            yield f"{prefix}-{10 ** (digits - 1) + secrets.randbelow(9 * 10 ** (digits - 1))}"
        digits += 1


def timestamp_ids(prefix: str, now: datetime) -> Iterator[str]:
    """Yield `PREFIX-<10 digits>-<4 letters>`: the second of creation, then four random capital letters."""
    while True:
        letters = "".join(secrets.choice(string.ascii_uppercase) for _ in range(4))
        yield f"{prefix}-{int(now.timestamp()):010d}-{letters}"
