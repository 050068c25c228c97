"""The same request again: what makes it the same, and the answer it gets."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A request that is carried out once, however often it comes.

    With a token (an Idempotency-Key) the token says what is the same; without one, the same digest does.
    """

    key_prefix: str  # the prefix of the API key it came with
    path: str
    body_sha256: str  # SHA-256 of the body, in hex
    header_value: str | None
    expires_at: datetime  # how long a repeat gets the first answer


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """What a request is answered with, to the byte."""

    body: bytes
    replayed: bool = False  # whether this is the answer to an earlier one
