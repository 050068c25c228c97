"""Requests that were refused for what is in them, kept so that a sender can be helped."""

from dataclasses import dataclass
from datetime import datetime

MAX_BODY_BYTES = 8 * 1024  # bytes of each body
MAX_PER_KEY = 50  # requests of each API key


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRequest:
    """A request with a valid key and a body that makes no sense."""

    id: int
    key_prefix: str
    workspace_name: str
    source: str
    path: str
    reason: str  # what the sender was told
    body: bytes  # its beginning
    size: int  # of the whole body, in bytes
    created_at: datetime
