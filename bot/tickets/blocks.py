"""Blocked reporters: their tickets are kept, but not posted, until the block is removed or expires."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.tickets.errors import TicketError
from bot.tickets.message import Actor
from bot.tickets.sentence import Sentence

FOREVER = "forever"
REASON_LIMIT = 300  # characters
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([0-9]{1,5}) ?([mhdw])")


class InvalidDuration(TicketError):
    """A duration is a number with m, h, d or w, such as 1h or 7d; or it is forever."""


class UnknownBlock(TicketError):
    """That player is not blocked. `/block list` shows who is."""


class AlreadyBlocked(TicketError):
    """This player is blocked already. `/block remove` ends that."""


class NoReporterToBlock(TicketError):
    """It is not known yet who filed this ticket, so there is no player to block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBlock:
    """A block that is not saved yet."""

    workspace_id: str
    source: str
    player_id: str  # what the source's tickets call their reporter
    player_name: str | None
    reason: str
    blocked_by: Actor
    blocked_at: datetime
    expires_at: datetime | None  # None: never

    @property
    def label(self) -> str:
        """What people call the player: a name if one is known, and the source."""
        return f"{self.player_name or self.player_id} · {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(NewBlock):
    """A saved block; it stays in the database when it has ended."""

    id: int
    ended_at: datetime | None = None  # when it was removed; None also for one that has expired
    ended_by: str | None = None  # the name of who removed it
    kept_tickets: int = 0  # tickets that came while it was in force

    def is_active(self, now: datetime) -> bool:
        return self.ended_at is None and (self.expires_at is None or self.expires_at > now)


def parse_duration(text: str) -> timedelta | None:
    """The duration of a typed one: `30m`, `1h`, `7d`, `2w`; None for `forever`. Raises InvalidDuration."""
    typed = text.strip().lower()
    if typed == FOREVER:
        return None
    found = _DURATION.fullmatch(typed)
    if found is None or int(found[1]) == 0:
        raise InvalidDuration
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def already_blocked(block: Block) -> AlreadyBlocked:
    """The error for a player who is blocked already; it names who did it."""
    return AlreadyBlocked(
        Sentence(
            "{name} has blocked this player already: {reason}. `/block remove` ends that.",
            name=block.blocked_by.name,
            reason=block.reason,
        )
    )


def note_about(block: Block, duration: str) -> str:
    """The note on the ticket whose reporter was blocked."""
    return f"Blocked the reporter ({block.player_name or block.player_id}), {duration}: {block.reason}"
