"""API keys: what a game server authenticates with, for one workspace and one source."""

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime

_BASE62 = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A saved API key. The key itself is never saved: only its SHA-256, and its prefix to recognise it."""

    prefix: str
    workspace_id: str
    workspace_name: str
    source: str
    created_at: datetime
    name: str = ""  # what its operator calls it
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # to the minute
    revoked_at: datetime | None = None

    def is_valid_for(self, source: str, now: datetime) -> bool:
        """Whether it is for that source, and neither revoked nor expired."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.source == source and self.revoked_at is None and not expired


def generate_api_key() -> tuple[str, str]:
    """Return a new API key, `tb_<8 letters or digits>_<40 letters or digits>`, and its prefix, the 8."""
    prefix = "".join(secrets.choice(_BASE62) for _ in range(8))
    secret = "".join(secrets.choice(_BASE62) for _ in range(40))
    return f"tb_{prefix}_{secret}", prefix


def hash_api_key(key: str) -> str:
    """Return the SHA-256 of a key in hex. A key has 238 random bits, so a slow hash would add nothing.

    A header may hold any bytes; those that are not UTF-8 are hashed too, and match no key.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
