"""Idempotency: which requests count as the same, and the stored response a repeat gets."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """Identifies a request that is carried out once, however often it is sent.

    By its Idempotency-Key header if it has one, else by its body.
    """

    key_prefix: str  # of the API key it came with
    path: str
    body_sha256: str  # SHA-256 of the body, in hex
    header_value: str | None
    expires_at: datetime  # until then a repeat gets the stored response


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """The response to a request, to the byte."""

    body: bytes
    replayed: bool = False  # whether an earlier request was answered with it
