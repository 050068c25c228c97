"""The same request again: what makes it the same, and the answer it gets."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A request that is carried out once, however often it comes.

    With a token (an Idempotency-Key) the token says what is the same; without one, the same digest does.
    """

    sender: str  # the prefix of the API key it came with
    path: str
    digest: str  # SHA-256 of the body, in hex
    token: str | None
    until: datetime  # how long a repeat gets the first answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a request is answered with, to the byte."""

    body: bytes
    repeated: bool = False  # whether this is the answer to an earlier one
