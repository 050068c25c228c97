"""Workspaces and their API keys: who may file tickets, and which guild and channels show them."""

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime

_BASE62 = string.ascii_letters + string.digits
DEFAULT_DEPARTMENT = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkspace:
    """What an operator names when a workspace is made. All ids are Discord's."""

    name: str
    guild_id: int
    tickets_channel_id: int
    reports_channel_id: int
    staff_role_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(NewWorkspace):
    """A kept workspace: what API keys belong to; owns routes and a guild."""

    id: str  # a UUID, as text: what the game server sees
    created_at: datetime

    def channel_for(self, *, view_only: bool) -> int:
        """The Discord channel in which a ticket of this workspace is posted."""
        return self.reports_channel_id if view_only else self.tickets_channel_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A kept API key. The key itself is never kept: only its SHA-256, and its prefix to recognise it by."""

    prefix: str
    workspace_id: str
    workspace_name: str
    source: str
    created_at: datetime
    revoked_at: datetime | None = None


def mint_key() -> tuple[str, str]:
    """A new API key and its prefix: `tb_<8 letters or digits>_<40 letters or digits>` (238 random bits)."""
    prefix = "".join(secrets.choice(_BASE62) for _ in range(8))
    secret = "".join(secrets.choice(_BASE62) for _ in range(40))
    return f"tb_{prefix}_{secret}", prefix


def hash_key(key: str) -> str:
    """What is kept of a key: its SHA-256 in hex. A key has 238 random bits, so a slow hash would add nothing.

    A header may hold any bytes; what is not UTF-8 hashes like anything else, and is simply unknown.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
