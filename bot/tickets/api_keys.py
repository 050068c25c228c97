"""API keys: what a game server authenticates with, for one workspace and one source."""

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime

from bot.tickets.errors import InvalidApiKey
from bot.tickets.sentence import Sentence

_BASE62 = string.ascii_letters + string.digits
MAX_IMPORTED_LENGTH = 512
_MIN_IMPORTED_LENGTH, _MIN_DIFFERENT_CHARACTERS = 20, 6


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
    prefix = generate_prefix()
    secret = "".join(secrets.choice(_BASE62) for _ in range(40))
    return f"tb_{prefix}_{secret}", prefix


def generate_prefix() -> str:
    """Return 8 random letters or digits. An imported key's prefix is random too, to reveal nothing of it."""
    return "".join(secrets.choice(_BASE62) for _ in range(8))


def check_imported_key(key: str) -> None:
    """Raises InvalidApiKey, which does not quote the key, if it fits no HTTP header or could be guessed."""
    has_length = _MIN_IMPORTED_LENGTH <= len(key) <= MAX_IMPORTED_LENGTH
    is_visible = all("!" <= character <= "~" for character in key)
    if not has_length or not is_visible or len(set(key)) < _MIN_DIFFERENT_CHARACTERS:
        raise InvalidApiKey(
            Sentence(
                "An imported key has {shortest} to {longest} visible ASCII characters and no blanks, and at "
                "least {different} of them differ: a key that can be guessed protects nothing.",
                shortest=_MIN_IMPORTED_LENGTH,
                longest=MAX_IMPORTED_LENGTH,
                different=_MIN_DIFFERENT_CHARACTERS,
            )
        )


def hash_api_key(key: str) -> str:
    """Return the SHA-256 of a key in hex.

    A slow hash would add nothing: a generated key has 238 random bits, and an imported one is not guessed
    within the limit of failed attempts. A header may hold any bytes; those that are not UTF-8 are hashed too,
    and match no key.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
