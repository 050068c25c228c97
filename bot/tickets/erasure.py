"""Erasure: takes out of tickets what a player wrote and who they are. The tickets stay, and are counted."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.tickets.message import Actor, Message, MessageKind
from bot.tickets.ticket import Player, Ticket

ERASED_TEXT = "[erased]"  # in the place of a message, and of the name of its author
# The beginning of a line of a chat log.
_TIME = re.compile(r"^(?:\d{4}-\d\d-\d\d )?(?:\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)? )?")
_MIN_NAME = 3  # letters of a name that is looked for in texts


class Requester(StrEnum):
    """Who wanted an erasure."""

    OPERATOR = "operator"  # on the command line
    PLAYER = "player"  # in Discord
    PLATFORM = "platform"  # the game's, by its webhook
    RETENTION = "retention"  # the workspace's period is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The record of an erasure. It has no id of the player once it is finished, only a hash."""

    id: int
    requested_by: Requester
    workspace_name: str | None  # None: of all workspaces
    source: str | None  # None for retention, which erases tickets and not a player
    player_hash: str | None
    tickets: int  # whose texts were erased, or the reported player
    messages: int
    requested_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerExport:
    """A part of what is stored about a player, in JSON. `next_after` is the `after` of the next part."""

    tickets: tuple[dict[str, object], ...]
    reported_in: tuple[dict[str, object], ...]
    links: tuple[dict[str, object], ...]
    next_after: int | None


def hash_player(source: str, player_id: str) -> str:
    """The hash by which an erasure keeps a player's id. It can be found again by trying all ids."""
    return hashlib.sha256(f"{source}:{player_id}".encode()).hexdigest()


def erase_content(ticket: Ticket, now: datetime) -> Ticket:
    """Take out all texts and the reporter. Ids, status, category, times and the reported player stay."""
    closer = ticket.closed_by
    is_own = closer is not None and ticket.is_reported_by(closer.source, closer.id)
    return replace(
        ticket,
        subject="",
        body="",
        fields=(),
        chat_log=(),
        reporter=Player(),
        closed_by=None if is_own else closer,
        close_reason="",
        erased_at=ticket.erased_at or now,
    )


def erase_reported_player(ticket: Ticket, now: datetime) -> Ticket:
    """Take out the reported player and what they said in the chat. The reporter's own texts stay."""
    player = ticket.reported_player
    if player is None:
        return ticket
    return replace(
        ticket,
        subject=ticket.subject.removesuffix(f": {player.name}") if player.name else ticket.subject,
        chat_log=tuple(line for line in ticket.chat_log if not is_said_by(line, player)),
        reported_player=None,
        reported_erased_at=now,
    )


def erase_message(message: Message, ticket: Ticket) -> Message:
    """Take out a message's text, and its author if that is the reporter.

    A line of the history stays if it does not name the reporter, but without its detail.
    """
    is_reporters = ticket.is_reported_by(message.author.source, message.author.id)
    if (
        message.kind is MessageKind.EVENT
        and not is_reporters
        and not names_player(message.text, ticket.reporter)
    ):
        return replace(message, detail="")
    author = Actor(id="", name=ERASED_TEXT, source=message.author.source) if is_reporters else message.author
    return replace(message, author=author, text=ERASED_TEXT, detail="")


def is_said_by(line: str, player: Player) -> bool:
    """Whether a line of a chat log is a player's: `Name: text`, after any time, or JSON that names them."""
    if line.startswith("{"):
        return names_player(line, player)
    said = _TIME.sub("", line).casefold()
    return any(said.startswith(f"{name.casefold()}:") for name in _names(player))


def names_player(text: str, player: Player) -> bool:
    """Whether a text has a player's id or one of their names, as a word of its own."""
    return bool(player_pattern([player.id, *_names(player), player.label]).search(text))


def player_pattern(names: Iterable[str | None]) -> re.Pattern[str]:
    """What finds any of these ids and names in a text, in any case; an id also without its dashes."""
    given = [name for name in names if name]
    wanted = {*given, *(name.replace("-", "") for name in given)} - {""}
    longest_first = sorted(wanted, key=len, reverse=True)
    found = "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest_first)
    return re.compile(found or r"(?!)", re.IGNORECASE)


def searchable_names(player: Player) -> set[str]:
    """The names that are long enough to be looked for where a text may have them by chance."""
    return {name for name in _names(player) if len(name) >= _MIN_NAME}


def _names(player: Player) -> list[str]:
    return [name for name in (player.name, player.display_name) if name]
