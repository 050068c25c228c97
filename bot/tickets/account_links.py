"""Account links: which game account belongs to which Discord account, and the codes that link them."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.tickets.errors import UnknownLinkCode

# Of characters that look alike there is one, and there are no vowels, so no words.
ALPHABET = "BCDFGHJKMNPQRTVWXY234579"
_LOOKALIKES = str.maketrans("SZ86", "52BG")
_CODE_LENGTH = 8  # 24 ** 8 codes: 110,000,000,000
CODE_LIFETIME = timedelta(minutes=10)
MAX_LINKS = 25  # of one Discord account in one workspace; a Discord menu holds as many

# Wrong codes in any ATTEMPT_WINDOW. Once one of these is reached, no code is even looked up.
ATTEMPT_WINDOW = timedelta(minutes=10)
MAX_ATTEMPTS = 5  # of one game account, or of one Discord account
MAX_ATTEMPTS_OF_KEY = 100  # of all game accounts of one API key together


@dataclass(frozen=True, slots=True, kw_only=True)
class GameAccount:
    """A game account. Its id is what the source calls the reporter of that player's tickets."""

    source: str
    player_id: str
    name: str | None = None  # as the game server last named the player


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordMember:
    """A Discord account in one server."""

    guild_id: int
    discord_id: int
    name: str  # as it was shown when the account was linked


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLink:
    """A saved link. In one workspace a game account is linked to one Discord account at most."""

    id: int
    discord_id: int
    discord_name: str
    workspace_id: str
    account: GameAccount
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCode:
    """A code as it is shown to its owner, once: only its hash is saved."""

    text: str  # as BCDF-2345
    expires_at: datetime


def generate_link_code(now: datetime) -> LinkCode:
    """Return a new random code, valid for 10 minutes."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(_CODE_LENGTH))
    return LinkCode(text=f"{code[:4]}-{code[4:]}", expires_at=now + CODE_LIFETIME)


def hash_link_code(typed: str) -> str:
    """Return the SHA-256 of a typed link code, whatever its case, dashes and blanks.

    It keeps codes out of backups; who reads the database while a code is valid can find the code. Raises
    UnknownLinkCode for what cannot be a code.
    """
    code = "".join(typed.replace("-", "").split()).upper().translate(_LOOKALIKES)
    if len(code) != _CODE_LENGTH or not set(code) <= set(ALPHABET):
        raise UnknownLinkCode
    return hashlib.sha256(code.encode()).hexdigest()
