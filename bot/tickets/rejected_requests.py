"""Rejected requests: bodies that did not validate or whose category is unknown, saved for the operator."""

from dataclasses import dataclass
from datetime import datetime

MAX_BODY_BYTES = 64 * 1024  # bytes of each body: a ticket of the greatest length
MAX_PER_KEY = 50  # requests of each API key


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRequest:
    """A request with a valid API key and a body that was not accepted."""

    id: int
    key_prefix: str
    workspace_name: str
    source: str
    path: str
    reason: str  # as it was answered
    body: bytes  # its beginning
    size: int  # of the whole body, in bytes
    created_at: datetime
